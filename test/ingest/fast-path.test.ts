/** The fast path against the slow one: whatever comes in, both give the same verdicts and the same bytes. */
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import t from 'tap'
import fc from 'fast-check'
import { EVENT_MAX_BYTES, PROPERTIES_MAX_DEPTH, USER_ID_MAX_LENGTH } from '../../schemas/index.ts'
import type { BodyKind } from '../../src/ingest/body-reader.ts'
import { FUTURE_TOLERANCE } from '../../src/ingest/slow-path.ts'
import { CANONICAL, eventText, NOW, otherTime } from './event-texts.ts'
import { CORPUS, DEEP_TEXTS } from './json-corpus.ts'
import { lineSpacing, spacing } from './json-trees.ts'
import { mutations, TELLING_BYTES } from './mutations.ts'
import { readAsUsual, readSlowly } from './readings.ts'

/** How many events, over all bodies that were compared, were good or bad, and how many of the good ones took the fast path. */
class Tally {
  fast = 0
  good = 0
  bad = 0
  problems = 0

  get text(): string {
    return `${this.fast} of ${this.good} good events took the fast path, beside ${this.bad} bad ones and ${this.problems} spoilt bodies`
  }
}

/** Reads a body with and without the fast path, and holds each event against what it must be. */
function compare(body: Buffer, kind: BodyKind, tally: Tally): void {
  const { fast, ...outcome } = readAsUsual(body, kind, NOW)
  assert.deepStrictEqual(outcome, readSlowly(body, kind, NOW), body.toString())
  const { fast: none, ...without } = readAsUsual(body, kind, NOW, false)
  assert.deepStrictEqual(without, outcome, body.toString())
  assert.equal(none, 0)
  const { problem, events = [], errors = [] } = outcome
  for (const { id, type, time, user, text } of events) {
    const event = JSON.parse(text) as Record<string, unknown>
    assert.deepStrictEqual([event.event_id, event.event_type, event.timestamp, event.user_id], [id, type, new Date(time).toISOString(), user], text)
  }
  tally.fast += fast
  tally.good += events.length
  tally.bad += errors.length
  if (problem !== undefined) tally.problems++
}

/** The body of one event alone, in an array, and as a line. */
function compareEverywhere(event: Buffer, tally: Tally): void {
  compare(event, 'json', tally)
  compare(Buffer.concat([Buffer.from('['), event, Buffer.from(']')]), 'json', tally)
  compare(Buffer.concat([Buffer.from('{"events":['), event, Buffer.from(']}')]), 'json', tally)
  compare(Buffer.concat([event, Buffer.from(`\n${JSON.stringify(CANONICAL)}`)]), 'ndjson', tally)
}

const RICH = '{"event_id":"0191F0C4-9d5c-7a3e-8b1f-2c3d4e5f6a7b","user_id":"ada","event_type":"page_view","timestamp":"2026-11-23T14:05:09.120Z",' +
  '"properties":{"page":"/é","amount":10.50,"product_id":"p","x":[-1.5,{"a":null,"b":true},false,""],"y":{}}}'

const OTHER = '{"timestamp":"2026-11-23T16:05:09.120456+02:00","user_id":"ada","properties":{"x":"2026-11-23T16:05:09.120456+02:00"},' +
  '"event_id":"0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7b","event_type":"click"}'

t.test('generated events, alone and in batches', async (t) => {
  const tally = new Tally()
  fc.assert(fc.property(fc.array(eventText, { minLength: 1, maxLength: 6 }), spacing, (events, spaces) => {
    const between = spaces.join('')
    compare(Buffer.from(events[0]), 'json', tally)
    compare(Buffer.from(`${between}[${between}${events.join(`${between},${between}`)}${between}]${between}`), 'json', tally)
  }), { numRuns: 200 })
  t.ok(tally.fast > 100 && tally.good > tally.fast + 75 && tally.bad > 100, tally.text)
})

