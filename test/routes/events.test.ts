import { randomUUID } from 'node:crypto'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import type { Event, EventPage, Receipt, Summary } from '../../schemas/index.ts'
import { anEvent, checkProblem, post, startApp } from '../harness.ts'

const RECEIPT_FIELDS = ['accepted', 'duplicates', 'rejected', 'unavailable', 'late', 'cursor', 'errors']
const counts = ({ accepted, duplicates, rejected, unavailable, late }: Receipt) => ({ accepted, duplicates, rejected, unavailable, late })
const NONE = { accepted: 0, duplicates: 0, rejected: 0, unavailable: 0, late: 0 }

const total = async (app: Awaited<ReturnType<typeof startApp>>) =>
  (await app.inject('/analytics/summary')).json<Summary>().total_events

t.test('every way to write a body down', async (t) => {
  const app = await startApp(t)
  const ways: [string, string, string | Buffer, number][] = [
    ['an array', 'application/json', JSON.stringify([anEvent(), anEvent()]), 2],
    ['a single object', 'application/json', JSON.stringify(anEvent()), 1],
    ['pretty-printed', 'application/json', JSON.stringify([anEvent()], null, 2), 1],
    ['with a character set', 'application/json; charset=UTF-8', JSON.stringify([anEvent()]), 1],
    ['with a quoted character set', 'application/json;charset="utf-8"', JSON.stringify([anEvent()]), 1],
    ['with another parameter', 'application/json; profile=x', JSON.stringify([anEvent()]), 1],
    ['in capitals', 'Application/JSON', JSON.stringify([anEvent()]), 1],
    ['lines', 'application/x-ndjson', `${JSON.stringify(anEvent())}\n\n${JSON.stringify(anEvent())}\r\n`, 2],
    ['lines, as others call them', 'application/ndjson', `${JSON.stringify(anEvent())}\n${JSON.stringify(anEvent())}`, 2],
    ['and others', 'application/jsonl; charset=utf-8', `${JSON.stringify(anEvent())}\n`, 1],
    ['an object around an array', 'application/json', JSON.stringify({ events: [anEvent(), anEvent()] }), 2],
    ['what sendBeacon sends', 'text/plain;charset=UTF-8', JSON.stringify(anEvent()), 1]
  ]
  for (const [name, type, body, sent] of ways) {
    const response = await post(app, body, { 'content-type': type })
    t.equal(response.statusCode, 200, name)
    t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
    const receipt = response.json<Receipt>()
    t.same(Object.keys(receipt), RECEIPT_FIELDS)
    t.same(counts(receipt), { ...NONE, accepted: sent }, name)
  }
  t.equal(await total(app), ways.reduce((sum, [,,, sent]) => sum + sent, 0), 'and all of it is counted [ING-2]')
})

t.test('the status tells what became of the events', async (t) => {
  const app = await startApp(t, { USER_CAPACITY: '1' })
  const known = anEvent()
  const bad = { ...anEvent(), event_type: 'nap' }
  const stranger = anEvent({ user_id: 'grace' })

  await t.test('200: accepted, then duplicate [DEDUP-1]', async (t) => {
    t.same(counts((await post(app, [known])).json()), { ...NONE, accepted: 1 })
    const again = await post(app, [known, { ...known, event_id: known.event_id.toUpperCase(), user_id: 'other' }])
    t.equal(again.statusCode, 200)
    t.same(counts(again.json()), { ...NONE, duplicates: 2 })
  })

  await t.test('207: a mix; a bad event never spoils its neighbours [ING-1]', async (t) => {
    const response = await post(app, [anEvent(), bad, known])
    t.equal(response.statusCode, 207)
    t.same(counts(response.json()), { ...NONE, accepted: 1, duplicates: 1, rejected: 1 })
    t.match(response.json<Receipt>().errors, [{ index: 1, event_id: bad.event_id, code: 'invalid_event_type', pointer: '/event_type' }])
  })

  await t.test('207: taken and not taken just now', async (t) => {
    const response = await post(app, [stranger, anEvent()])
    t.equal(response.statusCode, 207)
    t.same(counts(response.json()), { ...NONE, accepted: 1, unavailable: 1 })
  })

  await t.test('422: every event rejected', async (t) => {
    const response = await post(app, [bad, { ...bad, extra: 1 }])
    const body = checkProblem(t, response, 'all_rejected', RECEIPT_FIELDS)
    t.same(counts(body as unknown as Receipt), { ...NONE, rejected: 2 })
    t.equal((body.errors as unknown[]).length, 2, 'one entry an event')
  })

  await t.test('503: none taken, one may be sent again', async (t) => {
    const response = await post(app, [bad, stranger])
    const body = checkProblem(t, response, 'all_unavailable', RECEIPT_FIELDS)
    t.same(counts(body as unknown as Receipt), { ...NONE, rejected: 1, unavailable: 1 })
    t.match(response.headers['retry-after'], /^\d+$/)
    t.match(body.errors, [{ index: 0 }, { index: 1, code: 'user_capacity', event_id: stranger.event_id }])
  })

  t.equal(await total(app), 3, 'only what was accepted counts')
})

