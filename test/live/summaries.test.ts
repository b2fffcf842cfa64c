import t from 'tap'
import type { Summary } from '../../schemas/index.ts'
import type { Aggregator } from '../../src/backends/backend.ts'
import { MINUTE } from '../backends/test-clock.ts'
import { FakePeer, passTurns, passTurnsUntil } from './fake-peer.ts'
import { createRig, override, type Rig } from './rig.ts'

const frame = (value: unknown) => Buffer.from(JSON.stringify(value))
const WATCH = frame({ type: 'watch', time_window: '1h' })

/** A rig that counts how often something was summed up, and a way to let its time pass as it does in the service. */
function createWatchRig(options: Parameters<typeof createRig>[0] = {}) {
  const counter = { sums: 0 }
  const rig = createRig({
    wrapAggregator: (aggregator: Aggregator) => override(aggregator, { summary: (window) => { counter.sums++; return aggregator.summary(window) } }),
    ...options
  })
  return {
    ...rig,
    counter,
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 250) {
        rig.clock.advance(250)
        rig.hub.tick()
        await passTurns()
      }
    }
  }
}

function open(rig: Rig, options = {}) {
  const peer = new FakePeer()
  const session = rig.hub.openSession(peer, { canRead: true, canWrite: true, filter: {}, location: rig.here, ...options })
  return { peer, session, totals: () => peer.framesOf('summary').map(({ summary }) => (summary as Summary).total_events) }
}

t.test('the first at once, then when it changed, at most once a second', async (t) => {
  const rig = createWatchRig()
  await rig.send(rig.events(2))
  await passTurns()
  const { session, totals, peer } = open(rig)
  session.receive(WATCH)
  await passTurns()
  t.same(totals(), [2])
  t.equal((peer.framesOf('summary')[0].summary as Summary).cursor, (await rig.store.locate()).cursor)
  await rig.pass(10_000)
  t.same(totals(), [2], 'nothing has changed')
  await rig.send(rig.events(1))
  await passTurns()
  t.same(totals(), [2, 3], 'at once after a silence')
  for (let i = 0; i < 12; i++) { // three seconds
    await rig.send(rig.events(1))
    await passTurns()
    await rig.pass(250)
  }
  const seen = totals()
  t.ok(seen.length >= 4 && seen.length <= 6, `${seen.length} in all`)
  await rig.pass(2000)
  t.equal(totals().at(-1), 15, 'the last change is told, too')
})

t.test('summed up once for all who watch, and not at all for nobody', async (t) => {
  const rig = createWatchRig()
  const members = Array.from({ length: 200 }, () => open(rig))
  await rig.pass(5000)
  t.equal(rig.counter.sums, 0)
  for (const { session } of members) session.receive(WATCH)
  await passTurnsUntil(() => members.every(({ totals }) => totals().length > 0)) // reading what clients send takes turns
  t.ok(rig.counter.sums <= 2, `${rig.counter.sums} for the first of all`)
  for (let second = 0; second < 10; second++) {
    await rig.send(rig.events(1))
    await passTurns()
    await rig.pass(1000)
  }
  t.ok(rig.counter.sums <= 14, `${rig.counter.sums} in 10 s`)
  const [first, ...others] = members.map(({ peer }) => peer.sent.filter((bytes) => bytes.includes('"summary"')))
  t.ok(first.length >= 9)
  t.ok(others.every((sent) => sent.length === first.length && sent.every((bytes, i) => bytes === first[i])), 'the very same bytes')
  for (const { session } of members) session.receive(frame({ type: 'unwatch', time_window: '1h' }))
  await passTurns()
  const before = rig.counter.sums
  await rig.send(rig.events(1))
  await rig.pass(5000)
  t.equal(rig.counter.sums, before)
})

t.test('a window that moves on changes without new events', async (t) => {
  const rig = createWatchRig()
  await rig.send(rig.events(2))
  await passTurns()
  const { session, totals } = open(rig)
  session.receive(WATCH)
  await passTurns()
  rig.clock.advance(59 * MINUTE)
  await rig.pass(1000)
  rig.clock.advance(2 * MINUTE)
  await rig.pass(1000)
  t.equal(totals()[0], 2)
  t.equal(totals().at(-1), 0)
})

t.test('where a window begins changes every minute, with the same figures as well', async (t) => {
  const rig = createWatchRig()
  await rig.send(rig.events(2))
  await passTurns()
  const { session, peer } = open(rig)
  session.receive(WATCH)
  await passTurns()
  await rig.pass(3 * MINUTE)
  const told = peer.framesOf('summary').map(({ summary }) => summary as Summary)
  t.same(told.map(({ total_events: total }) => total), [2, 2, 2, 2])
  t.same(told.map(({ from }) => Date.parse(from) - Date.parse(told[0].from)), [0, 1, 2, 3].map((minutes) => minutes * MINUTE))
})