t.test('generated events, line by line', async (t) => {
  const tally = new Tally()
  const newline = fc.constantFrom('\n', '\n', '\r\n', '\n\n', '\n \t\r\n')
  fc.assert(fc.property(fc.array(eventText, { maxLength: 6 }), newline, lineSpacing, fc.constantFrom('', '\ufeff'), (events, end, spaces, mark) => {
    const around = spaces.join('')
    compare(Buffer.from(mark + events.map((event) => around + event + around).join(end) + end), 'ndjson', tally)
  }), { numRuns: 200 })
  t.ok(tally.fast > 100 && tally.good > tally.fast + 75 && tally.bad > 100, tally.text)
})

t.test('mutated bytes', async (t) => {
  const tally = new Tally()
  fc.assert(fc.property(fc.array(eventText, { maxLength: 3 }), eventText, fc.option(mutations, { freq: 9 }), fc.nat(3), (neighbours, event, mutate, place) => {
    const wrong = mutate === null ? Buffer.from(event) : mutate(Buffer.from(event))
    const all = neighbours.map((text) => Buffer.from(text)).toSpliced(Math.min(place, neighbours.length), 0, Buffer.from(wrong))
    compare(joined(all, '\n'), 'ndjson', tally)
    compare(Buffer.concat([Buffer.from('['), joined(all, ','), Buffer.from(']')]), 'json', tally)
    compare(Buffer.concat([Buffer.from('{"events": ['), joined(all, ','), Buffer.from(']}')]), 'json', tally)
    compare(wrong, 'json', tally)
  }), { numRuns: 350 })
  t.ok(tally.fast > 100 && tally.bad > 200 && tally.problems > 600, tally.text)
})

function joined(parts: Buffer[], separator: string): Buffer {
  return Buffer.concat(parts.flatMap((part, i) => i === 0 ? [part] : [Buffer.from(separator), part]))
}

t.test('events with each of their bytes replaced, removed, doubled, and cut there', async (t) => {
  for (const event of [Buffer.from(RICH), Buffer.from(OTHER)]) {
    const tally = new Tally()
    compare(event, 'json', tally)
    t.equal(tally.fast, 1, 'the event as it is takes the fast path')
    for (let i = 0; i < event.length; i++) {
      const [before, at, after] = [event.subarray(0, i), event.subarray(i, i + 1), event.subarray(i + 1)]
      for (const byte of TELLING_BYTES) compare(Buffer.concat([before, Buffer.of(byte), after]), 'ndjson', tally)
      compare(Buffer.concat([before, after]), 'ndjson', tally)
      compare(Buffer.concat([before, at, at, after]), 'ndjson', tally)
      compareEverywhere(before, tally)
    }
    t.ok(tally.fast > 1000 && tally.bad > 4000, tally.text)
  }
})

t.test('every text of the corpus, as a body, as an event, as a line and within properties', async (t) => {
  const tally = new Tally()
  const frame = JSON.stringify({ ...CANONICAL, properties: { x: 0 } })
  for (const { bytes } of [...CORPUS, ...DEEP_TEXTS]) {
    compareEverywhere(bytes, tally)
    compareEverywhere(Buffer.concat([Buffer.from(frame.slice(0, -3)), bytes, Buffer.from('}}')]), tally)
  }
  t.ok(tally.fast > 400 && tally.bad > 5000 && tally.problems > 500, tally.text)
})

t.test('strings, numbers and words of properties, each in its place', async (t) => {
  const tally = new Tally()
  const values = [
    '""', '"a"', '"é"', '"\u007f"', '"\u0085"', '"\\n"', '"\\u0000"', '"\u0000"', '"\n"', '"a', '0', '-0', '-', '00', '01', '-01', '1.', '1.0', '.1', '1e1', '1E400', '1e400', '-1e400',
    '12345678901234567890', '123456789012345678901', '1.2345678901234567890', '-1.234567890123456789', '1x', '1 ', ' 1', '1"', 'true', 'false', 'null', 'tru', 'trux', 'falsy', 'fals', 'nul',
    'nulls', 'True', 'NaN', '{}', '[]', '{', '[', '[1,]', '[,1]', '{"a":1,}', '{"a"}', '{"a":}', '{"a" :1}', '{a:1}', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"__proto__":1}', '[1 2]', '[1}',
    '{"a":1]', '{"":0}', '{"":0,"":1}', '[[],[]]', '[{"a":1},{"a":1}]', '{"a":{"a":{"a":1}}}', '"" ""', '', ',', ':', '}', ']', '"\\"', '"\\ud800"', '{"page":1,"amount":"x"}'
  ]
  for (const key of ['x', 'page', 'amount', 'product_id', 'pagf', 'amounu', '']) {
    for (const value of values) {
      compareEverywhere(Buffer.from(`${JSON.stringify(CANONICAL).slice(0, -1)},"properties":{"${key}":${value}}}`), tally)
      compareEverywhere(Buffer.from(`${JSON.stringify(CANONICAL).slice(0, -1)},"properties":{"${key}":${value},"z":[${value}]}}`), tally)
    }
  }
  t.ok(tally.fast > 1000 && tally.bad > 300, tally.text)
})