t.test('a late event is accepted and counts in no window [TIME-2]', async (t) => {
  const app = await startApp(t)
  const response = await post(app, anEvent({ timestamp: '1970-01-01T00:00:00Z' }))
  t.equal(response.statusCode, 200)
  t.same(counts(response.json()), { ...NONE, accepted: 1, late: 1 })
  t.equal(await total(app), 0)
})

t.test('validate_only gives the same answer, whatever the status, and changes nothing [ING-4]', async (t) => {
  const bad = { ...anEvent(), event_type: 'nap' }
  const stranger = anEvent({ user_id: 'grace' })
  const batches: [string, (known: Event) => object[], number][] = [
    ['a new event', () => [anEvent()], 200],
    ['a known one', (known) => [known], 200],
    ['one id twice', (known) => [{ ...known, event_id: bad.event_id }, { ...known, event_id: bad.event_id.toUpperCase() }], 200],
    ['a mix', (known) => [bad, known, anEvent(), stranger], 207],
    ['bad ones', () => [bad, bad], 422],
    ['one too many users', () => [stranger], 503]
  ]
  for (const [name, make, status] of batches) {
    const app = await startApp(t, { USER_CAPACITY: '1' })
    const known = anEvent()
    await post(app, known)
    const batch = make(known)
    const before = (await app.inject('/events')).body
    const judged = await post(app, batch, {}, '/events?validate_only=true')
    t.equal(judged.statusCode, status, name)
    t.equal((await app.inject('/events')).body, before, 'nothing kept')
    t.equal(await total(app), 1, 'nothing counted')
    const sent = await post(app, batch, {}, '/events?validate_only=false')
    const strip = ({ cursor, request_id: id, ...rest }: Record<string, unknown>) => rest
    t.equal(sent.statusCode, status)
    t.same(strip(judged.json()), strip(sent.json()), name)
  }
})

t.test('what cannot be read is a 400, and nothing is lost or kept', async (t) => {
  const app = await startApp(t)
  const cases: [string, string | Buffer, 'invalid_json' | 'invalid_utf8' | 'no_events' | 'nesting_too_deep', RegExp?][] = [
    ['no bytes', '', 'no_events'],
    ['white space', ' \n\t ', 'no_events'],
    ['an empty array', '[]', 'no_events'],
    ['truncated JSON', `[${JSON.stringify(anEvent())},\n {"event_id`, 'invalid_json', /line 2, column 12/],
    ['a trailing comma', `[${JSON.stringify(anEvent())},]`, 'invalid_json', /line 1/],
    ['two values', '{} {}', 'invalid_json', /line 1, column 4/],
    ['not JSON', 'event_id=1', 'invalid_json'],
    ['bytes that are not UTF-8', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 'invalid_utf8'],
    ['UTF-8 of a surrogate', Buffer.from([0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d]), 'invalid_utf8'],
    ['a hundred thousand brackets', '['.repeat(100_000) + ']'.repeat(100_000), 'nesting_too_deep'],
    ['a hundred thousand braces', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000), 'nesting_too_deep']
  ]
  for (const [name, body, code, detail] of cases) {
    const problem = checkProblem(t, await post(app, body), code)
    if (detail !== undefined) t.match(problem.detail, detail, name)
  }
  checkProblem(t, await app.inject({ method: 'POST', url: '/events' }), 'no_events')
  checkProblem(t, await post(app, '\n\r\n \n', { 'content-type': 'application/x-ndjson' }), 'no_events')
  t.equal(await total(app), 0)
})