t.test('right after the events that it counts, and before those it does not', async (t) => {
  const rig = createWatchRig()
  const { session, peer } = open(rig)
  session.receive(WATCH)
  await passTurns()
  for (let i = 0; i < 30; i++) {
    await rig.send(rig.events(1 + i % 3))
    if (i % 2 === 0) await rig.pass(250)
    if (i % 7 === 0) await rig.pass(1000)
  }
  await rig.pass(1000)
  let counted = 0
  let summaries = 0
  for (const each of peer.frames) {
    if (each.type === 'events') counted += each.events.length
    if (each.type !== 'summary') continue
    t.equal((each.summary as Summary).total_events, counted)
    summaries++
  }
  t.ok(summaries > 5)
  t.equal(counted, rig.store.health().events_retained)
})

t.test('a summary that comes while others are appended: frames end where it was taken', async (t) => {
  let release: (() => void) | undefined
  const rig = createRig({
    wrapAggregator: (aggregator) => override(aggregator, {
      async summary(window) {
        const summary = await aggregator.summary(window)
        await new Promise<void>((resolve) => { release = resolve })
        return summary
      }
    })
  })
  const { session, peer } = open(rig)
  await passTurns() // waits at the head
  await rig.send(rig.events(2))
  session.receive(WATCH) // taken after two events
  await rig.send(rig.events(3))
  release!() // and known before any of the five is read
  await passTurns()
  t.same(peer.frames.map((each) => each.type === 'events' ? each.events.length : each.type), ['welcome', 'watching', 2, 'summary', 3])
})

t.test('one who lags behind is told after a while all the same', async (t) => {
  const rig = createWatchRig()
  const { session, peer, totals } = open(rig)
  await passTurns()
  peer.fallAsleep()
  for (let i = 0; i < 10; i++) await rig.send(rig.events(1000))
  await passTurns(20)
  session.receive(WATCH)
  await passTurns()
  t.same(totals(), [], 'it is not where the summary is')
  await rig.pass(4000)
  t.same(totals(), [10_000])
  await rig.send(rig.events(1))
  await rig.pass(10_000)
  t.same(totals(), [10_000], 'and no more while that is in its socket')
  peer.wakeUp()
  await passTurns(50)
  await rig.pass(1000)
  t.same(totals(), [10_000, 10_001])
})

t.test('filters and none at all do not keep a summary waiting', async (t) => {
  const rig = createWatchRig()
  const filtered = open(rig, { filter: { types: new Set([3]) } })
  const silent = open(rig, { filter: undefined })
  await rig.send(rig.events(3))
  for (const { session } of [filtered, silent]) session.receive(WATCH)
  await passTurns()
  t.same(filtered.totals(), [3])
  t.same(silent.totals(), [3])
})

t.test('a watch that is asked for again shows what there is', async (t) => {
  const rig = createWatchRig()
  const { session, totals } = open(rig)
  session.receive(WATCH)
  await passTurns()
  await rig.pass(1000)
  session.receive(WATCH)
  await passTurns()
  t.same(totals(), [0, 0])
  session.receive(WATCH)
  await passTurns()
  t.same(totals(), [0, 0], 'though not more than once a second')
  await rig.pass(1000)
  t.same(totals(), [0, 0, 0])
})

t.test('several windows on one connection', async (t) => {
  const rig = createWatchRig()
  const { session, peer } = open(rig)
  for (const window of ['1h', '24h', '7d']) session.receive(frame({ type: 'watch', time_window: window }))
  await rig.pass(500)
  t.same(peer.framesOf('summary').map(({ summary }) => (summary as Summary).time_window).sort(), ['1h', '24h', '7d'])
  session.receive(frame({ type: 'unwatch', time_window: '24h' }))
  session.receive(frame({ type: 'unwatch', time_window: '24h' }))
  await rig.send(rig.events(1))
  await rig.pass(2500)
  t.same(peer.framesOf('summary').slice(3).map(({ summary }) => (summary as Summary).time_window).sort(), ['1h', '7d'])
})

t.test('a summary that cannot be had is reported and tried again', async (t) => {
  let isUp = false
  const rig = createWatchRig({
    wrapAggregator: (aggregator) => override(aggregator, { summary: async (window) => { if (!isUp) throw new Error('down'); return await aggregator.summary(window) } })
  })
  const { session, totals } = open(rig)
  session.receive(WATCH)
  await rig.pass(1000)
  t.same(totals(), [])
  t.ok(rig.errors.length > 0)
  isUp = true
  await rig.pass(1000)
  t.same(totals(), [0])
})