t.test('keys that are the same but for one letter, and keys that are the same', async (t) => {
  const tally = new Tally()
  for (let length = 1; length <= 40; length++) {
    const key = 'k'.repeat(length)
    const others = Array.from(key, (_, i) => key.slice(0, i) + 'x' + key.slice(i + 1))
    for (const other of [key, ...others]) compare(Buffer.from(`${JSON.stringify(CANONICAL).slice(0, -1)},"properties":{"${key}":1,"${other}":2}}`), 'json', tally)
  }
  t.equal(tally.fast, tally.good - 40, tally.text)
})

t.test('any user id, whatever its letters are made of', async (t) => {
  const tally = new Tally()
  const letter = fc.constantFrom('a', '~', '\u007f', '\u0080', '\u009f', '\u00a0', '\u00c2', 'é', '\u07ff', '\u0800', '中', '\u2028', '\uffff', '😹', '\u{10ffff}')
  const length = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 5 }) }, { weight: 1, arbitrary: fc.integer({ min: USER_ID_MAX_LENGTH - 5, max: USER_ID_MAX_LENGTH }) }
  )
  fc.assert(fc.property(letter, length, fc.array(letter, { maxLength: 5 }), (first, length, others) => {
    compare(Buffer.from(JSON.stringify({ ...CANONICAL, user_id: first.repeat(length) + others.join('') })), 'json', tally)
  }), { numRuns: 500 })
  t.ok(tally.good > 100 && tally.fast === tally.good && tally.bad > 100, tally.text)
})

t.test('any moment in any offset, with any digits after the second, wherever the timestamp stands', async (t) => {
  const tally = new Tally()
  const fields = fc.shuffledSubarray(['event_id', 'user_id', 'event_type', 'timestamp', 'properties'], { minLength: 5 })
  fc.assert(fc.property(fc.array(fc.tuple(fields, otherTime), { minLength: 1, maxLength: 4 }), fc.constantFrom(',', ' ,\n', '\n'), (events, between) => {
    const texts = events.map(([order, timestamp]) => {
      const event: Record<string, unknown> = { ...CANONICAL, timestamp, properties: { timestamp } }
      return JSON.stringify(Object.fromEntries(order.map((field) => [field, event[field]])))
    })
    if (between === '\n') compare(Buffer.from(texts.join(between)), 'ndjson', tally)
    else compare(Buffer.from(`[${texts.join(between)}]`), 'json', tally)
  }), { numRuns: 500 })
  t.ok(tally.good > 800 && tally.fast === tally.good && tally.bad === 0, tally.text)
})

