import t from 'tap'
import { spawn } from 'node:child_process'
import { get } from 'node:http'
import { createInterface } from 'node:readline'
import { createLogger } from '../../src/logger.ts'
import { anEvent, checkProblem, LogLines, post, startApp, startServer } from '../harness.ts'
import { LiveClient, StreamClient, readPage } from '../live/clients.ts'
import { RawClient, request } from '../raw-client.ts'

const anyEvents = (count: number) => Array.from({ length: count }, () => anEvent())

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

t.test('a stream of events', async (t) => {
  const { app, port } = await startServer(t)
  await post(app, anEvent())
  const start = (await app.store.locate()).cursor
  const client = await StreamClient.open(t, port)
  t.equal(client.response.statusCode, 200)
  t.match(client.response.headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-request-id': /./,
    'x-content-type-options': 'nosniff'
  })
  t.same(await client.next(true), { event: 'message', id: start, data: undefined }, 'a place at once, so that it can be resumed before its first event')
  t.ok(client.retry! > 0)

  const events = anyEvents(3)
  const receipt = (await post(app, events)).json()
  const messages = [await client.next(), await client.next(), await client.next()]
  t.same(messages.map(({ event, data }) => [event, data]), events.map((event) => ['message', JSON.stringify(event)]))
  t.equal(messages[2].id, receipt.cursor)
  client.close()
  await until(() => app.live.subscribers === 0)
})

t.test('each message has its own cursor, good for every way of reading', async (t) => {
  const { app, port } = await startServer(t)
  const events = anyEvents(5)
  await post(app, events)
  const ids = events.map((event) => event.event_id)
  const client = await StreamClient.open(t, port, '?after=earliest')
  for (let i = 0; i < 5; i++) {
    const { id, data } = await client.next()
    t.equal(JSON.parse(data!).event_id, ids[i])
    const rest = ids.slice(i + 1)
    t.same(await (await StreamClient.open(t, port, '', { 'last-event-id': id })).eventIds(rest.length), rest, 'Last-Event-ID')
    t.same(await (await StreamClient.open(t, port, `?after=${id}`)).eventIds(rest.length), rest, 'after')
    t.same(await (await LiveClient.open(t, port, `?after=${id}`)).eventIds(rest.length), rest, 'WebSocket')
    t.match(await readPage(port, `?after=${id}`), { events: rest.map((eventId) => ({ event_id: eventId })) }, 'a page')
  }
  t.same(await (await StreamClient.open(t, port, '?after=earliest', { 'last-event-id': (await app.store.locate()).cursor })).eventIds(0), [])
  const both = await StreamClient.open(t, port, '?after=earliest', { 'last-event-id': (await app.store.locate()).cursor })
  const newest = anEvent()
  await post(app, newest)
  t.equal(JSON.parse((await both.next()).data!).event_id, newest.event_id, 'the header wins')
  ids.push(newest.event_id)
  t.same(await (await StreamClient.open(t, port, '?after=earliest', { 'last-event-id': '' })).eventIds(6), ids, 'an empty one says nothing')
  t.same(await (await StreamClient.open(t, port, '', { 'last-event-id': 'earliest' })).eventIds(6), ids)
  const second = (await app.store.read((await app.store.locate('earliest')).cursor, {}, { events: 1, bytes: 1 })).cursor
  t.same(await (await StreamClient.open(t, port, `?after=earliest&lastEventId=${second}`)).eventIds(5), ids.slice(1), 'some libraries send it as lastEventId')
  t.same(await (await StreamClient.open(t, port, '?after=earliest&lastEventId=x', { 'last-event-id': second })).eventIds(5), ids.slice(1), 'the header wins')
  t.same(await (await StreamClient.open(t, port, '?after=earliest&lastEventId=')).eventIds(6), ids, 'an empty one says nothing')
})

t.test('filters', async (t) => {
  const { app, port } = await startServer(t)
  const events = [anEvent({ event_type: 'signup' }), anEvent({ user_id: 'bob' }), anEvent({ event_type: 'purchase', user_id: 'bob' })]
  await post(app, events)
  const idsOf = async (query: string, count: number) => (await StreamClient.open(t, port, `?after=earliest&${query}`)).eventIds(count)
  t.same(await idsOf('event_type=purchase&event_type=signup', 2), [events[0].event_id, events[2].event_id])
  t.same(await idsOf('user_id=bob', 2), [events[1].event_id, events[2].event_id])
  t.same(await idsOf('user_id=bob&event_type=click', 1), [events[1].event_id])
})

t.test('a lost place is told first', async (t) => {
  const { app, port } = await startServer(t)
  await post(app, anyEvents(3))
  const lost = '0123456789ab.2'
  const cursor = (await app.store.locate()).cursor
  const client = await StreamClient.open(t, port, '', { 'last-event-id': lost })
  t.equal(client.response.statusCode, 200)
  const first = await client.next(true)
  t.match(first, { event: 'gap', id: cursor })
  t.same(JSON.parse(first.data!), { type: 'gap', reason: 'other_history', after: lost, cursor })
  const event = anEvent()
  await post(app, event)
  t.equal(JSON.parse((await client.next()).data!).event_id, event.event_id, 'and then it goes on, with nothing from before')
})

