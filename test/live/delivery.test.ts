import t from 'tap'
import type { EventStore } from '../../src/backends/backend.ts'
import { StorageUnavailableError } from '../../src/backends/backend.ts'
import type { Outlet } from '../../src/live/peer.ts'
import { FakePeer, passTurns, passTurnsUntil } from './fake-peer.ts'
import { createRig, override, type Rig } from './rig.ts'

const READER = { canRead: true, canWrite: false, filter: {} }

/** Most bytes that a subscriber has in its socket: two frames, each 64 KiB of events or one event, and some words around. */
const MOST_BUFFERED = 2 * (65_536 + 100)

/** Opens so many unfiltered connections. */
function openMany(rig: Rig, count: number, eager = true): FakePeer[] {
  return Array.from({ length: count }, () => {
    const peer = new FakePeer({ eager })
    rig.hub.openSession(peer, { ...READER, location: rig.here })
    return peer
  })
}

/** Counts the reads of a store. */
function countReads() {
  const counter = { reads: 0, wrap: (store: EventStore) => override(store, { read: (...request) => { counter.reads++; return store.read(...request) } }) }
  return counter
}

t.test('a stalled reader with 100,000 events going by: two frames in its socket, no gap, and then everything [LIVE-4]', async (t) => {
  const rig = createRig()
  const [stalled, neighbour] = openMany(rig, 2)
  await passTurns()
  stalled.fallAsleep()
  const sent: string[] = []
  for (let i = 0; i < 100; i++) {
    sent.push(...await rig.send(rig.events(1000)))
    await passTurns(2)
  }
  await passTurnsUntil(() => neighbour.has(sent.at(-1)!))
  t.equal(neighbour.eventIds.length, 100_000, 'its neighbour has them all')
  t.ok(stalled.mostBuffered > 0 && stalled.mostBuffered <= MOST_BUFFERED, `${stalled.mostBuffered} bytes queued at the most`)
  stalled.wakeUp()
  await passTurnsUntil(() => stalled.has(sent.at(-1)!))
  t.same(stalled.eventIds, sent, 'whole, once, in order')
  t.equal(stalled.framesOf('gap').length, 0)
  for (const bytes of stalled.sent) if (bytes.length > 65_536 + 100) t.fail(`a frame of ${bytes.length} bytes`)
})

t.test('a reader that takes a frame now and then loses nothing either', async (t) => {
  const rig = createRig()
  const peer = new FakePeer({ eager: false })
  rig.hub.openSession(peer, { ...READER, location: rig.here })
  const sent: string[] = []
  for (let i = 0; i < 50; i++) {
    sent.push(...await rig.send(rig.events(200)))
    peer.drain(1)
    await passTurns(2)
  }
  peer.wakeUp()
  await passTurnsUntil(() => peer.has(sent.at(-1)!))
  t.same(peer.eventIds, sent)
  t.ok(peer.mostBuffered <= MOST_BUFFERED + 100)
})

t.test('only when its place has left the log is there a gap; from the head it goes on', async (t) => {
  const rig = createRig({ logBytes: 1 << 20 })
  const [peer] = openMany(rig, 1)
  await passTurns()
  peer.fallAsleep()
  const sent: string[] = []
  while (rig.store.health().events_retained === sent.length) {
    sent.push(...await rig.send(rig.events(100)))
    await passTurns(2)
  }
  for (let i = 0; i < 20; i++) {
    sent.push(...await rig.send(rig.events(1000)))
    await passTurns(2)
  }
  const head = (await rig.store.locate()).cursor
  peer.wakeUp()
  await passTurns(50)
  const delivered = peer.eventIds
  t.ok(delivered.length < sent.length)
  t.same(delivered, sent.slice(0, delivered.length), 'whole up to the gap')
  const last = peer.framesOf('events').at(-1)!.cursor
  t.same(peer.framesOf('gap'), [{ type: 'gap', reason: 'too_slow', after: last, cursor: head }])
  const more = await rig.send(rig.events(10))
  await passTurns()
  t.same(peer.eventIds, [...delivered, ...more])
  t.equal(rig.hub.stats.gaps, 1)
})