t.test('fields of a timestamp, and levels of nesting, around every limit', async (t) => {
  const tally = new Tally()
  const withTime = (time: string): string => JSON.stringify({ ...CANONICAL, timestamp: time })
  for (let value = 0; value < 100; value++) {
    const two = String(value).padStart(2, '0')
    for (const time of [
      `2026-${two}-10T00:00:00.000Z`, `2026-10-${two}T00:00:00.000Z`, `2026-02-${two}T00:00:00.000Z`, `2024-02-${two}T00:00:00.000Z`, `2026-10-10T${two}:00:00.000Z`,
      `2026-10-10T00:${two}:00.000Z`, `2026-10-10T00:00:${two}.000Z`, `2026-10-10T00:00:00.0${two}Z`, `19${two}-10-10T00:00:00.000Z`, `${two}26-10-10T00:00:00.000Z`,
      `2026-10-10T${two}:00:00Z`, `2026-10-10T00:${two}:00Z`, `2026-10-10T00:00:${two}Z`, `2026-10-10T00:00:00.${two}Z`, `2026-10-10T00:00:00.${'1'.repeat(value % 12)}Z`,
      `2026-10-10T12:00:00+${two}:00`, `2026-10-10T12:00:00-${two}:00`, `2026-10-10T12:00:00.5+00:${two}`, `2026-10-10T12:00:00.5-23:${two}`, `1970-01-01T${two}:00:00+12:00`
    ]) compare(Buffer.from(withTime(time)), 'json', new Tally())
    compare(Buffer.from(withTime(`2026-10-10T00:00:00.9${two}Z`)), 'json', tally)
  }
  for (let levels = PROPERTIES_MAX_DEPTH - 2; levels < PROPERTIES_MAX_DEPTH + 3; levels++) {
    for (const innermost of ['1', '{}', '[]', '{"__proto__":1}', '1e400', '{"a":1,"a":2}']) {
      for (const [open, close] of [['[', ']'], ['{"k":', '}'], ['[{"j":1,"k":', '}]']]) {
        const times = open.length > 5 ? Math.floor(levels / 2) : levels
        compareEverywhere(Buffer.from(`${JSON.stringify(CANONICAL).slice(0, -1)},"properties":{"k":${open.repeat(times)}${innermost}${close.repeat(times)}}}`), tally)
      }
    }
  }
  t.ok(tally.fast > 130 && tally.bad > 100, tally.text)
})

t.test('what takes the fast path, and what does not', async (t) => {
  const isFast = (text: string): boolean => {
    const tally = new Tally()
    compare(Buffer.from(text), 'json', tally)
    return tally.fast === 1
  }
  const withProperties = (text: string): string => `${JSON.stringify(CANONICAL).slice(0, -1)},"properties":${text}}`
  const fast: [name: string, text: string][] = [
    ['an event without properties', JSON.stringify(CANONICAL)],
    ['rich properties', RICH],
    ['fields in another order', JSON.stringify(Object.fromEntries(Object.entries(CANONICAL).reverse()))],
    ['an id in upper case', JSON.stringify({ ...CANONICAL, event_id: CANONICAL.event_id.toUpperCase() })],
    ['escapes in values', withProperties('{"a":"\\n\\\\","b":["\\u00e9\\ud800\\"\\/"]}')],
    ['spaces between tokens', JSON.stringify(CANONICAL).replaceAll(',', ', ').replaceAll('":', '": ')],
    ['several lines', JSON.stringify(CANONICAL, null, 1)],
    ['letters beyond ASCII in properties', withProperties('{"é":"😹"}')],
    ['as many keys as are compared', withProperties(JSON.stringify(Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`k${i}`, i]))))],
    ['as deep as may be', withProperties(`{"k":${'['.repeat(PROPERTIES_MAX_DEPTH - 1)}${']'.repeat(PROPERTIES_MAX_DEPTH - 1)}}`)],
    ['a user id beyond ASCII', JSON.stringify({ ...CANONICAL, user_id: 'ada é\u00a0中😹' })],
    ['the longest user id', JSON.stringify({ ...CANONICAL, user_id: 'x'.repeat(USER_ID_MAX_LENGTH) })],
    ['the latest timestamp', JSON.stringify({ ...CANONICAL, timestamp: new Date(NOW + FUTURE_TOLERANCE).toISOString() })],
    ['the earliest timestamp', JSON.stringify({ ...CANONICAL, timestamp: '1970-01-01T00:00:00.000Z' })],
    ['a timestamp without milliseconds', JSON.stringify({ ...CANONICAL, timestamp: '2026-11-23T14:05:09Z' })],
    ['microseconds', JSON.stringify({ ...CANONICAL, timestamp: '2026-11-23T14:05:09.120456Z' })],
    ['an offset', JSON.stringify({ ...CANONICAL, timestamp: '2026-11-23T16:05:09.120+02:00' })],
    ['an event as Python writes it', JSON.stringify({ ...CANONICAL, timestamp: '2026-11-23T14:05:09.120456+00:00' }).replaceAll(',', ', ').replaceAll('":', '": ')],
    ['the largest event', withProperties(`{"x":"${'x'.repeat(EVENT_MAX_BYTES - withProperties('{"x":""}').length)}"}`)]
  ]
  for (const [name, text] of fast) t.ok(isFast(text), name)
  const slow: [name: string, text: string][] = [
    ['a timestamp with small letters', JSON.stringify({ ...CANONICAL, timestamp: '2026-11-23t14:05:09.120z' })],
    ['an escape in a key', withProperties('{"\\u0061":1}')],
    ['an escape that is none', withProperties('{"a":"\\x"}')],
    ['an escape in a user id', JSON.stringify({ ...CANONICAL, user_id: '"' })],
    ['a repeated key', withProperties('{"a":1,"a":1}')],
    ['an exponent', withProperties('{"a":1e3}')],
    ['a long number', withProperties('{"a":123456789012345678901}')],
    ['more keys than are compared', withProperties(JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, i]))))]
  ]
  for (const [name, text] of slow) t.notOk(isFast(text), name)
})

