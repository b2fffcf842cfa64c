import t from 'tap'
import type { Receipt } from '../../schemas/index.ts'
import { StorageUnavailableError } from '../../src/backends/backend.ts'
import type { Ingest } from '../../src/ingest/ingest.ts'
import { FakePeer, passTurns } from './fake-peer.ts'
import { createRig, override, type Rig } from './rig.ts'

const RECEIPT: Receipt = { accepted: 1, duplicates: 0, rejected: 0, unavailable: 0, late: 0, cursor: 'c', errors: [] }

function open(rig: Rig, peer = new FakePeer(), options = {}) {
  return rig.hub.openSession(peer, { canRead: true, canWrite: true, filter: {}, location: rig.here, ...options })
}

const frame = (value: unknown) => Buffer.from(JSON.stringify(value))
const types = (peer: FakePeer) => peer.frames.map(({ type }) => type)

/** An ingest whose requests are answered when a test says so. */
function slowIngest() {
  const bodies: string[] = []
  const answers: ((receipt?: Receipt | Error) => void)[] = []
  const ingest: Ingest = (body, _kind, request) => new Promise((resolve, reject) => {
    bodies.push(body.toString())
    request?.onRead?.()
    answers.push((receipt = RECEIPT) => receipt instanceof Error ? reject(receipt) : resolve(receipt))
  })
  return { bodies, answers, ingest }
}

t.test('answers come in the order of the frames, whatever takes how long', async (t) => {
  const { ingest, answers, bodies } = slowIngest()
  const rig = createRig({ ingest })
  const peer = new FakePeer()
  const session = open(rig, peer)
  session.receive(frame({ type: 'publish', id: '1', events: [1] }))
  session.receive(frame([2]))
  session.receive(frame({ type: 'nope', id: '3' }))
  session.receive(frame({ type: 'subscribe', id: '4', event_types: ['signup'] }))
  session.receive(frame({ type: 'publish', id: '5', events: [5] }))
  await passTurns()
  t.same(bodies, ['[1]', '[2]', '[5]'], 'publishes run side by side')
  t.same(types(peer), ['welcome'])
  answers[2]()
  answers[1]()
  await passTurns()
  t.same(types(peer), ['welcome'], 'the first is still to be answered')
  answers[0]()
  await passTurns()
  t.same(peer.frames.slice(1).map((answer) => [answer.type, 'id' in answer ? answer.id : undefined]),
    [['ack', '1'], ['ack', undefined], ['error', '3'], ['subscribed', '4'], ['ack', '5']])
})

t.test('what goes wrong with a publish is an error frame of its own', async (t) => {
  const { ingest, answers } = slowIngest()
  const rig = createRig({ ingest })
  const peer = new FakePeer()
  const session = open(rig, peer)
  for (const id of ['a', 'b', 'c']) session.receive(frame({ type: 'publish', id, events: [] }))
  const bug = new TypeError('secret internals')
  answers[0](new StorageUnavailableError('no disk'))
  answers[1](bug)
  answers[2]()
  await passTurns()
  t.match(peer.framesOf('error'), [{ id: 'a', code: 'storage_unavailable' }, { id: 'b', code: 'internal_error' }])
  t.notMatch(JSON.stringify(peer.frames), /secret/)
  t.same(rig.errors, [bug], 'the service is told, once')
  t.match(peer.framesOf('ack'), [{ id: 'c' }])
})

t.test('few publishes are under way; the others wait in the peer\'s own socket', async (t) => {
  const { ingest, answers, bodies } = slowIngest()
  const peer = new FakePeer()
  const session = open(createRig({ ingest }), peer)
  await passTurns()
  for (let i = 0; i < 100; i++) session.receive(frame([i])) // all in one chunk, come before the pause took hold
  t.equal(bodies.length, 8)
  t.ok(peer.isPaused)
  answers[0]()
  await passTurns()
  t.equal(bodies.length, 9, 'one is done, one begins')
  t.ok(peer.isPaused)
  for (let i = 1; i < 100; i++) {
    answers[i]()
    await passTurns(3)
  }
  t.equal(bodies.length, 100)
  t.same(bodies, Array.from({ length: 100 }, (_, i) => `[${i}]`), 'in order')
  t.equal(peer.framesOf('ack').length, 100)
  t.notOk(peer.isPaused)
})

t.test('publishes under way are bounded in bytes, too', async (t) => {
  const { ingest, answers, bodies } = slowIngest()
  const peer = new FakePeer()
  const session = open(createRig({ ingest, maxPublishBytes: 1000 }), peer)
  await passTurns()
  const large = frame(['x'.repeat(2000)])
  session.receive(large)
  t.equal(bodies.length, 1, 'one is always taken')
  t.ok(peer.isPaused)
  session.receive(large)
  t.equal(bodies.length, 1)
  answers[0]()
  await passTurns()
  t.equal(bodies.length, 2)
})

