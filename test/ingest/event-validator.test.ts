import t from 'tap'
import fc from 'fast-check'
import { v1, v3, v4, v5, v6, v7 } from 'uuid'
import { Event, EVENT_TYPES, Properties, PROPERTIES_MAX_DEPTH, REJECTION_CODES, USER_ID_MAX_LENGTH, type RejectionCode } from '../../schemas/index.ts'
import { isEventId, isUserId, violationOf } from '../../src/ingest/event-validator.ts'
import { parseJson } from '../../src/ingest/json-value.ts'
import { checkTable } from '../table.ts'

const ID = '0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7b'
const VALID = { event_id: ID, user_id: 'ada', event_type: 'click', timestamp: '2026-11-23T14:05:09.120Z' }

/** What is found wrong with a valid event in which some fields are others. */
function verdict(fields: object): [RejectionCode, string] | undefined {
  const rejection = violationOf({ ...VALID, ...fields })
  if (rejection !== undefined && rejection.detail === '') throw new Error('a rejection without words')
  return rejection && [rejection.code, rejection.pointer]
}

/** The same for properties given as text, which may say what an object literal cannot. */
function ofProperties(text: string): [RejectionCode, string] | undefined {
  return verdict({ properties: parseJson(text) })
}

/** A value in letters that any terminal shows. */
function ascii(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

t.test('an event whose fields are right is valid', async (t) => {
  t.equal(violationOf(VALID), undefined)
  checkTable(t, EVENT_TYPES.map((event_type) => [event_type, verdict({ event_type }), undefined]))
  const objects = [
    '{}', '{"page":""}', '{"page":"/home","amount":0,"product_id":"p-1"}', '{"amount":-0}', '{"amount":0.1e-9}', '{"amount":1.7976931348623157e308}', '{"x":null}',
    '{"x":[null,true,{"y":-5.5}]}', '{"constructor":{"prototype":{}}}', '{"toString":1,"hasOwnProperty":2,"valueOf":null}', '{"proto":1,"__proto":2,"_proto__":3}',
    '{"x":"__proto__"}', '{"":1}', '{"Page":1,"AMOUNT":"x"}', '{"nested":{"page":1,"amount":"x","product_id":null}}', '{"1":1,"0":0}', '{"x":"\\ud800"}', '{"\\u0000":"\\u0000"}'
  ]
  checkTable(t, objects.map((properties) => [properties, ofProperties(properties), undefined]))
})

t.test('what is no object is no event', async (t) => {
  for (const value of [null, undefined, true, false, 0, 1.5, '', 'event', [], [VALID]]) {
    t.match(violationOf(value), { code: 'invalid_event', pointer: '' }, JSON.stringify(value))
  }
})

t.test('an event without one of its fields is rejected', async (t) => {
  for (const field of Event.required!) {
    const { [field as keyof typeof VALID]: _, ...rest } = VALID
    t.match(violationOf(rest), { code: 'missing_field', pointer: `/${field}`, detail: new RegExp(field) }, field)
  }
  t.match(violationOf({}), { code: 'missing_field' }, 'all of them')
  t.same(Object.keys(VALID), Event.required, 'these are all')
})

t.test('a field that an event does not have is rejected, and pointed to', async (t) => {
  const cases: [field: string, pointer: string][] = [
    ['id', '/id'], ['Event_id', '/Event_id'], ['', '/'], ['a/b', '/a~1b'], ['~', '/~0'], ['~1', '/~01'], ['constructor', '/constructor'], ['toString', '/toString'],
    ['hasOwnProperty', '/hasOwnProperty'], ['0', '/0'], ['é', '/é'], ['event_id ', '/event_id ']
  ]
  checkTable(t, cases.map(([field, pointer]) => [JSON.stringify(field), verdict({ [field]: null }), ['unknown_field', pointer]]))
})

t.test('an event id is a UUID in its text form, in any case, not nil or max', async (t) => {
  const right = [
    v1(), v3('x', ID), v4(), v5('x', ID), v6(), v7(), ID.toUpperCase(), '0191F0c4-9d5C-7a3e-8b1f-2C3d4e5f6a7B',
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((version) => `00000000-0000-${version}000-8000-000000000000`),
    ...['8', '9', 'a', 'b', 'A', 'B'].map((variant) => `ffffffff-ffff-4fff-${variant}fff-ffffffffffff`)
  ]
  checkTable(t, right.map((event_id) => [event_id, verdict({ event_id }), undefined]))
  const wrong: unknown[] = [
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 'fFFFFFFF-ffff-ffff-ffff-ffffffffffff',
    ...['0', '9', 'a', 'f'].map((version) => `0191f0c4-9d5c-${version}a3e-8b1f-2c3d4e5f6a7b`),
    ...['0', '7', 'c', 'f'].map((variant) => `0191f0c4-9d5c-7a3e-${variant}b1f-2c3d4e5f6a7b`),
    `urn:uuid:${ID}`, `{${ID}}`, ID.replaceAll('-', ''), ` ${ID}`, `${ID} `, `${ID}\n`, ID.slice(1), `${ID}0`, ID.replace('0', 'g'), ID.replace('0', '０'), ID.replaceAll('-', '_'),
    '0191f0c49d-5c-7a3e-8b1f-2c3d4e5f6a7b', '', 'not-a-uuid', null, 42, true, [ID], { id: ID }
  ]
  checkTable(t, wrong.map((event_id) => [JSON.stringify(event_id), verdict({ event_id }), ['invalid_event_id', '/event_id']]))
  t.notOk(isEventId(''))
})

t.test('a user id has 1 to 256 code points, no control characters and no lone surrogates', async (t) => {
  const max = USER_ID_MAX_LENGTH
  const right = [
    'a', ' ', '0', 'constructor', '__proto__', 'toString', 'hasOwnProperty', 'ada@example.org', 'Łukasz', '用户', '\u00a0', '\u2028', '\u200d', '\ufeff', '\uffff', '"', '\\',
    '<script>', '\u{1f600}', 'x'.repeat(max), 'é'.repeat(max), '\u{1f600}'.repeat(max), '\u{10ffff}'.repeat(max), 'e\u0301'.repeat(max / 2)
  ]
  checkTable(t, right.map((user_id) => [`${ascii(user_id).slice(0, 20)}, ${user_id.length} units`, verdict({ user_id }), undefined]))
  const wrong: unknown[] = [
    '', 'x'.repeat(max + 1), 'é'.repeat(max + 1), '\u{1f600}'.repeat(max + 1), 'x'.repeat(max) + '\u{1f600}', 'e\u0301'.repeat(max / 2) + 'e',
    '\ud800', '\udfff', 'a\ud800', '\udc00\ud800', '\ud83d \ude00', 'a\ud800\ud83d\ude00', null, 42, false, ['ada'], { name: 'ada' },
    ...Array.from({ length: 0x20 }, (_, code) => `a${String.fromCharCode(code)}b`), '\u007f',
    ...Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(0x80 + code))
  ]
  checkTable(t, wrong.map((user_id) => [ascii(user_id).slice(0, 30), verdict({ user_id }), ['invalid_user_id', '/user_id']]))
  t.ok(isUserId(''), 'the length is the schema\'s')
  t.notOk(isUserId('\u0085'))
})

