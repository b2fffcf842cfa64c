/** The bounds of one WebSocket. */
import type { Test } from 'tap'
import type { Ingest } from '../../src/ingest/ingest.ts'
import { LIVE_TIMES } from '../../src/live/hub.ts'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, post, startServer } from '../harness.ts'
import { LiveClient } from '../live/clients.ts'
import { FakePeer, passTurns, passTurnsUntil } from '../live/fake-peer.ts'
import { clientFrame, Opcode, RawFrames } from '../live/raw-frames.ts'
import { createRig } from '../live/rig.ts'
import { checkCode, until, type Case } from './bound.ts'

const FIN = 0x80

/** A session whose publishes are answered when the test says so. */
function slowSession(maxPublishBytes = 1 << 20) {
  const answers: (() => void)[] = []
  const ingest: Ingest = (_body, _kind, options) => new Promise((resolve) => {
    options?.onRead?.()
    answers.push(() => resolve({ accepted: 1, duplicates: 0, rejected: 0, unavailable: 0, late: 0, cursor: 'c', errors: [] }))
  })
  const peer = new FakePeer()
  const rig = createRig({ ingest, maxPublishBytes })
  const session = rig.hub.openSession(peer, { canRead: true, canWrite: true, location: rig.here })
  return { peer, session, answers }
}

/** Waits for the code with which the server closes. */
async function closeCode(client: RawFrames, answer: string, t: Test): Promise<void> {
  t.match(answer, new RegExp(`\\b${await client.closeCode()}\\b`))
}

