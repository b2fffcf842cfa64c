/** The bounds of one event and of one request. */
import type { Test } from 'tap'
import type { RejectionList } from '../../schemas/index.ts'
import { anEvent, post } from '../harness.ts'
import { LiveClient } from '../live/clients.ts'
import { chunk, LAST_CHUNK, RawClient, request } from '../raw-client.ts'
import { checkCode, codeOf, type Bound, type Case, type World } from './bound.ts'

/** What one event is answered with. */
async function eventCode({ app }: World, event: object): Promise<unknown> {
  const answer = await post(app, event)
  return answer.statusCode === 200 ? 200 : answer.json().errors[0].code
}

async function checkEvents(t: Test, bound: Bound, world: World, make: (size: number) => object): Promise<void> {
  t.equal(await eventCode(world, make(bound.number)), 200, 'at the bound')
  checkCode(t, bound, await eventCode(world, make(bound.number + 1)))
}

/** Asks for two addresses: one at the bound, one beyond. */
async function checkAddresses(t: Test, bound: Bound, { app }: World, make: (size: number) => string, within: string | number = 200): Promise<void> {
  t.equal(codeOf(await app.inject(make(bound.number))), within, 'at the bound')
  checkCode(t, bound, codeOf(await app.inject(make(bound.number + 1))))
}

/** What a raw request is answered with. */
async function rawCode(t: Test, port: number, text: string | Buffer): Promise<string | number> {
  const client = new RawClient(t, port)
  await client.send(text)
  const answer = await client.answer()
  return answer!.status < 400 ? answer!.status : JSON.parse(answer!.body).code
}