t.test('an event type is one of the known ones, to the letter', async (t) => {
  const types = ['', 'Click', 'CLICK', 'click ', ' click', 'clicks', 'page-view', 'constructor', '__proto__', 'toString', null, 0, 1, true, ['click'], {}]
  checkTable(t, types.map((event_type) => [JSON.stringify(event_type), verdict({ event_type }), ['invalid_event_type', '/event_type']]))
  t.match(violationOf({ ...VALID, event_type: 'x' })?.detail, new RegExp(EVENT_TYPES.join('.*')), 'the choices are named')
})

t.test('a timestamp that is none is rejected', async (t) => {
  t.equal(verdict({ timestamp: '2026-11-23t15:05:09.123456789+01:00' }), undefined)
  const times = ['', 'now', '2026-11-23', '2026-02-30T00:00:00Z', '2026-11-23 14:05:09Z', '1969-12-31T23:59:59Z', 1795442709120, null, true, [], {}]
  checkTable(t, times.map((timestamp) => [JSON.stringify(timestamp), verdict({ timestamp }), ['invalid_timestamp', '/timestamp']]))
})

t.test('typed properties have their types, and others any', async (t) => {
  const cases: [properties: string, pointer: string][] = [
    ['null', '/properties'], ['[]', '/properties'], ['1', '/properties'], ['"{}"', '/properties'], ['true', '/properties'],
    ['{"page":null}', '/properties/page'], ['{"page":1}', '/properties/page'], ['{"page":["/"]}', '/properties/page'], ['{"page":{}}', '/properties/page'],
    ['{"amount":null}', '/properties/amount'], ['{"amount":"1"}', '/properties/amount'], ['{"amount":-1}', '/properties/amount'], ['{"amount":-1e-300}', '/properties/amount'],
    ['{"amount":true}', '/properties/amount'], ['{"amount":[1]}', '/properties/amount'],
    ['{"product_id":null}', '/properties/product_id'], ['{"product_id":7}', '/properties/product_id'],
    ['{"am\\u006funt":"1"}', '/properties/amount'], ['{"amount":1,"amount":-1}', '/properties/amount']
  ]
  checkTable(t, cases.map(([properties, pointer]) => [properties, ofProperties(properties), ['invalid_properties', pointer]]))
  t.equal(ofProperties('{"amount":-1,"amount":1}'), undefined, 'of a repeated key the last value counts')
  t.match(violationOf({ ...VALID, properties: { page: 1 } }), { detail: 'properties.page must be string' })
  t.match(violationOf({ ...VALID, properties: null }), { detail: 'properties must be object' })
  t.same(Object.keys(Properties.properties), ['page', 'amount', 'product_id'], 'these are all')
})