t.test('silence carries the place on', async (t) => {
  const { app, port } = await startServer(t, {}, { liveTimes: { heartbeat: 300 } })
  const client = await StreamClient.open(t, port, '?event_type=signup')
  await client.next(true)
  await post(app, anEvent())
  // On a slow machine there is silence before the event, too.
  let silence = await client.next(true)
  while (silence.id !== (await app.store.locate()).cursor) silence = await client.next(true)
  t.same(silence, { event: 'message', id: (await app.store.locate()).cursor, data: undefined })
})

t.test('refusals', async (t) => {
  const app = await startApp(t)
  for (const query of ['?nope=1', '?event_type=x', '?user_id=', '?subscribe=false']) checkProblem(t, await app.inject(`/events/stream${query}`), 'invalid_query')
  for (const query of ['?after=x', '?lastEventId=x', '?after=earliest&lastEventId=x']) checkProblem(t, await app.inject(`/events/stream${query}`), 'invalid_cursor')
  for (const id of ['x', '__proto__', 'x'.repeat(600), '\u00e9']) {
    checkProblem(t, await app.inject({ url: '/events/stream', headers: { 'last-event-id': id } }), 'invalid_cursor')
  }
  t.equal(app.live.subscribers, 0)
  const full = await (await startApp(t, { MAX_SUBSCRIBERS: '0' })).inject('/events/stream')
  checkProblem(t, full, 'too_many_subscribers')
  t.match(full.headers, { 'retry-after': /^\d+$/, 'cache-control': 'no-store' }, 'a refusal is no stream')
  t.equal((await app.inject({ method: 'POST', url: '/events/stream' })).statusCode, 405)
})

t.test('HEAD says what a stream would be, and ends', async (t) => {
  const { app, port } = await startServer(t)
  const response = await app.inject({ method: 'HEAD', url: '/events/stream?after=earliest' })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8')
  t.equal(response.body, '')
  t.equal(app.live.subscribers, 0)
  const raw = new RawClient(t, port)
  await raw.send(request('HEAD /events/stream'))
  t.equal((await raw.answer())?.status, 200)
  t.equal((await app.inject({ method: 'HEAD', url: '/events/stream?after=x' })).statusCode, 400)
  const full = await startApp(t, { MAX_SUBSCRIBERS: '1' })
  for (let i = 0; i < 3; i++) t.equal((await full.inject({ method: 'HEAD', url: '/events/stream' })).statusCode, 200, 'it keeps no place')
  full.live.reserve()
  t.equal((await full.inject({ method: 'HEAD', url: '/events/stream' })).statusCode, 503)
})

t.test('a stream begins with what its reader needs, and nothing else', async (t) => {
  const { app, port } = await startServer(t)
  const events = anyEvents(2)
  await post(app, events)
  const first = (await app.store.read((await app.store.locate('earliest')).cursor, {}, { events: 1, bytes: 1 })).cursor
  const { cursor } = await app.store.locate()
  const beginningOf = async (query: string, headers = {}) => {
    const raw = new RawClient(t, port)
    await raw.send(request(`GET /events/stream${query}`, headers))
    const text = await raw.until(/\n\n/)
    return text.slice(text.indexOf('retry:')).replace(/\r\n[0-9a-f]+\r\n/g, '')
  }
  t.match(await beginningOf(''), new RegExp(`^retry: \\d+\\nid: ${cursor}\\n\\n`), 'a cursor where there was none')
  t.match(await beginningOf('?after='), new RegExp(`^retry: \\d+\\nid: ${cursor}\\n\\n`), 'an empty one is none')
  t.match(await beginningOf(`?after=${first}`), new RegExp(`^retry: \\d+\\ndata: .*\\nid: ${cursor}\\n\\n`), 'no message but events, and the id comes last')
  t.match(await beginningOf('?after=0123456789ab.2'), new RegExp(`^retry: \\d+\\nevent: gap\\ndata: .*\\nid: ${cursor}\\n\\n`))
  t.match(await beginningOf('', { 'last-event-id': first, 'user-agent': 'x' }), /^retry: \d+\ndata: /)
  t.match(await beginningOf('', { 'last-event-id': first }), /^retry: \d+\nevent: resumed\n\n/, 'an end for the message that was cut off')
  const times = await Promise.all(Array.from({ length: 20 }, async () => Number(/\d+/.exec(await beginningOf(''))![0])))
  t.ok(times.every((time) => time >= 2000 && time <= 3000), String(times))
  t.ok(new Set(times).size > 5, 'not all come back at once')
})