t.test('a frame is read and built once for all who stand at the same place', async (t) => {
  const counter = countReads()
  const rig = createRig(counter)
  const peers = openMany(rig, 1000)
  await passTurns()
  counter.reads = 0
  for (let i = 0; i < 10; i++) {
    await rig.send(rig.events(5))
    await passTurns()
  }
  t.ok(counter.reads <= 20, `${counter.reads} reads for 10 appends`)
  const [first, ...others] = peers.map((peer) => peer.sent.slice(1))
  t.equal(first.length, 10)
  t.ok(others.every((sent) => sent.every((bytes, i) => bytes === first[i])), 'the very same bytes')
  t.same(rig.hub.stats, { frames: 10_000, events: 50_000, gaps: 0, holds: 0, cuts: 0 })
})

t.test('whoever comes at whatever moment of a read of somebody else is told everything', async (t) => {
  for (let turns = 0; turns < 16; turns++) {
    const rig = createRig()
    const sent = await rig.send(rig.events(250)) // in a frame that is worth freeing
    const peers = [new FakePeer(), new FakePeer()]
    for (const peer of peers) {
      rig.hub.openSession(peer, { ...READER, location: await rig.store.locate('earliest') })
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    }
    await passTurns()
    for (const peer of peers) t.same(peer.eventIds, sent, `${turns} turns later`)
  }
})

t.test('filters that mean the same share frames, others do not', async (t) => {
  const counter = countReads()
  const rig = createRig(counter)
  const filters = [
    { types: new Set([1, 2]) }, { types: new Set([2, 1]) }, { types: new Set([1, 2]), users: new Set(['ada']) }, { users: new Set(['bob', 'ada']) }, { users: new Set(['ada', 'bob']) }
  ]
  const peers = filters.map((filter) => {
    const peer = new FakePeer()
    rig.hub.openSession(peer, { ...READER, location: rig.here, filter })
    return peer
  })
  await passTurns()
  counter.reads = 0
  await rig.send([rig.event(), rig.event({ user_id: 'bob' }), rig.event({ event_type: 'signup' })])
  await passTurns()
  t.same(peers.map((peer) => peer.eventIds.length), [2, 2, 1, 3, 3])
  t.equal(peers[0].sent[1], peers[1].sent[1])
  t.equal(peers[3].sent[1], peers[4].sent[1])
  t.equal(counter.reads, 3)
})

t.test('those to whom nothing matters are not touched, and their place moves on all the same', async (t) => {
  const counter = countReads()
  const rig = createRig(counter)
  const open = () => {
    const peer = new FakePeer()
    return { peer, session: rig.hub.openSession(peer, { ...READER, location: rig.here, filter: { types: new Set([3]) } }) }
  }
  const members = []
  for (let i = 0; i < 10; i++) { // they begin at different places
    members.push(...Array.from({ length: 100 }, open))
    await rig.send(rig.events(3))
    if (i % 3 === 0) await passTurns()
  }
  await passTurns()
  counter.reads = 0
  for (let i = 0; i < 10; i++) {
    await rig.send(rig.events(100))
    await passTurns()
  }
  t.equal(counter.reads, 10, 'one look at each append, for all of them')
  for (const { session } of members.splice(0, 300)) rig.hub.leave(session)
  rig.clock.advance(25_000)
  rig.hub.tick()
  t.ok(members.every(({ peer }) => peer.framesOf('events').length === 1 && peer.framesOf('events')[0].cursor === rig.here.cursor))
  const [id] = await rig.send(rig.events(1, 'signup'))
  await passTurns()
  t.ok(members.every(({ peer }) => peer.eventIds.length === 1 && peer.eventIds[0] === id))
})