t.test('__proto__ is no key, wherever and however it is spelled', async (t) => {
  for (const key of ['"__proto__"', '"\\u005f_proto__"', '"\\u005F\\u005f\\u0070roto__"', '"__prot\\u006f__"']) {
    checkTable(t, ['null', '1', '{}', '{"a":1}', '[]'].map((value) =>
      [`${key}: ${value}`, ofProperties(`{${key}:${value}}`), ['forbidden_key', '/properties/__proto__']]))
    t.same(ofProperties(`{"a":{"b":[0,{${key}:1}]}}`), ['forbidden_key', '/properties/a/b/1/__proto__'], `${key}, deeper`)
    t.same(ofProperties(`{"a/b":{"c~d":{${key}:1}}}`), ['forbidden_key', '/properties/a~1b/c~0d/__proto__'], `${key}, under keys that need escapes`)
    const event = parseJson(`{"event_id":"${ID}",${key}:{"user_id":"ada","event_type":"click","timestamp":"2026-11-23T14:05:09Z"}}`)
    t.match(violationOf(event), { code: 'forbidden_key', pointer: '/__proto__' }, `${key} of the event`)
    t.match(violationOf(parseJson(`{"event_id":{${key}:1}}`)), { code: 'forbidden_key', pointer: '/event_id/__proto__' }, `${key} in another field`)
  }
  t.equal(({} as { a?: number }).a, undefined, 'and nothing was polluted')
})

t.test('a number that is not finite rejects its event, wherever it is', async (t) => {
  for (const number of ['1e400', '-1e400', '1e309', `1${'0'.repeat(400)}`, '1E+9999999999']) {
    t.same(ofProperties(`{"amount":${number}}`), ['number_not_finite', '/properties/amount'], number)
    t.same(ofProperties(`{"x":[1,{"y/z":${number}}]}`), ['number_not_finite', '/properties/x/1/y~1z'], `${number}, deeper`)
    checkTable(t, Event.required!.map((field) => [`${number} as ${field}`, verdict({ [field]: JSON.parse(number) }), ['number_not_finite', `/${field}`]]))
    t.same(verdict({ other: JSON.parse(number) }), ['number_not_finite', '/other'], `${number} in an unknown field`)
  }
  t.same(ofProperties('1e400'), ['number_not_finite', '/properties'])
  t.equal(ofProperties('{"x":1e-400,"y":1.7976931348623157e308}'), undefined, 'too small is zero')
})