t.test('of NDJSON, a bad line rejects that line only', async (t) => {
  const app = await startApp(t)
  const lines = [JSON.stringify(anEvent()), '{"event_id":', '', '['.repeat(100_000), JSON.stringify(anEvent()), '42']
  const response = await post(app, lines.join('\n'), { 'content-type': 'application/x-ndjson' })
  t.equal(response.statusCode, 207)
  t.same(counts(response.json()), { ...NONE, accepted: 2, rejected: 3 })
  t.match(response.json<Receipt>().errors, [
    { index: 1, code: 'invalid_json', pointer: '' }, { index: 2, code: 'nesting_too_deep' }, { index: 4, code: 'invalid_event' }
  ])
})

t.test('every kind of bad event has its code', async (t) => {
  const app = await startApp(t)
  const event = (fields: string) => {
    const { event_id: id, ...rest } = anEvent()
    return `{"event_id":"${id}",${fields.startsWith('"user_id"') ? '' : '"user_id":"ada",'}"event_type":"click",` +
      `${fields.startsWith('"timestamp"') ? '' : `"timestamp":"${rest.timestamp}",`}${fields}}`
  }
  const deep = (levels: number) => `"properties":${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`
  const cases: [string, string, string][] = [
    ['a lone surrogate', event('"user_id":"\\ud800"'), 'invalid_user_id'],
    ['a control character', event('"user_id":"a\\u0000b"'), 'invalid_user_id'],
    ['an empty user', event('"user_id":""'), 'invalid_user_id'],
    ['a number for a user', event('"user_id":7'), 'invalid_user_id'],
    ['257 code points', event(`"user_id":"${'é'.repeat(257)}"`), 'invalid_user_id'],
    ['1e400', event('"properties":{"amount":1e400}'), 'number_not_finite'],
    ['1e400 deep inside', event('"properties":{"a":[{"b":-1e400}]}'), 'number_not_finite'],
    ['a negative amount', event('"properties":{"amount":-1}'), 'invalid_properties'],
    ['null for a page', event('"properties":{"page":null}'), 'invalid_properties'],
    ['an array of properties', event('"properties":[]'), 'invalid_properties'],
    ['an unknown field', event('"extra":1'), 'unknown_field'],
    ['__proto__ in an event', event('"__proto__":{"admin":true}'), 'forbidden_key'],
    ['__proto__ in properties', event('"properties":{"a":{"__proto__":{"admin":true}}}'), 'forbidden_key'],
    ['__proto__ with an escape', event('"properties":{"\\u005f_proto__":1}'), 'forbidden_key'],
    ['17 levels', event(deep(17)), 'nesting_too_deep'],
    ['33 KiB', event(`"properties":{"a":"${'x'.repeat(33 * 1024)}"}`), 'event_too_large'],
    ['a number', '42', 'invalid_event'],
    ['null', 'null', 'invalid_event'],
    ['an array', '[]', 'invalid_event'],
    ['nothing in it', '{}', 'missing_field']
  ]
  for (const timestamp of [
    '2026-11-23 14:05:09Z', '2026-11-23T14:05:09', '2026-11-23T14:05:09+0100', '2026-11-23T14:05:60Z', '2026-11-23T24:00:00Z',
    '2026-02-30T10:00:00Z', '2026-11-23', '1969-12-31T23:59:59Z', '2026-11-23T14:05:09.1234567890Z', '2026-13-01T00:00:00Z', '', 'now'
  ]) cases.push([`timestamp ${timestamp}`, event(`"timestamp":"${timestamp}"`), 'invalid_timestamp'])
  cases.push(['a timestamp in milliseconds', event(`"timestamp":${Date.now()}`), 'invalid_timestamp'])
  cases.push(['tomorrow', event(`"timestamp":"${new Date(Date.now() + 86_400_000).toISOString()}"`), 'timestamp_in_future'])
  for (const id of ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', `{${randomUUID()}}`, `urn:uuid:${randomUUID()}`, randomUUID().replaceAll('-', ''), '1', 7]) {
    cases.push([`id ${id}`, JSON.stringify({ ...anEvent(), event_id: id }), 'invalid_event_id'])
  }

  const response = await post(app, `[${[...cases.map(([, json]) => json), JSON.stringify(anEvent())].join(',')}]`)
  t.equal(response.statusCode, 207)
  const receipt = response.json<Receipt>()
  t.same(counts(receipt), { ...NONE, accepted: 1, rejected: cases.length }, 'the good one among them is taken')
  for (const [index, [name, , code]] of cases.entries()) t.match(receipt.errors[index], { index, code }, name)
  t.equal(({} as { admin?: boolean }).admin, undefined, 'no prototype was touched')
})