t.test('keys and origins', async (t) => {
  const { app, port } = await startServer(t, { READ_KEYS: 'reader', WRITE_KEYS: 'writer', ALLOWED_ORIGINS: 'https://good.example' })
  checkProblem(t, await app.inject('/events/stream'), 'unauthorized')
  checkProblem(t, await app.inject('/events/stream?key=writer'), 'forbidden')
  checkProblem(t, await app.inject({ url: '/events/stream?key=reader', headers: { origin: 'https://evil.example' } }), 'origin_not_allowed')
  const client = await StreamClient.open(t, port, '?key=reader', { origin: 'https://good.example' })
  t.equal(client.response.statusCode, 200)
  t.equal(client.response.headers['access-control-allow-origin'], 'https://good.example')
})

t.test('readers that go leave nothing behind, however they go', async (t) => {
  const { app, port } = await startServer(t)
  await post(app, anyEvents(100))
  for (let i = 0; i < 20; i++) {
    const raw = new RawClient(t, port)
    await raw.send(request(`GET /events/stream${i % 2 === 0 ? '' : '?after=earliest'}`))
    if (i % 3 === 0) raw.socket.resetAndDestroy()
    else if (i % 3 === 1) raw.socket.end()
    else setImmediate(() => raw.socket.destroy())
  }
  const client = await StreamClient.open(t, port, '?after=earliest')
  await client.next()
  client.close()
  await until(() => app.live.subscribers === 0)
  await post(app, anEvent())
})

t.test('a reader that stops reading loses nothing', async (t) => {
  const { app, port } = await startServer(t, { DEDUP_CAPACITY: '200000' })
  const client = await StreamClient.open(t, port)
  client.response.pause()
  const sent: string[] = []
  for (let i = 0; i < 40; i++) {
    const events = Array.from({ length: 1000 }, () => anEvent({ properties: { page: 'x'.repeat(500) } }))
    await post(app, events)
    for (const event of events) sent.push(event.event_id)
  }
  t.ok(app.live.stats.holds > 0, 'it was held back')
  client.response.resume()
  t.same(await client.eventIds(40_000), sent)
  t.equal(app.live.stats.gaps, 0)
})

t.test('a stop ends all streams', async (t) => {
  const log = new LogLines()
  const { app, port } = await startServer(t, { SHUTDOWN_TIMEOUT: '4' }, { logger: await createLogger('warn', log) })
  const clients = await Promise.all(Array.from({ length: 50 }, () => StreamClient.open(t, port)))
  const stalled = await StreamClient.open(t, port)
  stalled.response.pause()
  for (let i = 0; i < 10; i++) await post(app, anyEvents(1000))
  await app.close()
  await Promise.all(clients.map(({ ended }) => ended))
  t.ok(clients.every(({ response }) => response.complete), 'to the last chunk')
  t.same(log.lines, [], 'before requests are cut off')
})

/** What reads a stream as a browser does: follows it, and writes each message as a line. */
const EVENT_SOURCE = `
  const source = new EventSource(process.argv[1])
  source.onmessage = ({ data, lastEventId }) => console.log(JSON.stringify({ id: JSON.parse(data).event_id, lastEventId }))
  source.addEventListener('gap', ({ data }) => console.log(data))
  setInterval(() => {}, 1000) // lives until it is ended
  source.onopen = () => console.log('open')
`

t.test('an EventSource reconnects by itself to where it was', async (t) => {
  const { app, port } = await startServer(t)
  const [before, first, second, third] = anyEvents(4)
  await post(app, before)
  const child = spawn(process.execPath, ['--no-warnings', '--experimental-eventsource', '-e', EVENT_SOURCE, `http://127.0.0.1:${port}/events/stream`])
  t.teardown(() => child.kill())
  child.stderr.on('data', (text) => t.comment(String(text)))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async () => (await lines.next()).value as string
  t.equal(await next(), 'open')
  await post(app, first)
  t.equal(JSON.parse(await next()).id, first.event_id)
  app.server.closeAllConnections()
  await until(() => app.live.subscribers === 0)
  await post(app, [second, third])
  t.equal(await next(), 'open', 'it comes back')
  t.equal(JSON.parse(await next()).id, second.event_id)
  t.same(JSON.parse(await next()), { id: third.event_id, lastEventId: (await app.store.locate()).cursor })
})

t.test('HTTP/1.0 and pipelining do no harm', async (t) => {
  const { app, port } = await startServer(t)
  await post(app, anEvent())
  const body = await new Promise<string>((resolve, reject) => {
    const call = get({ host: '127.0.0.1', port, path: '/events/stream?after=earliest', headers: { connection: 'close' } }, (response) => {
      response.setEncoding('utf8').once('data', (text) => {
        resolve(text)
        response.destroy()
      })
    })
    call.on('error', reject)
  })
  t.match(body, /^retry: \d+\ndata: /)
  const raw = new RawClient(t, port)
  await raw.send(`GET /events/stream?after=earliest HTTP/1.0\r\nhost: localhost\r\n\r\n${request('GET /health')}`)
  t.match(await raw.answer(), { status: 200, headers: { connection: 'close' } })
})