t.test('properties may be 16 levels deep', async (t) => {
  /** So many levels, of which the outermost is `properties`; arrays and objects by turns, or arrays only. */
  const levels = (count: number, open: string, close: string): string => `{"k":${open.repeat(count - 1)}0${close.repeat(count - 1)}}`
  t.equal(PROPERTIES_MAX_DEPTH, 16)
  for (const [open, close] of [['{"k":', '}'], ['[', ']']]) {
    t.equal(ofProperties(levels(PROPERTIES_MAX_DEPTH, open, close)), undefined, `${open} at the limit`)
    const step = open === '[' ? '/0' : '/k'
    t.same(ofProperties(levels(PROPERTIES_MAX_DEPTH + 1, open, close)), ['nesting_too_deep', `/properties/k${step.repeat(PROPERTIES_MAX_DEPTH - 1)}`], `${open} above it`)
    t.equal(ofProperties(levels(900, open, close))?.[0], 'nesting_too_deep', `${open} far above it`)
  }
  t.equal(ofProperties('{"k":' + '['.repeat(14) + '{}' + ']'.repeat(14) + '}'), undefined, 'an empty object is a level')
  t.equal(ofProperties('{"k":' + '['.repeat(15) + '{}' + ']'.repeat(15) + '}')?.[0], 'nesting_too_deep', 'an empty object is a level')
  t.equal(ofProperties(`{"a":${'['.repeat(15)}${']'.repeat(15)},"b":${'['.repeat(15)}${']'.repeat(15)}}`), undefined, 'neighbours do not add up')
})

t.test('every rejection is one of the documented codes, with a pointer to what is there', async (t) => {
  const field = fc.oneof(fc.constantFrom(...Object.keys(Event.properties)), fc.constantFrom('other', '__proto__', 'a/b', '~'))
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(VALID), Infinity, -Infinity, { __proto__: null, page: 1 }))
  const seen = new Set<string>()
  fc.assert(fc.property(fc.array(fc.tuple(field, value), { maxLength: 3 }), fc.boolean(), (changes, whole) => {
    const event = Object.fromEntries([...(whole ? Object.entries(VALID) : []), ...changes])
    const rejection = violationOf(event)
    if (rejection === undefined) return
    seen.add(rejection.code)
    if (!REJECTION_CODES.includes(rejection.code)) throw new Error(`${rejection.code} is not documented`)
    let at: unknown = event
    const path = rejection.pointer.split('/').slice(1).map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    if (rejection.code === 'missing_field') path.pop()
    for (const token of path) {
      if (!Object.hasOwn(at as object, token)) throw new Error(`${rejection.pointer} points nowhere in ${JSON.stringify(event)}`)
      at = (at as Record<string, unknown>)[token]
    }
  }), { numRuns: 1000 })
  t.ok(seen.size >= 7, [...seen].join(', '))
})

t.test('a UUID of no version or variant of RFC 9562 is told so, and what to make ids of', async (t) => {
  const detail = (event_id: string): string => violationOf({ event_id, user_id: 'ada', event_type: 'click', timestamp: '2026-11-23T14:05:09.120Z' })!.detail
  for (const id of ['0191f0c4-9d5c-0a3e-8b1f-2c3d4e5f6a7b', '0191f0c4-9d5c-9a3e-8b1f-2c3d4e5f6a7b', '0191F0C4-9D5C-7A3E-CB1F-2C3D4E5F6A7B']) {
    t.match(detail(id), /version.*variant.*RFC 9562.*version 5/, id)
  }
  for (const id of ['', 'x', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0191f0c49d5c0a3e8b1f2c3d4e5f6a7b']) {
    t.match(detail(id), /36-character/, id)
  }
})