const repeated = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}=u${i}`).join('&')

const CHUNKED = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }

export const REQUEST_CASES: Readonly<Record<string, Case>> = {
  size: (t, bound, world) => checkEvents(t, bound, world, (size) => {
    const event = anEvent({ properties: { page: '' } })
    return { ...event, properties: { page: 'x'.repeat(size - JSON.stringify(event).length) } }
  }),
  '`user_id`': (t, bound, world) => checkEvents(t, bound, world, (size) => anEvent({ user_id: '😀'.repeat(size) })),
  'nesting of `properties`': (t, bound, world) => checkEvents(t, bound, world, (size) =>
    ({ ...anEvent(), properties: JSON.parse(`${'{"a":'.repeat(size - 1)}{}${'}'.repeat(size - 1)}`) as object })),

  'body, as sent and decompressed': async (t, bound, { small: { app } }) => {
    t.equal(codeOf(await post(app, JSON.stringify(anEvent()).padEnd(5000))), 200)
    checkCode(t, bound, codeOf(await post(app, JSON.stringify(anEvent()).padEnd(5001))))
  },
  events: async (t, bound, { small: { app } }) => {
    for (const [count, from] of [[3, '10.0.0.1'], [4, '10.0.0.2']] as const) {
      const code = codeOf(await app.inject({ method: 'POST', url: '/events', payload: Array.from({ length: count }, () => anEvent()), remoteAddress: from }))
      if (count === 3) t.equal(code, 200)
      else checkCode(t, bound, code)
    }
  },
  'nesting of JSON': async (t, bound, { app }) => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
    t.equal(codeOf(await post(app, nested(bound.number))), 'all_rejected', 'at the bound it is read')
    checkCode(t, bound, codeOf(await post(app, nested(bound.number + 1))))
  },
  'window of a zstd body (RFC 9659)': async (t, bound, { app }) => {
    const frame = (windowLog: number) => {
      const text = JSON.stringify(anEvent())
      const block = Buffer.alloc(3)
      block.writeUIntLE(1 | text.length << 3, 0, 3) // the last block, raw
      return Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3), block, Buffer.from(text)])
    }
    const windowLog = Math.log2(bound.number)
    t.equal(codeOf(await post(app, frame(windowLog), { 'content-encoding': 'zstd' })), 200)
    checkCode(t, bound, codeOf(await post(app, frame(windowLog + 1), { 'content-encoding': 'zstd' })))
  },
  'line and headers': async (t, bound, { port }) => {
    // The parser counts what is in the address and the headers, not what frames them.
    const sized = (size: number) => request('GET /health', { a: 'x'.repeat(size - '/healthhostlocalhosta'.length) })
    t.equal(await rawCode(t, port, sized(bound.number - 1)), 200)
    checkCode(t, bound, await rawCode(t, port, sized(bound.number)))
  },
  'header lines': async (t, bound, { port }) => {
    const counted = (count: number) => request('GET /health', Object.fromEntries(Array.from({ length: count - 1 }, (_, i) => [`a${i}`, 'x'])))
    t.equal(await rawCode(t, port, counted(bound.number)), 200)
    checkCode(t, bound, await rawCode(t, port, counted(bound.number + 1)))
  },
  'chunk extensions of a body': async (t, bound, { port }) => {
    const event = JSON.stringify(anEvent())
    const sized = (size: number) => request('POST /events', CHUNKED) + chunk(event).replace('\r\n', `;${'x'.repeat(size)}\r\n`) + LAST_CHUNK
    t.equal(await rawCode(t, port, sized(bound.number)), 200)
    checkCode(t, bound, await rawCode(t, port, sized(bound.number + 1)))
  },
  'time for the headers': async (t, bound, { app, hurried: { port } }) => {
    t.equal(app.server.headersTimeout, bound.number)
    t.equal(await rawCode(t, port, request('GET /health')), 200)
    checkCode(t, bound, await rawCode(t, port, 'GET /health HT'))
  },
  'time for the whole request': async (t, bound, { app, hurried: { port } }) => {
    t.equal(app.server.requestTimeout, bound.number)
    t.equal(await rawCode(t, port, request('POST /events?key=w', { 'content-type': 'application/json' }, JSON.stringify(anEvent()))), 200)
    checkCode(t, bound, await rawCode(t, port, request('POST /events?key=w', CHUNKED) + chunk('[')))
  },

  '`limit` of events': (t, bound, world) => checkAddresses(t, bound, world, (size) => `/events?limit=${size}`),
  'bytes of a page of events': async (t, bound, { app }) => {
    const { cursor } = (await post(app, anEvent())).json()
    await post(app, Array.from({ length: 400 }, () => anEvent({ properties: { page: 'x'.repeat(16 * 1024) } })))
    const whole = await app.inject(`/events?limit=1000&after=${cursor}`)
    t.ok(whole.json().has_more, 'beyond: the page ends early')
    t.ok(whole.rawPayload.length < bound.number + 17 * 1024, 'with the event that reaches it')
    const { length } = whole.json().events as object[]
    t.equal((await app.inject(`/events?limit=${length - 1}&after=${cursor}`)).json().events.length, length - 1, 'within: as many as were asked for')
  },
  '`limit` of users': (t, bound, world) => checkAddresses(t, bound, world, (size) => `/analytics/users?limit=${size}`),
  'users to count, `user_id`': (t, bound, world) => checkAddresses(t, bound, world, (size) => `/analytics/users?${repeated('user_id', size)}`),
  'users of a filter, `user_id`': async (t, bound, world) => {
    await checkAddresses(t, bound, world, (size) => `/events?${repeated('user_id', size)}`)
    const client = await LiveClient.open(t, world.port)
    const subscribe = (size: number) => client.send({ type: 'subscribe', user_ids: Array.from({ length: size }, (_, i) => `u${i}`) })
    subscribe(bound.number)
    await client.next('subscribed')
    subscribe(bound.number + 1)
    checkCode(t, bound, (await client.next('error')).code)
  },
  'types of a filter, `event_type`': async (t, bound, world) => {
    await checkAddresses(t, bound, world, (size) => `/events?${'event_type=click&'.repeat(size)}`)
    const client = await LiveClient.open(t, world.port)
    const subscribe = (size: number) => client.send({ type: 'subscribe', event_types: Array.from({ length: size }, () => 'click') })
    subscribe(bound.number)
    await client.next('subscribed')
    subscribe(bound.number + 1)
    checkCode(t, bound, (await client.next('error')).code)
  },
  cursor: async (t, bound, world) => {
    await checkAddresses(t, bound, world, (size) => `/events?after=${'x'.repeat(size)}`, 'invalid_cursor')
    checkCode(t, bound, codeOf(await world.app.inject({ url: '/events/stream', headers: { 'last-event-id': 'x'.repeat(bound.number + 1) } })))
    const client = await LiveClient.open(t, world.port)
    const codes: string[] = []
    for (const size of [bound.number, bound.number + 1]) {
      client.send({ type: 'subscribe', after: 'x'.repeat(size) })
      codes.push((await client.next('error')).code)
    }
    t.equal(codes[0], 'invalid_cursor', 'at the bound it is looked at')
    checkCode(t, bound, codes[1])
  },
  '`x-request-id`': async (t, bound, { app }) => {
    const echoed = async (size: number) => (await app.inject({ url: '/health/live', headers: { 'x-request-id': 'a'.repeat(size) } })).headers['x-request-id']
    t.equal(await echoed(bound.number), 'a'.repeat(bound.number))
    t.match(await echoed(bound.number + 1), /^[\da-f-]{36}$/, bound.answer)
  },
  'path in a log line': async (t, bound, { app, log }) => {
    for (const size of [bound.number, bound.number + 1]) await app.inject(`/${'x'.repeat(size - 1)}`)
    t.same(log.lines.slice(-2).map(({ path }) => String(path).length), [bound.number, bound.number], bound.answer)
  },
  'user agent in a log line': async (t, bound, { app, log }) => {
    for (const size of [bound.number, bound.number + 1]) await app.inject({ url: '/', headers: { 'user-agent': 'x'.repeat(size) } })
    t.same(log.lines.slice(-2).map(({ user_agent: agent }) => String(agent).length), [bound.number, bound.number], bound.answer)
  },
  'origin in the list of rejections': async (t, bound, { app }) => {
    const origin = (size: number) => `https://${'x'.repeat(size - 8)}`
    for (const size of [bound.number, bound.number + 1]) await post(app, anEvent(), { origin: origin(size) })
    const { rejections } = (await app.inject('/events/rejections')).json() as RejectionList
    t.same(rejections.slice(0, 2).map((rejection) => rejection.origin), [origin(bound.number), origin(bound.number)], bound.answer)
  },
  'pointer in the list of rejections': async (t, bound, { app }) => {
    for (const size of [bound.number, bound.number + 1]) await post(app, { ...anEvent(), ['x'.repeat(size - 1)]: 1 })
    const { rejections } = (await app.inject('/events/rejections')).json() as RejectionList
    t.same(rejections.slice(0, 2).map(({ pointer }) => pointer?.length), [bound.number, bound.number], bound.answer)
  }
}
