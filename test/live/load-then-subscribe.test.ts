/**
 * [LIVE-3] For two summaries with the same `from`, the second's total, types and hours are the first's plus the events
 * framed between their cursors; and on one connection, plus the events framed between the two.
 */
import t from 'tap'
import fc from 'fast-check'
import { EVENT_TYPES, TIME_WINDOWS, type Event, type EventType, type Summary, type TimeWindow } from '../../schemas/index.ts'
import { DAY, HOUR, MINUTE } from '../backends/test-clock.ts'
import { FakePeer, passTurns } from './fake-peer.ts'
import { createRig } from './rig.ts'

/** The figures that must add up: the total, each type, each hour. */
type Figures = Map<string, number>

function figuresOf({ total_events: total, events_by_type: types, events_per_hour: hours }: Summary): Figures {
  return new Map([
    ['total', total],
    ...Object.entries(types),
    ...hours.map(({ hour, count }) => [hour, count] as const)
  ])
}

/** What these events add to the figures of windows that begin at `from`. */
function figuresOfEvents(events: readonly Event[], from: string): Figures {
  const figures: Figures = new Map()
  const add = (name: string) => figures.set(name, (figures.get(name) ?? 0) + 1)
  for (const { event_type: type, timestamp } of events) {
    if (timestamp < from) continue
    add('total')
    add(type)
    add(`${timestamp.slice(0, 13)}:00:00Z`)
  }
  return figures
}

/** What is wrong with a sum, if anything. */
function misfit(first: Summary, between: readonly Event[], second: Summary): string | undefined {
  const [a, b, c] = [figuresOf(first), figuresOfEvents(between, first.from), figuresOf(second)]
  for (const name of new Set([...a.keys(), ...b.keys(), ...c.keys()])) {
    const sum = (a.get(name) ?? 0) + (b.get(name) ?? 0)
    if (sum !== (c.get(name) ?? 0)) return `${name} of ${first.time_window}: ${a.get(name)} and ${b.get(name)} is not ${c.get(name)}`
  }
  return undefined
}

const ages = fc.oneof(
  fc.constantFrom(0, 1, -4 * MINUTE, 59 * MINUTE, HOUR, HOUR + MINUTE, DAY, 7 * DAY, 7 * DAY - HOUR, 9 * DAY),
  fc.integer({ min: -5 * MINUTE, max: 2 * HOUR })
)
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('send' as const), events: fc.array(fc.tuple(ages, fc.constantFrom<EventType[]>(...EVENT_TYPES)), { minLength: 1, maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('repeat' as const) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('load' as const), window: fc.constantFrom<TimeWindow[]>(...TIME_WINDOWS) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.constantFrom(1, 250, 1000, 30_000, MINUTE, HOUR) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('wait' as const) }) }
)

t.test('property: load, then subscribe', async (t) => {
  let pairs = 0
  let inline = 0
  await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), async (actions) => {
    const rig = createRig()
    const peer = new FakePeer()
    const session = rig.hub.openSession(peer, { canRead: true, canWrite: true, filter: {}, location: rig.here })
    for (const window of TIME_WINDOWS) session.receive(Buffer.from(JSON.stringify({ type: 'watch', time_window: window })))
    await passTurns()
    const loaded: Summary[] = []
    let latest: Event[] = []
    for (const each of actions) {
      if (each.what === 'send') {
        latest = each.events.map(([age, type]) => rig.event({ event_type: type, timestamp: new Date(rig.clock.wall() - age).toISOString() }))
        await rig.send(latest)
      } else if (each.what === 'repeat') {
        if (latest.length > 0) await rig.ingest(Buffer.from(JSON.stringify(latest)), 'json')
      } else if (each.what === 'load') {
        loaded.push(await rig.aggregator.summary(each.window))
      } else if (each.what === 'pass') {
        if (each.ms >= 1000) await passTurns() // in that time everybody has had many a turn
        rig.clock.advance(each.ms)
        rig.hub.tick()
      } else {
        await passTurns(2)
      }
    }
    await passTurns()

    const read = async (after: string) => {
      const page = await rig.store.read(after, {}, { events: 10_000, bytes: 1 << 30 })
      return JSON.parse(`[${page.bytes.toString()}]`) as Event[]
    }
    const watched = peer.framesOf('summary').map(({ summary }) => summary as Summary)
    const sinceFirst = new Map<string, number>()
    const eventsAfter = async (cursor: string) => {
      if (!sinceFirst.has(cursor)) sinceFirst.set(cursor, (await read(cursor)).length)
      return sinceFirst.get(cursor)!
    }
    const all = await read((await rig.store.locate('earliest')).cursor)
    const summaries = [...loaded, ...watched]
    for (const first of summaries) {
      for (const second of summaries) {
        const [afterFirst, afterSecond] = [await eventsAfter(first.cursor), await eventsAfter(second.cursor)]
        if (first === second || first.time_window !== second.time_window || first.from !== second.from || afterFirst < afterSecond) continue
        const problem = misfit(first, all.slice(all.length - afterFirst, all.length - afterSecond), second)
        if (problem !== undefined) throw new Error(problem)
        pairs++
      }
    }

    // On the connection itself, the frames between two summaries are the events between their cursors.
    const before = new Map<TimeWindow, { summary: Summary, events: Event[] }>()
    for (const frame of peer.frames) {
      if (frame.type === 'events') for (const { events } of before.values()) events.push(...frame.events)
      if (frame.type !== 'summary') continue
      const summary = frame.summary as Summary
      const earlier = before.get(summary.time_window)
      if (earlier?.summary.from === summary.from) {
        const problem = misfit(earlier.summary, earlier.events, summary)
        if (problem !== undefined) throw new Error(`between two frames: ${problem}`)
        inline++
      }
      before.set(summary.time_window, { summary, events: [] })
    }
    if (peer.eventIds.length !== all.length) throw new Error('not every event was framed')
  }), { numRuns: 100, endOnFailure: true })
  t.ok(pairs > 100, `${pairs} pairs of summaries`)
  t.ok(inline > 20, `${inline} of them on one connection`)
})