t.test('a client that does not read its answers is not read from', async (t) => {
  const peer = new FakePeer({ eager: false })
  const session = open(createRig(), peer)
  for (let i = 0; i < 1000; i++) session.receive(frame({ type: 'subscribe', id: String(i) }))
  await passTurns()
  t.ok(peer.isPaused)
  t.ok(peer.framesOf('subscribed').length <= 8)
  t.ok(peer.buffered < 2000, `${peer.buffered} bytes`)
  peer.wakeUp()
  await passTurns(1000)
  t.equal(peer.framesOf('subscribed').length, 1000, 'none is lost')
  t.notOk(peer.isPaused)
})

t.test('three bad frames within ten seconds, and not two and two', async (t) => {
  for (const bad of ['x', '{}', '{"type":"nope"}', '[1', '{"a":' + '['.repeat(5000)]) {
    const rig = createRig()
    const peer = new FakePeer()
    const session = rig.hub.openSession(peer, { canRead: true, canWrite: true, location: rig.here })
    const receive = async (text: string) => {
      session.receive(Buffer.from(text))
      await passTurns()
    }
    for (let i = 0; i < 20; i++) { // for hours
      await receive(bad)
      rig.clock.advance(5_000)
    }
    t.equal(peer.closed, undefined, bad.slice(0, 10))
    rig.clock.advance(10_000)
    await receive(bad)
    rig.clock.advance(4_999)
    await receive(bad)
    await receive('{"type":"unsubscribe"}') // forgives nothing
    rig.clock.advance(5_000)
    t.equal(peer.closed, undefined)
    await receive(bad)
    t.match(peer.closed, { code: 1008 })
  }
})

t.test('frames that are good but refused close nothing', async (t) => {
  const peer = new FakePeer()
  const session = open(createRig(), peer, { canWrite: false })
  for (let i = 0; i < 5; i++) {
    session.receive(frame({ type: 'publish', id: 'p', events: [] }))
    session.receive(frame({ type: 'subscribe', id: 's', after: 'never made' }))
  }
  await passTurns(20)
  t.equal(peer.closed, undefined)
  t.match(peer.framesOf('error'), Array.from({ length: 5 }, () => [{ id: 'p', code: 'forbidden' }, { id: 's', code: 'invalid_cursor' }]).flat())
})

t.test('who may only write gets no events and no summaries', async (t) => {
  const rig = createRig()
  const peer = new FakePeer()
  const session = open(rig, peer, { canRead: false, filter: undefined })
  session.receive(frame({ type: 'subscribe', id: 's', after: 'earliest' }))
  session.receive(frame({ type: 'watch', id: 'w', time_window: '1h' }))
  session.receive(frame(rig.events(3)))
  await passTurns()
  t.same(types(peer), ['welcome', 'error', 'error', 'ack'])
  t.match(peer.framesOf('error'), [{ id: 's', code: 'forbidden' }, { id: 'w', code: 'forbidden' }])
})

t.test('events that came in before the client went are taken', async (t) => {
  const { ingest, answers, bodies } = slowIngest()
  const rig = createRig({ ingest })
  const peer = new FakePeer({ eager: false })
  const session = open(rig, peer)
  for (let i = 0; i < 20; i++) session.receive(frame([i]))
  rig.hub.leave(session)
  const before = peer.sent.length
  for (let i = 0; i < 20; i++) {
    answers[i]()
    await passTurns(3)
  }
  t.equal(bodies.length, 20)
  t.equal(peer.sent.length, before, 'nobody is answered')
  t.equal(rig.hub.subscribers, 0)
})

t.test('a stop answers what is under way and takes nothing more', async (t) => {
  const { ingest, answers, bodies } = slowIngest()
  const rig = createRig({ ingest })
  const idle = new FakePeer()
  const idleSession = open(rig, idle)
  const peer = new FakePeer()
  const session = open(rig, peer)
  session.receive(frame({ type: 'publish', id: '1', events: [1] }))
  let isDone = false
  const stopped = rig.hub.stop().then(() => { isDone = true })
  t.equal(rig.hub.reserve(), undefined, 'nobody new comes in')
  session.receive(frame({ type: 'publish', id: '2', events: [2] }))
  await passTurns()
  t.match(idle.closed, { code: 1001 }, 'at once')
  t.equal(peer.closed, undefined)
  answers[0]()
  await passTurns()
  t.match(peer.framesOf('ack'), [{ id: '1' }])
  t.match(peer.closed, { code: 1001 })
  t.same(bodies, ['[1]'])
  rig.hub.leave(session)
  await passTurns()
  t.notOk(isDone)
  rig.hub.leave(idleSession)
  await stopped
})

t.test('a stop resumes who was paused, so that its goodbye is read', async (t) => {
  const rig = createRig()
  const peer = new FakePeer({ eager: false })
  const session = open(rig, peer)
  for (let i = 0; i < 20; i++) session.receive(frame({ type: 'unsubscribe' }))
  t.ok(peer.isPaused)
  const stopped = rig.hub.stop()
  t.notOk(peer.isPaused)
  t.match(peer.closed, { code: 1001 })
  rig.hub.close()
  t.ok(peer.isTerminated, 'and who does not go is cut off')
  rig.hub.leave(session)
  await stopped
})

