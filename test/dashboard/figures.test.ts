/**
 * What the dashboard counts by itself equals what the service says, whatever comes in whatever order: the figures at every
 * place of the stream [LIVE-3], and the chart, whose series has no cursor.
 */
import t from 'tap'
import fc from 'fast-check'
import { Board, TIME_WINDOWS } from '../../dashboard/board.js'
import { Series } from '../../dashboard/series.js'
import { EVENT_TYPES, type Event, type EventType, type Summary, type TimeSeries, type TimeWindow } from '../../schemas/index.ts'
import { DAY, HOUR, MINUTE } from '../backends/test-clock.ts'
import { createRig } from '../live/rig.ts'

const ages = fc.oneof(
  fc.constantFrom(0, 1, -4 * MINUTE, 59 * MINUTE, HOUR, HOUR + MINUTE, DAY, DAY - MINUTE, 7 * DAY, 7 * DAY - HOUR, 9 * DAY),
  fc.integer({ min: -5 * MINUTE, max: 2 * HOUR })
)
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('send' as const), events: fc.array(fc.tuple(ages, fc.constantFrom<EventType[]>(...EVENT_TYPES)), { minLength: 1, maxLength: 5 }) }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('read' as const), most: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('watch' as const), window: fc.constantFrom<TimeWindow[]>(...TIME_WINDOWS) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.constantFrom(1, 1000, 30_000, MINUTE, 20 * MINUTE, HOUR) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('ask' as const), window: fc.constantFrom<TimeWindow[]>(...TIME_WINDOWS) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('answer' as const), window: fc.constantFrom<TimeWindow[]>(...TIME_WINDOWS) }) }
)

/** The hours that have events. */
const busy = ({ events_per_hour: hours }: Summary) => hours.filter(({ count }) => count > 0)

/** The steps that have events, as the dashboard has them, … */
function stepsOf({ start, step, counts }: Series): [number, ...number[]][] {
  return counts.map((types, i): [number, ...number[]] => [start + i * step, ...types]).filter(([, ...types]) => types.some((n) => n > 0))
}

/** … and as the service has them. */
function stepsSaid({ series }: TimeSeries): [number, ...number[]][] {
  return series.filter(({ total_events: total }) => total > 0)
    .map(({ start, events_by_type: types }) => [Date.parse(start), ...EVENT_TYPES.map((type) => types[type])])
}

t.test('property: figures and series equal the service\'s at every place', async (t) => {
  let compared = 0
  let early = 0
  let charts = 0
  await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), async (actions) => {
    const rig = createRig()
    const board = new Board()
    const charted = new Map<TimeWindow, Series>()
    const asked = new Map<TimeWindow, Promise<TimeSeries>>()
    const intervalOf = (window: TimeWindow) => window === '1h' ? 'minute' : 'hour'
    let cursor = rig.here.cursor

    const send = (events: readonly [number, EventType][]) =>
      rig.send(events.map(([age, type]) => rig.event({ event_type: type, timestamp: new Date(rig.clock.wall() - age).toISOString() })))
    const follow = (window: TimeWindow) => {
      const { summary } = board.window(window)!
      if (charted.get(window)?.reconcile(summary) === false) {
        charted.delete(window)
        asked.delete(window)
      }
    }
    const watch = async (window: TimeWindow) => {
      const summary = await rig.aggregator.summary(window)
      const before = board.window(window)?.summary
      if (summary.cursor === cursor && before?.from === summary.from) { // the figures so far are right
        t.same([before.total_events, before.events_by_type, busy(before)], [summary.total_events, summary.events_by_type, busy(summary)])
        compared++
      }
      if (summary.cursor !== cursor) early++
      if (board.receive(summary, cursor)) follow(window)
    }
    const read = async (most: number) => {
      const page = await rig.store.read(cursor, {}, { events: most, bytes: 1 << 20 })
      const events = JSON.parse(`[${page.bytes.toString()}]`) as Event[]
      cursor = page.cursor
      const met = board.addEvents(events, cursor, (window, event) => charted.get(window)?.add(event))
      for (const { time_window: window } of met) follow(window)
      return events.length
    }

    for (const window of TIME_WINDOWS) board.reconcile(await rig.aggregator.summary(window))
    for (const each of actions) {
      if (each.what === 'send') {
        await send(each.events)
      } else if (each.what === 'read') {
        await read(each.most)
      } else if (each.what === 'watch') {
        await watch(each.window)
      } else if (each.what === 'pass') {
        rig.clock.advance(each.ms)
      } else if (each.what === 'ask') {
        const series = new Series(intervalOf(each.window))
        series.begin(board.window(each.window)!.summary)
        charted.set(each.window, series)
        asked.delete(each.window)
        if (each.window !== '24h') asked.set(each.window, rig.aggregator.timeseries(each.window, intervalOf(each.window))) // the other one when it is answered
      } else if (charted.has(each.window)) {
        const answer = await (asked.get(each.window) ?? rig.aggregator.timeseries(each.window, intervalOf(each.window)))
        if (!charted.get(each.window)!.isInPlace && !charted.get(each.window)!.load(answer)) charted.delete(each.window)
      }
    }
    while (await read(100) > 0);
    for (const window of TIME_WINDOWS) {
      await watch(window)
      if (!charted.get(window)?.isInPlace) { // one that is loaded in the middle of the stream
        const series = new Series(intervalOf(window))
        series.begin(board.window(window)!.summary)
        charted.set(window, series)
        await send([[0, 'click'], [HOUR / 2, 'signup'], [9 * DAY, 'click']])
        await read(1)
        const answer = await rig.aggregator.timeseries(window, intervalOf(window))
        await send([[0, 'purchase']])
        if (window !== '24h') t.ok(series.load(answer), 'the answer is ahead of the stream')
        while (await read(100) > 0);
        if (window === '24h') t.ok(series.load(answer), 'the stream is ahead of the answer')
        t.ok(series.isInPlace)
        t.ok(series.reconcile(await rig.aggregator.summary(window)), 'the figures agree')
      }
      const { summary } = board.window(window)!
      t.match(await rig.aggregator.summary(window), { total_events: summary.total_events, events_by_type: summary.events_by_type })
      t.same(stepsOf(charted.get(window)!), stepsSaid(await rig.aggregator.timeseries(window, intervalOf(window))), window)
      charts++
    }
  }), { numRuns: 40, endOnFailure: true })
  t.ok(compared > 20, `${compared} figures compared`)
  t.ok(early > 10, `${early} summaries came ahead of the stream`)
  t.ok(charts > 40, `${charts} charts compared`)
})