t.test('those who come and go leave nothing behind', async (t) => {
  const counter = countReads()
  const rig = createRig(counter)
  for (let i = 0; i < 100; i++) {
    const peer = new FakePeer({ eager: i % 2 === 0 })
    const session = rig.hub.openSession(peer, { ...READER, location: rig.here, filter: { users: new Set([`user ${i}`]) } })
    if (i % 3 === 0) await passTurns(2)
    rig.hub.leave(session)
    rig.hub.leave(session)
  }
  t.equal(rig.hub.subscribers, 0)
  await passTurns()
  counter.reads = 0
  await rig.send(rig.events(3))
  await passTurns()
  t.equal(counter.reads, 0, 'nobody reads')
})

t.test('one after the other has its turn: a crowd does not keep the process to itself', async (t) => {
  const rig = createRig()
  const peers = openMany(rig, 2000)
  await passTurns(20)
  await rig.send(rig.events(1))
  await passTurns(3)
  const early = peers.filter((peer) => peer.eventIds.length > 0).length
  t.ok(early < 2000, `${early} have it while others have had a turn`)
  await passTurns(20)
  t.equal(peers.filter((peer) => peer.eventIds.length > 0).length, 2000)
})

t.test('silence', async (t) => {
  const rig = createRig()
  const quiet = new FakePeer()
  rig.hub.openSession(quiet, { ...READER, location: rig.here, filter: { types: new Set([3]) } })
  const [busy] = openMany(rig, 1)
  await passTurns()
  const tick = async (ms: number) => {
    rig.clock.advance(ms)
    rig.hub.tick()
    await passTurns()
  }
  await tick(24_999)
  t.equal(quiet.framesOf('events').length, 0)
  await rig.send(rig.events(3))
  await passTurns()
  await tick(1)
  t.same(quiet.framesOf('events'), [{ type: 'events', cursor: (await rig.store.locate()).cursor, events: [] }], 'its place has moved with what did not match')
  t.equal(busy.framesOf('events').length, 1, 'who heard something is not told')
  await tick(24_998)
  t.equal(busy.framesOf('events').length, 1)
  await tick(1)
  t.equal(busy.framesOf('events').length, 2)
  t.equal(quiet.framesOf('events').length, 1)
})

t.test('silence says no place that was not reached', async (t) => {
  const rig = createRig()
  const peer = new FakePeer()
  rig.hub.openSession(peer, { ...READER, location: rig.here })
  await passTurns()
  const before = (await rig.store.locate()).cursor
  await rig.send(rig.events(1)) // appended, and its delivery still to come
  rig.clock.advance(25_000)
  rig.hub.tick()
  t.same(peer.frames.at(-1), { type: 'events', cursor: before, events: [] })
  await passTurns()
  t.equal(peer.eventIds.length, 1)
  peer.fallAsleep()
  await rig.send(rig.events(1))
  await passTurns()
  const count = peer.sent.length
  rig.clock.advance(25_000)
  rig.hub.tick()
  t.equal(peer.sent.length, count, 'to a full socket nothing is added')
})

t.test('what is appended while a page is on its way is not forgotten', async (t) => {
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
  const [peer] = openMany(rig, 1)
  await passTurns(1) // it has read that there is nothing, and does not know it yet
  const ids = await rig.send(rig.events(1))
  await passTurns() // the log has grown, and it was not waiting for that
  for (let i = 0; i < 4; i++) {
    release()
    await passTurns()
  }
  t.same(peer.eventIds, ids)
})

t.test('while the storage cannot answer everybody waits, and then goes on', async (t) => {
  let isUp = true
  const rig = createRig({
    wrap: (store) => override(store, {
      read: async (...request) => {
        if (!isUp) throw new StorageUnavailableError('no answer')
        return await store.read(...request)
      }
    })
  })
  const [peer] = openMany(rig, 1)
  await passTurns()
  isUp = false
  const ids = await rig.send(rig.events(2))
  await passTurns()
  rig.hub.tick()
  await passTurns()
  t.same(peer.eventIds, [])
  isUp = true
  rig.hub.tick()
  await passTurns()
  t.same(peer.eventIds, ids)
  t.same(rig.errors, [])
})