t.test('positions', async (t) => {
  const rig = createRig()
  const [first, second] = await rig.send(rig.events(2))
  const head = (await rig.store.locate()).cursor

  t.test('without `after` from now on', async (t) => {
    const peer = new FakePeer()
    open(rig, peer)
    await passTurns()
    t.same(peer.frames, [{ type: 'welcome', cursor: head, heartbeat_seconds: 25 }])
  })

  t.test('after a cursor, and from the earliest', async (t) => {
    const peer = new FakePeer()
    open(rig, peer, { location: await rig.store.locate('earliest') })
    await passTurns()
    t.match(peer.frames[0], { type: 'welcome', cursor: (await rig.store.locate('earliest')).cursor, recovered: true })
    t.same(peer.eventIds, [first, second])
    t.equal(peer.framesOf('events').at(-1)!.cursor, head)
    const later = new FakePeer()
    open(rig, later, { location: await rig.store.locate(head) })
    await passTurns()
    t.same(later.frames, [{ type: 'welcome', cursor: head, recovered: true, heartbeat_seconds: 25 }])
  })

  t.test('a lost one is told, and nothing partial', async (t) => {
    const peer = new FakePeer()
    const lost = '0123456789ab.1'
    const session = open(rig, peer, { location: await rig.store.locate(lost) })
    await passTurns()
    t.same(peer.frames, [
      { type: 'welcome', cursor: head, recovered: false, heartbeat_seconds: 25 },
      { type: 'gap', reason: 'other_history', after: lost, cursor: head }
    ])
    session.receive(frame({ type: 'subscribe', id: 's', after: lost }))
    await passTurns()
    t.same(peer.frames.slice(2), [
      { type: 'subscribed', id: 's', cursor: head, recovered: false },
      { type: 'gap', reason: 'other_history', after: lost, cursor: head }
    ])
    session.receive(frame({ type: 'subscribe', id: 's', after: 'earliest' }))
    await passTurns()
    t.match(peer.frames.slice(4), [{ type: 'subscribed', recovered: true }, { type: 'events', events: [{ event_id: first }, { event_id: second }] }])
  })

  t.test('not subscribed: told nothing, and a later subscription begins then', async (t) => {
    const peer = new FakePeer()
    const session = open(rig, peer, { filter: undefined })
    await rig.send(rig.events(1))
    await passTurns()
    t.same(types(peer), ['welcome'])
    session.receive(frame({ type: 'subscribe' }))
    await passTurns()
    t.same(peer.frames.slice(1), [{ type: 'subscribed', cursor: (await rig.store.locate()).cursor }])
    const [third] = await rig.send(rig.events(1))
    await passTurns()
    t.same(peer.eventIds, [third])
    const stop = (await rig.store.locate()).cursor
    session.receive(frame({ type: 'unsubscribe', id: 'u' }))
    const [fourth] = await rig.send(rig.events(1))
    await passTurns()
    t.same(peer.eventIds, [third])
    t.match(peer.frames.at(-1), { type: 'subscribed', id: 'u', cursor: stop }, 'where to go on')
    session.receive(frame({ type: 'subscribe', after: stop }))
    await passTurns()
    t.same(peer.eventIds, [third, fourth])
  })
})

t.test('a new filter: nothing of the old one after `subscribed`, and nothing is skipped', async (t) => {
  const rig = createRig()
  const peer = new FakePeer({ eager: false })
  const session = open(rig, peer, { filter: { types: new Set([1]) } }) // click
  const clicks = await rig.send(rig.events(3, 'click'))
  await passTurns()
  const signups = await rig.send(rig.events(3, 'signup'))
  session.receive(frame({ type: 'subscribe', event_types: ['signup'] })) // while a frame of clicks is in the socket
  await rig.send(rig.events(3, 'click'))
  peer.wakeUp()
  await passTurns()
  t.same(types(peer), ['welcome', 'events', 'subscribed', 'events'])
  t.equal(peer.framesOf('subscribed')[0].cursor, peer.framesOf('events')[0].cursor, 'it goes on where the old filter was')
  t.same(peer.eventIds, [...clicks, ...signups])
})

t.test('a filter that is changed while a page is being read', async (t) => {
  let release = () => {}
  const rig = createRig({
    wrap: (store) => override(store, {
      async read(...request) {
        const page = await store.read(...request)
        await new Promise<void>((resolve) => { release = resolve })
        return page
      }
    })
  })
  const peer = new FakePeer()
  const session = open(rig, peer)
  await passTurns()
  release()
  await rig.send(rig.events(1, 'click'))
  await passTurns()
  session.receive(frame({ type: 'subscribe', event_types: ['signup'] }))
  release() // the page of clicks comes too late
  for (let i = 0; i < 4; i++) {
    await passTurns()
    release()
  }
  t.same(peer.eventIds, [])
  const [signup] = await rig.send(rig.events(1, 'signup'))
  for (let i = 0; i < 4; i++) {
    await passTurns()
    release()
  }
  t.same(peer.eventIds, [signup])
})
