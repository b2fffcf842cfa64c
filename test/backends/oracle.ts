/**
 * The contract in its most naive form: every event in an array, every answer a filter over it. Slow, and easy to believe.
 */
import {
  EVENT_TYPES, TIME_WINDOWS, WINDOW_MINUTES, type Event, type EventType, type Interval, type Summary, type TimeSeries, type TimeWindow, type UserCounts
} from '../../schemas/index.ts'
import { DAY, HOUR, MINUTE, type TestClock } from './test-clock.ts'

export type OracleVerdict = 'accepted' | 'late' | 'duplicate' | 'user_capacity'

interface Kept {
  event: Event
  time: number
  counted: boolean
}

interface Known {
  id: string
  wall: number
  monotonic: number
}

const HORIZON = 8 * DAY / MINUTE

/** See above. */
export class Oracle {
  /** Every accepted event in order of arrival. */
  readonly log: Kept[] = []
  readonly #clock: TestClock
  readonly #dedupCapacity: number
  readonly #userCapacity: number
  #known: Known[] = []
  #lost: Known | undefined
  #now = 0

  constructor(clock: TestClock, dedupCapacity: number, userCapacity: number) {
    this.#clock = clock
    this.#dedupCapacity = dedupCapacity
    this.#userCapacity = userCapacity
    this.#now = clock.wall()
  }

  now(): number {
    this.#now = Math.max(this.#now, this.#clock.wall())
    return this.#now
  }

  send(event: Event): OracleVerdict {
    this.#forget()
    const id = event.event_id.toLowerCase()
    if (this.#known.some((known) => known.id === id)) return 'duplicate'
    const time = Date.parse(event.timestamp)
    const late = time < this.#firstHour('7d')
    if (!late && !this.#users().has(event.user_id) && this.#users().size >= this.#userCapacity) return 'user_capacity'
    if (this.#known.length >= this.#dedupCapacity) this.#lost = this.#known.shift()
    this.#known.push({ id, wall: minute(this.now()), monotonic: minute(this.#clock.monotonic()) })
    this.log.push({ event: { ...event, event_id: id, timestamp: new Date(time).toISOString() }, time, counted: !late })
    return late ? 'late' : 'accepted'
  }

  summary(window: TimeWindow): Omit<Summary, 'cursor'> {
    const { from, to } = this.#bounds(window)
    const events = this.#between(from, to)
    return {
      time_window: window,
      from: iso(from),
      to: iso(to),
      total_events: events.length,
      exact: this.exact(),
      events_by_type: byType(events),
      unique_users: new Set(events.map(({ event }) => event.user_id)).size,
      events_per_hour: steps(from, to, HOUR).map((start) => ({
        hour: bucket(start),
        count: events.filter(({ time }) => time >= start && time < start + HOUR).length
      }))
    }
  }

  timeseries(window: TimeWindow, interval: Interval): TimeSeries {
    const { from, to } = this.#bounds(window)
    const step = interval === 'hour' ? HOUR : MINUTE
    const events = this.#between(from, to)
    return {
      time_window: window,
      from: iso(from),
      to: iso(to),
      interval,
      series: steps(from, to, step).map((start) => {
        const inStep = events.filter(({ time }) => time >= start && time < start + step)
        return { start: bucket(start), total_events: inStep.length, events_by_type: byType(inStep) }
      })
    }
  }

  users(window: TimeWindow, limit: number, named?: readonly string[]): UserCounts {
    const from = this.#firstHour(window)
    const { to } = this.#bounds(window)
    const events = this.#between(from, to)
    const count = (user: string): UserCounts['users'][number] => {
      const times = events.filter(({ event }) => event.user_id === user).map(({ time }) => time)
      return { user_id: user, total_events: times.length, last_seen: times.length === 0 ? null : iso(Math.max(...times)) }
    }
    const users = named?.map(count) ?? [...new Set(events.map(({ event }) => event.user_id))].map(count)
      .sort((a, b) => b.total_events - a.total_events || Buffer.compare(Buffer.from(a.user_id), Buffer.from(b.user_id)))
      .slice(0, limit)
    return { time_window: window, from: iso(from), to: iso(to), users }
  }

  exact(): boolean {
    this.#forget()
    return this.#lost === undefined
  }

  #forget(): void {
    const wall = minute(this.now())
    const monotonic = minute(this.#clock.monotonic())
    const over = (known: Known): boolean => wall > known.wall + HORIZON && monotonic > known.monotonic + HORIZON
    this.#known = this.#known.filter((known) => !over(known))
    if (this.#lost !== undefined && wall >= this.#lost.wall + HORIZON && monotonic >= this.#lost.monotonic + HORIZON) this.#lost = undefined
  }

  /** Users that some window still counts. */
  #users(): Set<string> {
    const from = Math.min(...TIME_WINDOWS.map((window) => this.#firstHour(window)))
    return new Set(this.log.filter(({ counted, time }) => counted && time >= from).map(({ event }) => event.user_id))
  }

  #firstHour(window: TimeWindow): number {
    return Math.floor((this.now() - WINDOW_MINUTES[window] * MINUTE) / HOUR) * HOUR
  }

  #bounds(window: TimeWindow): { from: number, to: number } {
    const newest = Math.max(0, ...this.log.filter(({ counted }) => counted).map(({ time }) => time))
    return { from: minute(this.now() - WINDOW_MINUTES[window] * MINUTE) * MINUTE, to: Math.max(this.now(), newest) }
  }

  #between(from: number, to: number): Kept[] {
    return this.log.filter(({ counted, time }) => counted && time >= from && time <= to)
  }
}

function minute(time: number): number {
  return Math.floor(time / MINUTE)
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

function bucket(time: number): string {
  return iso(time).replace('.000Z', 'Z')
}

function steps(from: number, to: number, step: number): number[] {
  const starts: number[] = []
  for (let start = Math.floor(from / step) * step; start <= to; start += step) starts.push(start)
  return starts
}

function byType(events: Kept[]): Record<EventType, number> {
  return Object.fromEntries(EVENT_TYPES.map((type) => [type, events.filter(({ event }) => event.event_type === type).length])) as Record<EventType, number>
}