t.test('bodies of many chunks, whose events lie across their ends', async (t) => {
  const tally = new Tally()
  const chunk = 128 << 10
  const filled = (bytes: number): string => {
    const empty = JSON.stringify({ ...CANONICAL, properties: { x: '' } }).length
    return JSON.stringify({ ...CANONICAL, properties: { x: 'x'.repeat(Math.max(0, bytes - empty)) } })
  }
  const odd = JSON.stringify(CANONICAL).replace('"user_id"', '"user\\u005fid"')
  const spaced = JSON.stringify(CANONICAL).replaceAll(',', ', ')
  for (const after of [filled(200), odd, spaced, OTHER, 'x', filled(EVENT_MAX_BYTES), filled(EVENT_MAX_BYTES + 1)]) {
    for (const cut of [-1, 0, 1, 2, 50, after.length - 1, after.length, after.length + 1, after.length + 2]) {
      // The chunk ends `cut` bytes into the event that is tried, or into what is after it.
      const before: string[] = []
      let left = chunk - cut - 1
      for (; left > 2 * EVENT_MAX_BYTES; left -= EVENT_MAX_BYTES) before.push(filled(EVENT_MAX_BYTES - 1))
      for (const length of [Math.ceil(left / 2), Math.floor(left / 2)]) before.push(filled(length - 1))
      const events = [...before, after, filled(300), odd, filled(300)]
      compare(Buffer.from(`[${events.join(',')}]`), 'json', tally)
      compare(Buffer.from(events.join('\n')), 'ndjson', tally)
      compare(Buffer.from(` ${events.join(' \r\n')} `), 'ndjson', tally)
      compare(Buffer.from(`[${events.join(' , ')} ]`), 'json', tally)
    }
  }
  t.ok(tally.fast > 1000, tally.text)
  // What is after the end of a chunk is read on the fast way as well.
  const many = Buffer.from(`[${Array.from({ length: 5000 }, () => JSON.stringify(CANONICAL)).join(', ')}]`)
  t.match(readAsUsual(many, 'json', NOW), { sent: 5000, fast: 5000 })
  // As many events as a chunk can hold, each of which grows as much as can be.
  const shortest = JSON.stringify({ ...CANONICAL, user_id: 'x', timestamp: '2026-11-23T14:05:09Z' })
  const growing = Buffer.from(Array.from({ length: 5000 }, () => shortest).join('\n'))
  t.match(readAsUsual(growing, 'ndjson', NOW), { sent: 5000, fast: 5000 })
  compare(growing, 'ndjson', tally)
})

t.test('bytes that are no text spoil the body, wherever they are', async (t) => {
  const event = Buffer.from(RICH)
  for (let i = 0; i <= event.length; i++) {
    const body = Buffer.concat([event.subarray(0, i), Buffer.of(0xff), event.subarray(i)])
    if (isUtf8(body) || readAsUsual(body, 'ndjson', NOW).problem !== 'invalid_utf8') t.fail(`at ${i}`)
  }
  t.pass('at every place')
})