export const SOCKET_CASES: Readonly<Record<string, Case>> = {
  'a message': async (t, bound, { small: { port } }) => {
    const client = await LiveClient.open(t, port)
    client.send(JSON.stringify(anEvent()).padEnd(5000))
    t.match(await client.next('ack'), { accepted: 1 })
    client.send(JSON.stringify(anEvent()).padEnd(5001))
    t.match(bound.answer, String((await client.closed).code))
  },
  'a message that is no `publish`': async (t, bound, { port }) => {
    const client = await LiveClient.open(t, port)
    client.send('{"type":"ping"}'.padEnd(bound.number))
    await client.next('pong')
    client.send('{"type":"ping"}'.padEnd(bound.number + 1))
    checkCode(t, bound, (await client.next('error')).code)
  },
  'frames of a message': async (t, bound, { port }) => {
    const fragments = (count: number) => [
      clientFrame(Opcode.Text, ' '), ...Array.from({ length: count - 2 }, () => clientFrame(Opcode.Continuation, ' ')), clientFrame(FIN | Opcode.Continuation, '{"type":"ping"}')
    ]
    const client = new RawFrames(t, port)
    client.send(...fragments(bound.number))
    while (!String((await client.next())?.payload).includes('"pong"'));
    client.send(...fragments(bound.number + 1))
    await closeCode(client, bound.answer, t)
  },
  'time for a message, from its first byte to its last': async (t, bound) => {
    const clock = new TestClock(Date.now())
    const { app, port } = await startServer(t, {}, { clock, liveTimes: { ping: 1e9 } })
    const client = new RawFrames(t, port)
    const update = app.live.messages.update.bind(app.live.messages)
    let isHeld = false
    app.live.messages.update = (source) => {
      update(source)
      isHeld ||= source.held() > 0
    }
    client.send(clientFrame(Opcode.Text, '{'))
    await until(() => isHeld)
    clock.advance(bound.number)
    app.live.tick()
    t.equal(app.live.subscribers, 1, 'within')
    clock.advance(1)
    app.live.tick()
    await closeCode(client, bound.answer, t)
  },
  '`id` of a frame': async (t, bound, { port }) => {
    const client = await LiveClient.open(t, port)
    client.send({ type: 'ping', id: '😀'.repeat(bound.number) })
    t.equal((await client.next('pong')).id, '😀'.repeat(bound.number))
    client.send({ type: 'ping', id: '😀'.repeat(bound.number + 1) })
    checkCode(t, bound, (await client.next('error')).code)
  },
  'messages under way, or answered and the answer not yet taken': async (t, bound) => {
    const { peer, session, answers } = slowSession()
    await passTurns()
    for (let i = 0; i < bound.number - 1; i++) session.receive(Buffer.from('[1]'))
    await passTurnsUntil(() => answers.length === bound.number - 1 && !peer.isPaused) // a frame may be read in a later turn
    t.notOk(peer.isPaused, 'there is room for one more')
    session.receive(Buffer.from('[1]'))
    session.receive(Buffer.from('[1]'))
    await passTurnsUntil(() => answers.length === bound.number)
    t.ok(peer.isPaused)
    t.equal(answers.length, bound.number, bound.answer)
    answers[0]()
    await passTurnsUntil(() => answers.length === bound.number + 1)
    t.equal(answers.length, bound.number + 1)
    for (const answer of answers) answer()
    await passTurnsUntil(() => !peer.isPaused)
    t.notOk(peer.isPaused)
  },
  'bytes of publishes under way': async (t, bound) => {
    const { peer, session, answers } = slowSession(1000)
    await passTurns()
    session.receive(Buffer.from('[1]'.padEnd(998)))
    await passTurnsUntil(() => answers.length === 1 && !peer.isPaused)
    t.notOk(peer.isPaused, 'within')
    session.receive(Buffer.from('[]'))
    await passTurnsUntil(() => answers.length === 2)
    t.ok(peer.isPaused, bound.answer)
    for (const answer of answers) answer()
    await passTurnsUntil(() => !peer.isPaused)
    t.notOk(peer.isPaused)
  },
  'bad frames within ten seconds': async (t, bound, { port }) => {
    const client = await LiveClient.open(t, port)
    for (let i = 0; i < bound.number; i++) {
      client.send('nonsense')
      await client.next('error')
    }
    client.send({ type: 'ping' })
    await client.next('pong')
    client.send('nonsense')
    t.match(bound.answer, String((await client.closed).code))
  },
  subscriptions: async (t, bound, { app, port }) => {
    const client = await LiveClient.open(t, port, '?event_type=signup')
    for (let i = 0; i < bound.number; i++) client.send({ type: 'subscribe', event_types: ['click'] })
    await client.next('subscribed')
    await post(app, [anEvent({ event_type: 'signup' }), anEvent({ event_type: 'click' })])
    t.match((await client.next('events', ({ events }) => events.length > 0)).events, [{ event_type: 'click' }], bound.answer)
  },
  'frames of events that have not left for its peer': async (t, bound) => {
    const rig = createRig()
    const peer = new FakePeer()
    rig.hub.openSession(peer, { canRead: true, canWrite: true, filter: {}, location: rig.here })
    await passTurns()
    peer.fallAsleep()
    for (let i = 0; i < bound.number + 2; i++) {
      await rig.send(Array.from({ length: 100 }, () => rig.event({ properties: { page: 'x'.repeat(1000) } })))
      await passTurns()
    }
    t.equal(peer.framesOf('events').length, bound.number)
    peer.drain(1)
    await passTurns()
    t.equal(peer.framesOf('events').length, bound.number + 1, bound.answer)
  },
  'silence after a ping': async (t, bound) => {
    t.equal(LIVE_TIMES.pong, bound.number)
    const rig = createRig()
    const peer = new FakePeer()
    rig.hub.openSession(peer, { canRead: true, canWrite: true, location: rig.here })
    await passTurns()
    rig.clock.advance(LIVE_TIMES.ping)
    rig.hub.tick()
    t.equal(peer.pings, 1)
    rig.clock.advance(bound.number - 1)
    rig.hub.tick()
    t.notOk(peer.isTerminated, 'within')
    rig.clock.advance(1)
    rig.hub.tick()
    t.ok(peer.isTerminated, bound.answer)
  }
}