t.test('an error of the service\'s own ends the connection and is reported', async (t) => {
  const bug = new TypeError('bug')
  const rig = createRig({ wrap: (store) => override(store, { read: async () => { throw bug } }) })
  const [peer] = openMany(rig, 1)
  await passTurns()
  t.match(peer.closed, { code: 1011 })
  t.ok(rig.errors.length > 0 && rig.errors.every((error) => error === bug))
})

t.test('a connection that breaks while it is sent to keeps nobody else waiting', async (t) => {
  const rig = createRig()
  const [bad, good] = openMany(rig, 2)
  await passTurns()
  const bug = new Error('broken pipe')
  bad.send = () => { throw bug }
  const ids = await rig.send(rig.events(2))
  await passTurns()
  const more = await rig.send(rig.events(2))
  await passTurns()
  t.same(good.eventIds, [...ids, ...more])
  t.match(bad.closed, { code: 1011 })
  t.same(rig.errors, [bug])
})

t.test('a reader that is quick gets a long resume in few turns of the process, a crowd of them in more', async (t) => {
  const rig = createRig()
  const sent = await rig.send(rig.events(10_000))
  const [peer] = openMany(rig, 1)
  const resumed = new FakePeer()
  rig.hub.openSession(resumed, { ...READER, location: await rig.store.locate('earliest') })
  await passTurns(4)
  t.same(resumed.eventIds, sent)
  t.equal(peer.eventIds.length, 0)
})

t.test('streams', async (t) => {
  class TextPeer implements Outlet {
    text = ''
    buffered = 0
    closed = false
    send(bytes: Buffer, sent: () => void): void {
      this.text += bytes.toString()
      process.nextTick(sent)
    }

    close(): void { this.closed = true }
    terminate(): void {}
  }

  t.test('an event a message, each with the cursor after it', async (t) => {
    const rig = createRig({ random: () => 0.5 })
    const peer = new TextPeer()
    const start = (await rig.store.locate()).cursor
    const stream = rig.hub.openStream(peer, { types: new Set([1]) }, rig.here)
    await passTurns()
    const cursors: string[] = []
    const events = [rig.event({ user_id: 'é' }), rig.event({ event_type: 'signup' }), rig.event({ properties: { page: 'a\nb\r\u2028' } })]
    for (const event of events) {
      await rig.send([event])
      cursors.push((await rig.store.locate()).cursor)
    }
    await passTurns()
    t.equal(peer.text, `retry: 2500\nid: ${start}\n\n` +
      `data: ${JSON.stringify(events[0])}\nid: ${cursors[0]}\n\n` +
      `data: ${JSON.stringify(events[2])}\nid: ${cursors[2]}\n\n`)
    peer.text = ''
    rig.clock.advance(25_000)
    rig.hub.tick()
    t.equal(peer.text, `id: ${cursors[2]}\n\n`)
    const stopped = rig.hub.stop()
    t.ok(peer.closed)
    rig.hub.leave(stream)
    await stopped
  })

  t.test('a lost place is told first', async (t) => {
    const rig = createRig()
    const peer = new TextPeer()
    const cursor = (await rig.store.locate()).cursor
    rig.hub.openStream(peer, {}, await rig.store.locate('0123456789ab.1'), 'has cursor')
    const gap = { type: 'gap', after: '0123456789ab.1', reason: 'other_history', cursor }
    const [retry, event, data, id, end] = peer.text.split('\n')
    t.match(retry, /^retry: \d+$/)
    t.same([event, id, end], ['event: gap', `id: ${cursor}`, ''])
    t.same(JSON.parse(data.slice('data: '.length)), gap)
  })
})