t.test('what looks dangerous and is not', async (t) => {
  const app = await startApp(t)
  const users = ['constructor', '__proto__', 'toString', 'hasOwnProperty', '<script>', '😀']
  const response = await post(app, users.map((user) => anEvent({ user_id: user, properties: JSON.parse('{"constructor":1,"amount":0}') })))
  t.same(counts(response.json()), { ...NONE, accepted: users.length })
  const query = users.map((user) => `user_id=${encodeURIComponent(user)}`).join('&')
  const { users: listed } = (await app.inject(`/analytics/users?${query}`)).json<{ users: { user_id: string, total_events: number }[] }>()
  t.same(listed.map((user) => [user.user_id, user.total_events]), users.map((user) => [user, 1]))
})

t.test('one id twice in a batch, in different case', async (t) => {
  const app = await startApp(t)
  const event = anEvent({ event_id: 'abcdefab-cdef-4bcd-8fab-cdefabcdefab' })
  const response = await post(app, [event, { ...event, event_id: event.event_id.toUpperCase() }])
  t.same(counts(response.json()), { ...NONE, accepted: 1, duplicates: 1 })
  t.match((await app.inject('/events')).json<EventPage>().events, [{ event_id: event.event_id }])
})

t.test('every content encoding', async (t) => {
  const app = await startApp(t)
  const encoders: [string, (body: Buffer) => Buffer][] = [
    ['gzip', gzipSync], ['x-gzip', gzipSync], ['GZip', gzipSync], ['deflate', deflateSync], ['deflate', deflateRawSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync],
    ['identity', (body) => body], ['', (body) => body]
  ]
  for (const [encoding, encode] of encoders) {
    const batch = Array.from({ length: 500 }, () => anEvent())
    const response = await post(app, encode(Buffer.from(JSON.stringify(batch))), { 'content-encoding': encoding })
    t.same(counts(response.json()), { ...NONE, accepted: 500 }, encoding)
    const single = await post(app, encode(Buffer.from(JSON.stringify(anEvent()))), { 'content-encoding': encoding })
    t.same(counts(single.json()), { ...NONE, accepted: 1 }, encoding)
  }
  t.equal(await total(app), encoders.length * 501)
})

t.test('compressed bodies that are not whole', async (t) => {
  const app = await startApp(t)
  const body = Buffer.from(JSON.stringify([anEvent(), anEvent()]))
  for (const [encoding, encode] of [['gzip', gzipSync], ['deflate', deflateSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync]] as const) {
    const encoded = encode(body)
    const broken = { truncated: encoded.subarray(0, -4), empty: Buffer.alloc(0), 'not compressed': body, 'with more after it': Buffer.concat([encoded, body]) }
    for (const [name, bytes] of Object.entries(broken)) {
      checkProblem(t, await post(app, bytes, { 'content-encoding': encoding }), 'invalid_encoding')
      t.pass(`${encoding} ${name}`)
    }
  }
  t.equal(await total(app), 0)
})

