import t from 'tap'
import type { FastifyInstance } from 'fastify'
import type { Summary } from '../../schemas/index.ts'
import { PROBLEMS, type ProblemCode } from '../../src/errors.ts'
import type { PeerConnection } from '../../src/live/peer.ts'
import { anEvent, checkProblem, post, startServer } from '../harness.ts'
import { LiveClient, Refusal } from '../live/clients.ts'
import { clientFrame, HANDSHAKE, Opcode, RawFrames } from '../live/raw-frames.ts'
import { RawClient, request } from '../raw-client.ts'

const anyEvents = (count: number) => Array.from({ length: count }, () => anEvent())

async function refusalOf(opening: Promise<unknown>): Promise<Refusal> {
  const outcome = await opening.then(() => new Error('it was taken'), (error) => error)
  if (outcome instanceof Refusal) return outcome
  throw outcome
}

/** The connections that the application opens, as live delivery sees them. */
function spyOnConnections(app: FastifyInstance): PeerConnection[] {
  const connections: PeerConnection[] = []
  const open = app.live.openSession.bind(app.live)
  app.live.openSession = (connection, options) => {
    connections.push(connection)
    return open(connection, options)
  }
  return connections
}

/** Waits until something holds, looking again and again. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

t.test('a conversation', async (t) => {
  const { app, port } = await startServer(t)
  await post(app, anEvent())
  const client = await LiveClient.open(t, port)
  const welcome = await client.next('welcome')
  t.same(Object.keys(welcome), ['type', 'cursor', 'heartbeat_seconds'])
  t.equal(welcome.heartbeat_seconds, 25)

  const events = anyEvents(3)
  const receipt = (await post(app, events)).json()
  const frame = await client.next('events')
  t.same(frame.events, events, 'as they were sent')
  t.equal(frame.cursor, receipt.cursor)

  const [own, other] = anyEvents(2)
  client.send({ type: 'publish', id: 'a', events: [own, events[0], { ...other, event_type: 'x' }] })
  const ack = await client.next('ack')
  const { type, id, ...fields } = ack
  t.match(ack, { id: 'a', accepted: 1, duplicates: 1, rejected: 1, errors: [{ index: 2, code: 'invalid_event_type' }] })
  const again = await post(app, [own, events[0], { ...other, event_type: 'x' }])
  t.same(fields.errors, again.json().errors, 'the same verdicts over HTTP')
  t.match(again.json(), { duplicates: 2 })
  t.same((await client.next('events')).events, [own], 'what one publishes one sees, too')

  client.send(JSON.stringify(other))
  t.match(await client.next('ack'), { accepted: 1, cursor: (await app.store.locate()).cursor })
  client.send(JSON.stringify([other, anEvent()]))
  t.match(await client.next('ack'), { accepted: 1, duplicates: 1 })

  client.send({ type: 'watch', id: 1, time_window: '24h' })
  t.same(await client.next('watching'), { type: 'watching', id: 1, time_window: '24h' })
  const { summary } = await client.next('summary')
  t.same({ ...summary as Summary, to: '' }, { ...(await app.inject('/analytics/summary')).json(), to: '' })

  client.send({ type: 'unwatch', time_window: '24h' })
  t.same(await client.next('unwatched'), { type: 'unwatched', time_window: '24h' })

  client.send({ type: 'subscribe', id: 's', event_types: ['signup'], user_ids: ['eve'], after: 'earliest' })
  t.match(await client.next('subscribed'), { id: 's', recovered: true, cursor: (await app.store.locate('earliest')).cursor })
  const wanted = anEvent({ user_id: 'eve', event_type: 'signup' })
  await post(app, [anEvent({ user_id: 'eve' }), wanted, anEvent({ event_type: 'signup' })])
  t.same((await client.next('events')).events, [wanted])

  await client.close()
  await until(() => app.live.subscribers === 0)
})

t.test('by query: filters, a place, no subscription', async (t) => {
  const { app, port } = await startServer(t)
  const events = [anEvent({ event_type: 'signup', user_id: 'ada' }), anEvent({ user_id: 'bob & co' }), anEvent({ event_type: 'purchase', user_id: 'ada' })]
  await post(app, events)
  const ids = events.map((event) => event.event_id)
  const idsOf = async (query: string, count: number) => (await LiveClient.open(t, port, query)).eventIds(count)
  t.same(await idsOf('?after=earliest', 3), ids)
  t.same(await idsOf('?after=earliest&event_type=signup', 1), [ids[0]])
  t.same(await idsOf('?after=earliest&event_type=signup&event_type=purchase', 2), [ids[0], ids[2]])
  t.same(await idsOf('?after=earliest&user_id=bob+%26+co', 1), [ids[1]])
  t.same(await idsOf('?after=earliest&user_id=ada&event_type=purchase', 1), [ids[2]])
  t.match(await (await LiveClient.open(t, port, '?after=0123456789ab.0')).next('gap'), { reason: 'other_history', after: '0123456789ab.0', cursor: (await app.store.locate()).cursor })

  const producer = await LiveClient.open(t, port, '?subscribe=false')
  producer.send(JSON.stringify(anEvent()))
  await producer.next('ack')
  producer.send({ type: 'unsubscribe', id: 'x' })
  await producer.next('subscribed')
  t.same(producer.frames.map(({ type }) => type), ['welcome', 'ack', 'subscribed'], 'no events')
})

t.test('refused before the upgrade, with a problem [LIVE-6]', async (t) => {
  const { app, port } = await startServer(t)
  const cases: [string, number, string][] = [
    ['?nope=1', 400, 'invalid_query'],
    ['?event_type=x', 400, 'invalid_query'],
    ['?subscribe=maybe', 400, 'invalid_query'],
    ['?subscribe=false&after=earliest', 400, 'invalid_query'],
    ['?subscribe=false&event_type=click', 400, 'invalid_query'],
    ['?after=x', 400, 'invalid_cursor'],
    ['?after=__proto__', 400, 'invalid_cursor'],
    ['/more', 404, 'not_found'],
    ['/../../events', 400, 'bad_request'],
    ['/../../events/stream', 400, 'bad_request'],
    ['/../../metrics', 400, 'bad_request']
  ]
  for (const [path, status, code] of cases) {
    const refusal = await refusalOf(LiveClient.open(t, port, path))
    t.equal(refusal.status, status, path)
    t.equal(refusal.code, code, path)
    t.match(refusal.headers['content-type'], /^application\/problem\+json/)
    t.ok(refusal.headers['x-request-id'])
  }
  t.equal(app.live.subscribers, 0)
})

t.test('a plain request is told to upgrade', async (t) => {
  const { app, port } = await startServer(t)
  const response = await app.inject('/ws/events')
  checkProblem(t, response, 'upgrade_required')
  t.equal(response.headers.upgrade, 'websocket')
  t.equal((await app.inject({ method: 'POST', url: '/ws/events' })).statusCode, 405)
  const raw = new RawClient(t, port)
  await raw.send(request('GET /ws/events', { connection: 'upgrade', upgrade: 'h2c' }))
  t.equal((await raw.answer())?.status, 426, 'an upgrade to something else is none')
  await raw.send(request('GET /health', { connection: 'upgrade', upgrade: 'h2c' }))
  t.equal((await raw.answer())?.status, 200)
  await raw.send(request('POST /events', { ...HANDSHAKE, 'content-type': 'application/json' }, JSON.stringify(anEvent())))
  t.equal((await raw.answer())?.status, 200, 'nor is one of another method')
})

t.test('a handshake that is none', async (t) => {
  const { app, port } = await startServer(t)
  const { 'sec-websocket-key': _key, ...keyless } = HANDSHAKE
  const { 'sec-websocket-version': _version, ...versionless } = HANDSHAKE
  const mistakes: [Record<string, string>, ProblemCode][] = [
    [keyless, 'bad_request'],
    [{ ...HANDSHAKE, 'sec-websocket-key': 'x' }, 'bad_request'],
    [versionless, 'upgrade_required'],
    ...['7', '8', '12', '13, 13', 'x'].map((version): [Record<string, string>, ProblemCode] => [{ ...HANDSHAKE, 'sec-websocket-version': version }, 'upgrade_required']),
    ...['a, a', 'a b', ',', ''].map((protocols): [Record<string, string>, ProblemCode] => [{ ...HANDSHAKE, 'sec-websocket-protocol': protocols }, 'bad_request'])
  ]
  for (const [headers, code] of mistakes) {
    const raw = new RawClient(t, port)
    await raw.send(request('GET /ws/events', headers))
    const answer = (await raw.answer())!
    t.equal(answer.status, PROBLEMS[code].status, JSON.stringify(headers))
    t.match(answer.headers, { 'content-type': /^application\/problem\+json/, 'x-request-id': /./ })
    t.equal(JSON.parse(answer.body).code, code)
    if (code === 'upgrade_required') t.match(answer.headers, { 'sec-websocket-version': '13', upgrade: 'websocket' })
  }
  t.equal(app.live.subscribers, 0)
  t.equal((await app.inject('/health')).statusCode, 200)
})

t.test('origins', async (t) => {
  const { port } = await startServer(t, { ALLOWED_ORIGINS: 'https://good.example' })
  const origin = (value: string) => ({ headers: { origin: value } })
  for (const good of ['https://good.example', `http://127.0.0.1:${port}`]) await (await LiveClient.open(t, port, '', origin(good))).close()
  for (const bad of ['https://evil.example', 'null', 'https://good.example.evil.example']) {
    const refusal = await refusalOf(LiveClient.open(t, port, '', origin(bad)))
    t.equal(refusal.status, 403)
    t.equal(refusal.code, 'origin_not_allowed')
  }
})

t.test('keys', async (t) => {
  const { app, port } = await startServer(t, { WRITE_KEYS: 'writer', READ_KEYS: 'reader' })
  const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
  await post(app, anEvent(), { authorization: 'Bearer writer' })

  t.equal((await refusalOf(LiveClient.open(t, port))).status, 401)
  t.equal((await refusalOf(LiveClient.open(t, port, '?subscribe=false'))).status, 401)
  t.equal((await refusalOf(LiveClient.open(t, port, '', bearer('nope')))).status, 401)
  t.equal((await refusalOf(LiveClient.open(t, port, '', bearer('writer')))).status, 403, 'events need a read key')

  const reader = await LiveClient.open(t, port, '?after=earliest', bearer('reader'))
  t.equal((await reader.eventIds(1)).length, 1)
  reader.send({ type: 'publish', id: 'p', events: [anEvent()] })
  t.match(await reader.next('error'), { id: 'p', code: 'forbidden' })
  reader.send({ type: 'watch', time_window: '1h' })
  await reader.next('summary')

  const writer = await LiveClient.open(t, port, '?subscribe=false', bearer('writer'))
  writer.send({ type: 'subscribe', id: 's' })
  t.match(await writer.next('error'), { id: 's', code: 'forbidden' })
  writer.send({ type: 'ping', id: 7 })
  t.same(await writer.next('pong'), { type: 'pong', id: 7 }, 'any key may ping')
  writer.send({ type: 'publish', id: 'p', events: [anEvent()] })
  t.match(await writer.next('ack'), { id: 'p', accepted: 1 })
  t.equal((await reader.eventIds(1)).length, 1)

  const browser = await LiveClient.open(t, port, '', {}, ['events.v1', 'bearer.reader'])
  t.equal(browser.socket.protocol, 'events.v1', 'the key is not answered')
  t.equal((await refusalOf(LiveClient.open(t, port, '', {}, ['events.v1', 'bearer.nope']))).status, 401)
  await (await LiveClient.open(t, port, '?key=reader')).close()
})

t.test('subprotocols', async (t) => {
  const { port } = await startServer(t)
  t.equal((await LiveClient.open(t, port, '', {}, ['other', 'events.v1'])).socket.protocol, 'events.v1')
  const raw = new RawClient(t, port)
  await raw.send(request('GET /ws/events', { ...HANDSHAKE, 'sec-websocket-protocol': 'bearer.secret' }))
  const answer = await raw.answer()
  t.equal(answer?.status, 101)
  t.notOk('sec-websocket-protocol' in answer!.headers)
  const compressed = new RawClient(t, port)
  await compressed.send(request('GET /ws/events', { ...HANDSHAKE, 'sec-websocket-extensions': 'permessage-deflate' }))
  t.notOk('sec-websocket-extensions' in (await compressed.answer())!.headers, 'no compression')
})

t.test('no more than half of MAX_SUBSCRIBERS from one address, however many come at once [LIMIT-2]', async (t) => {
  const { app, port } = await startServer(t, { MAX_SUBSCRIBERS: '10' })
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => LiveClient.open(t, port)))
  const clients = outcomes.flatMap((outcome) => outcome.status === 'fulfilled' ? [outcome.value] : [])
  const refusals = outcomes.flatMap((outcome) => outcome.status === 'rejected' ? [outcome.reason as Refusal] : [])
  t.equal(clients.length, 5)
  t.ok(refusals.every((refusal) => refusal.status === 503 && refusal.code === 'too_many_subscribers' && refusal.headers['retry-after'] !== undefined))
  t.equal(app.live.subscribers, 5)
  await clients[0].close()
  await until(() => app.live.subscribers === 4)
  await LiveClient.open(t, port)
})

t.test('protocol errors', async (t) => {
  const { app, port } = await startServer(t, { MAX_BODY_BYTES: '2000' })

  t.test('binary frames', async (t) => {
    const client = await LiveClient.open(t, port)
    const held = app.store.health().events_retained
    client.send([anEvent()])
    client.socket.send(Buffer.from('{}'))
    client.send([anEvent()])
    t.match(await client.closed, { code: 1003 })
    t.match(client.frames.map(({ type }) => type).filter((type) => type !== 'events'), ['welcome', 'ack'], 'what came before is answered')
    t.equal(app.store.health().events_retained, held + 1, 'what came after is not read')
  })

  t.test('frames that are too big', async (t) => {
    const client = await LiveClient.open(t, port)
    client.send('[' + ' '.repeat(1998) + ']')
    t.match(await client.next('error'), { code: 'no_events' }, 'the largest is taken')
    client.send(' '.repeat(2001))
    t.match(await client.closed, { code: 1009 })
  })

  t.test('three bad frames', async (t) => {
    const client = await LiveClient.open(t, port)
    for (const text of ['x', '', '{"type":"nope"}']) client.send(text)
    for (const code of ['invalid_json', 'invalid_json', 'unknown_type']) t.match(await client.next('error'), { code })
    t.match(await client.closed, { code: 1008 })
  })

  t.test('on a raw socket', async (t) => {
    const answers: [number, string, ...Buffer[]][] = [
      [1002, 'not masked', clientFrame(0x81, '{}', false)],
      [1002, 'a reserved bit', clientFrame(0xc1, '{}')],
      [1002, 'a reserved opcode', clientFrame(0x83, '{}')],
      [1002, 'a continuation of nothing', clientFrame(0x80, '{}')],
      [1002, 'a ping in pieces', clientFrame(0x09)],
      [1007, 'not UTF-8', clientFrame(0x81, Buffer.from([0xff]))],
      [1003, 'binary', clientFrame(0x82, '{}')],
      [1009, 'too big, by its header alone', Buffer.from([0x81, 0xfe, 0x07, 0xd1, 0, 0, 0, 0])],
      [1009, 'too big in pieces', clientFrame(0x01, 'x'.repeat(120)), ...Array.from({ length: 17 }, () => clientFrame(0x00, 'x'.repeat(120)))],
      [1000, 'a goodbye is answered', clientFrame(0x88, Buffer.from([0x03, 0xe8]))]
    ]
    for (const [code, name, ...frames] of answers) {
      const raw = new RawFrames(t, port)
      raw.send(...frames)
      t.equal(await raw.closeCode(), code, name)
    }

    const pieces = new RawFrames(t, port)
    pieces.send(clientFrame(0x01, '[{}'), clientFrame(0x89, 'hi'), clientFrame(0x80, ',{}]'))
    t.equal((await pieces.next())?.opcode, Opcode.Text, 'welcome')
    t.same(await pieces.next(), { opcode: Opcode.Pong, payload: Buffer.from('hi') }, 'a ping between the pieces of a frame')
    t.match(JSON.parse(String((await pieces.next())?.payload)), { type: 'ack', rejected: 2 })

    const early = new RawFrames(t, port, '/ws/events', clientFrame(0x81, '{"type":"unsubscribe"}'))
    await early.next()
    t.match(JSON.parse(String((await early.next())?.payload)), { type: 'subscribed' }, 'a frame in the same packet as the handshake')
  })

  t.test('peers that vanish', async (t) => {
    for (let i = 0; i < 10; i++) {
      const raw = new RawClient(t, port)
      await raw.send(request('GET /ws/events?after=earliest', HANDSHAKE))
      if (i % 2 === 0) await raw.answer()
      raw.socket.resetAndDestroy()
    }
    await until(() => app.live.subscribers === 0)
    t.equal((await app.inject('/health')).statusCode, 200)
  })
})

t.test('a peer that answers no ping is cut off', async (t) => {
  const { app, port } = await startServer(t, {}, { liveTimes: { ping: 300, pong: 3000 } })
  const healthy = await LiveClient.open(t, port)
  const raw = new RawClient(t, port)
  await raw.send(request('GET /ws/events', HANDSHAKE))
  await until(() => app.live.subscribers === 2)
  await until(() => app.live.subscribers === 1)
  t.equal(healthy.socket.readyState, healthy.socket.OPEN)
  t.equal(app.live.stats.cuts, 1)
})

t.test('heartbeats', async (t) => {
  const { app, port } = await startServer(t, {}, { liveTimes: { heartbeat: 1000 } })
  const client = await LiveClient.open(t, port, '?event_type=signup')
  t.match(await client.next('welcome'), { heartbeat_seconds: 1 })
  await post(app, anEvent())
  // On a slow machine there is silence before the event, too.
  const { cursor } = await app.store.locate()
  const silence = await client.next('events', (frame) => frame.cursor === cursor)
  t.same(silence, { type: 'events', cursor, events: [] })
})

t.test('a client that stops reading costs two frames, and later gets everything', async (t) => {
  const { app, port } = await startServer(t, { DEDUP_CAPACITY: '200000' })
  const connections = spyOnConnections(app)
  const stalled = await LiveClient.open(t, port)
  const healthy = await LiveClient.open(t, port)
  stalled.socket.pause()
  let most = 0
  const sent: string[] = []
  for (let i = 0; i < 100; i++) {
    const events = anyEvents(1000)
    t.equal((await post(app, events)).statusCode, 200)
    for (const event of events) sent.push(event.event_id)
    most = Math.max(most, connections[0].buffered)
  }
  t.same(await healthy.eventIds(100_000), sent)
  t.ok(connections[0].buffered > 0, 'it was stalled')
  t.ok(most <= 2 * (65_536 + 200), `${most} bytes queued at the most`)
  stalled.socket.resume()
  t.same(await stalled.eventIds(100_000), sent)
  t.notOk(stalled.frames.some(({ type }) => type === 'gap'))
})

t.test('a producer that sends without end is held back, and loses nothing', async (t) => {
  const { app, port } = await startServer(t, { DEDUP_CAPACITY: '200000' })
  const connections = spyOnConnections(app)
  const client = await LiveClient.open(t, port, '?subscribe=false')
  client.socket.pause() // reads no answer
  const refused = Array.from({ length: 50 }, () => ({})) // makes for long answers
  for (let i = 0; i < 3000; i++) client.send({ type: 'publish', id: `${i}`, events: [anEvent(), ...refused] })
  await until(() => connections[0].buffered > 0)
  await app.inject('/health')
  t.ok(connections[0].buffered < 100_000, `${connections[0].buffered} bytes of answers queued`)
  t.ok(app.store.health().events_retained < 3000, 'the others wait at the client')
  client.socket.resume()
  for (let i = 0; i < 3000; i++) {
    const ack = await client.next('ack')
    if (ack.id !== `${i}` || ack.accepted !== 1) t.fail(`answer ${i} is ${JSON.stringify(ack)}`)
  }
  t.equal(app.store.health().events_retained, 3000)
})

t.test('a stop tells 1,000 idle sockets, and cuts off none', async (t) => {
  const { app, port } = await startServer(t)
  const clients: LiveClient[] = []
  for (let i = 0; i < 10; i++) clients.push(...await Promise.all(Array.from({ length: 100 }, () => LiveClient.open(t, port))))
  t.equal(app.live.subscribers, 1000)
  await app.close()
  const codes = await Promise.all(clients.map(({ closed }) => closed.then(({ code }) => code)))
  t.ok(codes.every((code) => code === 1001))
})

t.test('a stop does not wait for who says no goodbye', async (t) => {
  const { app, port } = await startServer(t, { SHUTDOWN_TIMEOUT: '2' })
  const connections = spyOnConnections(app)
  const raw = new RawClient(t, port)
  await raw.send(request('GET /ws/events', HANDSHAKE))
  await raw.answer()
  const terminate = t.capture(connections[0], 'terminate', connections[0].terminate)
  await app.close()
  t.equal(terminate().length, 1)
  await until(() => app.live.subscribers === 0)
})
