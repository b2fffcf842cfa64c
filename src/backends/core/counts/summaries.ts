/** Turns the counters of `MinuteWindows` into the answers of the analytics contract. [WIN-1 to WIN-5] */
import {
  EVENT_TYPES, WINDOW_MINUTES, type EventType, type Interval, type Summary, type TimeSeries, type TimeWindow
} from '../../../../schemas/index.ts'
import type { MinuteWindows, Tally } from './minute-windows.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Where a window begins and ends, in milliseconds since 1970. */
export interface Bounds {
  from: number
  to: number
}

/** The bounds of a window at `now`. [WIN-1] */
export function windowBounds(windows: MinuteWindows, window: TimeWindow, now: number): Bounds {
  const start = now - WINDOW_MINUTES[window] * MINUTE
  return { from: start - start % MINUTE, to: Math.max(now, windows.newest) }
}

/** RFC 3339 in UTC, with milliseconds. */
export function instant(time: number): string {
  return new Date(time).toISOString()
}

/** A whole hour or minute, without milliseconds. */
function bucketName(time: number): string {
  return instant(time).slice(0, 19) + 'Z'
}

function named(tally: Tally): Record<EventType, number> {
  return Object.fromEntries(EVENT_TYPES.map((type, i) => [type, tally.byType[i]])) as Record<EventType, number>
}

/** One summary; all figures come from the same counters in the same turn, so that they agree. [WIN-4] */
export function summarize(windows: MinuteWindows, window: TimeWindow, now: number, exact: boolean, cursor: string): Summary {
  const { from, to } = windowBounds(windows, window, now)
  const sum: Tally = { total: 0, byType: EVENT_TYPES.map(() => 0) }
  const hours: Summary['events_per_hour'] = []
  for (let hour = Math.floor(from / HOUR); hour <= Math.floor(to / HOUR); hour++) {
    const tally = windows.hour(hour, from / MINUTE)
    hours.push({ hour: bucketName(hour * HOUR), count: tally.total })
    sum.total += tally.total
    for (let type = 0; type < EVENT_TYPES.length; type++) sum.byType[type] += tally.byType[type]
  }
  return {
    time_window: window,
    from: instant(from),
    to: instant(to),
    total_events: sum.total,
    exact,
    events_by_type: named(sum),
    unique_users: windows.uniqueUsers(from / MINUTE, Math.floor(to / MINUTE)),
    events_per_hour: hours,
    cursor
  }
}

/** One time series over the same counters. */
export function series(windows: MinuteWindows, window: TimeWindow, interval: Interval, now: number): TimeSeries {
  const { from, to } = windowBounds(windows, window, now)
  const step = interval === 'hour' ? HOUR : MINUTE
  const steps: TimeSeries['series'] = []
  for (let bucket = Math.floor(from / step); bucket <= Math.floor(to / step); bucket++) {
    const tally = interval === 'hour' ? windows.hour(bucket, from / MINUTE) : windows.minute(bucket)
    steps.push({ start: bucketName(bucket * step), total_events: tally.total, events_by_type: named(tally) })
  }
  return { time_window: window, from: instant(from), to: instant(to), interval, series: steps }
}