t.test('encodings that are not known', async (t) => {
  const app = await startApp(t)
  for (const encoding of ['compress', 'gzip, br', 'gzip, identity', 'constructor', 'gzip;q=1']) {
    const response = await post(app, gzipSync(JSON.stringify(anEvent())), { 'content-encoding': encoding })
    checkProblem(t, response, 'unsupported_encoding')
    t.match(response.headers['accept-encoding'], /gzip.*deflate.*br.*zstd/, 'says what is known (RFC 9110, section 15.5.16)')
  }
})

t.test('media types that are not known', async (t) => {
  const app = await startApp(t)
  for (const type of ['application/xml', 'application/vnd.api+json', 'application/json; charset=utf-16', 'text/plain;charset=iso-8859-1', 'multipart/form-data', 'nonsense']) {
    checkProblem(t, await post(app, anEvent(), { 'content-type': type }), 'unsupported_media_type')
  }
  const untyped = await app.inject({ method: 'POST', url: '/events', headers: { 'content-length': '2' }, payload: Buffer.from('{}') })
  t.match(untyped.json(), { status: 422, errors: [{ code: 'missing_field' }] }, 'a body without a media type is JSON')
})

t.test('too large', async (t) => {
  const app = await startApp(t, { MAX_BODY_BYTES: '10000', MAX_EVENTS: '10' })
  const filled = (bytes: number) => JSON.stringify(anEvent()).padEnd(bytes, ' ')

  t.equal((await post(app, filled(10_000))).statusCode, 200, 'as large as the limit')
  checkProblem(t, await post(app, filled(10_001)), 'body_too_large')
  checkProblem(t, await post(app, gzipSync(filled(10_001)), { 'content-encoding': 'gzip' }), 'body_too_large')
  t.equal((await post(app, gzipSync(filled(10_000)), { 'content-encoding': 'gzip' })).statusCode, 200)
  t.equal((await post(app, Array.from({ length: 10 }, () => anEvent()))).statusCode, 200, 'as many as the limit')
  checkProblem(t, await post(app, Array.from({ length: 11 }, () => anEvent())), 'too_many_events')
  t.equal(await total(app), 12, 'of a body that is refused, nothing is taken')
})

t.test('a bomb is refused without being unpacked', async (t) => {
  const app = await startApp(t)
  const bomb = Buffer.concat(Array<Buffer>(20).fill(gzipSync(Buffer.alloc(50_000_000)))) // one gigabyte
  t.ok(bomb.length < 1_100_000)
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  const watch = setInterval(() => { most = Math.max(most, process.memoryUsage().arrayBuffers - before) }, 1)
  const response = await post(app, bomb, { 'content-encoding': 'gzip' })
  clearInterval(watch)
  checkProblem(t, response, 'body_too_large')
  t.ok(most < 100_000_000, `at most ${most} bytes at a time`)
})

t.test('a content-length that is not the body\'s', async (t) => {
  const app = await startApp(t)
  const payload = JSON.stringify(anEvent())
  checkProblem(t, await post(app, payload, { 'content-length': String(payload.length + 1) }), 'incomplete_body')
  checkProblem(t, await post(app, payload, { 'content-length': String(20 << 20) }), 'body_too_large')
})

t.test('unknown and malformed query parameters', async (t) => {
  const app = await startApp(t)
  const cases: [string, RegExp][] = [
    ['/events?validate=true', /`validate`.*validate_only/],
    ['/events?validate_only=maybe', /`validate_only`/],
    ['/events?validate_only=true&validate_only=true', /`validate_only`/],
    ['/events?__proto__=1', /__proto__/],
    ['/events?constructor=1', /constructor/]
  ]
  for (const [url, detail] of cases) t.match(checkProblem(t, await post(app, anEvent(), {}, url), 'invalid_query').detail, detail)
  t.equal(await total(app), 0)
})
