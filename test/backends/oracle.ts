/**
 * The contract in its most naive form: every event in an array, every answer a filter over it. Slow, and easy to believe.
 */
import {
  EVENT_TYPES, TIME_WINDOWS, WINDOW_MINUTES, type Event, type EventType, type Interval, type Receipt, type Summary, type TimeSeries, type TimeWindow,
  type UserCounts
} from '../../schemas/index.ts'
import { ClockOracle, type RowTime } from './clock-oracle.ts'
import { DAY, HOUR, MINUTE, type TestClock } from './test-clock.ts'

export type OracleVerdict = 'accepted' | 'late' | 'duplicate' | 'user_capacity' | 'clock_unsettled' | 'rejected'

interface Kept {
  event: Event
  time: number
  counted: boolean
  /** Handed out by no reading, as another event of its id is. */
  hidden: boolean
  arrival: RowTime
}

interface Known {
  id: string
  wall: number
  elapsed: number
  /** Passes for one that is not known, as far as can be told. */
  hidden?: boolean
}

const HORIZON = 8 * DAY / MINUTE

/** Ids are forgotten by generations; below this capacity each is one of its own. */
const SINGLE_CAPACITY = 128
/** For how long after its horizon an id may still be known, in minutes. [DEDUP-4] */
const DOUBT = 2 * HOUR / MINUTE

/** Milliseconds of the unit in which an engine forgets ids. */
const ENGINE_UNIT = 2 * HOUR

/** Everything that was sent, and what a store has to say of it. */
export class Oracle {
  /** Every accepted event in order of arrival. */
  readonly log: Kept[] = []
  readonly #clock: TestClock
  readonly #dedupCapacity: number
  readonly #userCapacity: number
  /** None where the time is the engine's. */
  #time: ClockOracle | undefined
  #known: Known[] = []
  #lost: Known | undefined
  #now = 0

  /** @param time whose time ids expire by */
  constructor(clock: TestClock, dedupCapacity: number, userCapacity: number, time: 'process' | 'engine' = 'process') {
    this.#time = time === 'process' ? new ClockOracle(clock) : undefined
    this.#clock = clock
    this.#dedupCapacity = dedupCapacity
    this.#userCapacity = userCapacity
    this.#now = clock.wall()
  }

  now(): number {
    this.#now = Math.max(this.#now, this.#clock.wall())
    if (this.#time === undefined) return this.#now
    const openingTime = this.#time.look()
    if (openingTime !== undefined) {
      for (const { arrival } of this.log) arrival.wall = Math.min(arrival.wall, openingTime)
      this.#restore()
    }
    return this.#time.now()
  }

  /** What the log holds. */
  events(): Event[] {
    return this.log.filter(({ hidden }) => !hidden).map(({ event }) => event)
  }

  /** The process has ended, and another one goes on with all that was kept. */
  restart(): void {
    this.#time = new ClockOracle(this.#clock, this.log.at(-1)?.arrival)
    this.#restore()
  }

  #restore(): void {
    const now = this.#time!.now()
    const counted = new Set<string>()
    for (const kept of this.log) {
      kept.hidden = counted.has(kept.event.event_id)
      kept.counted = !kept.hidden && isCounted(kept.time, now)
      if (kept.counted) counted.add(kept.event.event_id)
    }
    this.#known = this.log.map(({ event, arrival }) => ({ id: event.event_id, wall: minute(arrival.wall), elapsed: minute(arrival.elapsed) }))
  }

  /**
   * Finds out, before these events are sent, which ids are still known of those that may be known or not.
   * @param check what an event's receipt would be
   */
  async settle(events: readonly Event[], check: (event: Event) => Promise<Receipt>): Promise<void> {
    if (this.#time === undefined) return
    this.#forget()
    for (const event of events) {
      const doubtful = this.#known.find((known) => known.id === event.event_id && this.#isPast(known, HORIZON))
      if (doubtful === undefined) continue
      const { duplicates, accepted } = await check(event)
      doubtful.hidden = duplicates === 0
      if (accepted > 0) this.#known = this.#known.filter((known) => known !== doubtful)
    }
  }

  send(event: Event): OracleVerdict {
    this.#forget()
    const id = event.event_id.toLowerCase()
    const time = Date.parse(event.timestamp)
    const isKnown = this.#known.some((known) => known.id === id && known.hidden !== true)
    if (this.#time !== undefined) {
      const verdicts = new Set(this.#time.times().map((now) => time > now + 5 * MINUTE ? 'rejected' : isKnown ? 'duplicate' : isCounted(time, now)))
      if (verdicts.size > 1) return 'clock_unsettled'
      if (verdicts.has('rejected')) return 'rejected'
    }
    if (isKnown) return 'duplicate'
    const late = time < this.#firstHour('7d')
    if (!late && !this.#users().has(event.user_id) && this.#users().size >= this.#userCapacity) return 'user_capacity'
    if (this.#known.length >= this.#dedupCapacity) this.#lost = this.#known.shift()
    const arrival = { wall: this.now(), elapsed: this.#time?.elapsed() ?? 0 }
    this.#known.push({ id, wall: minute(arrival.wall), elapsed: minute(arrival.elapsed) })
    this.log.push({ event: { ...event, event_id: id, timestamp: new Date(time).toISOString() }, time, counted: !late, hidden: false, arrival })
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
    if (this.#time === undefined) {
      const unit = (time: number): number => Math.floor(time / ENGINE_UNIT)
      this.#known = this.#known.filter((known) => unit(this.now()) - unit(known.wall * MINUTE) <= 8 * DAY / ENGINE_UNIT)
      return
    }
    if (!this.#time.mayForget()) return
    const doubt = this.#dedupCapacity < SINGLE_CAPACITY ? 0 : DOUBT
    this.#known = this.#known.filter((known) => !this.#isPast(known, HORIZON + doubt))
    if (this.#lost !== undefined && this.#isPast(this.#lost, HORIZON - 1)) this.#lost = undefined
  }

  /** Whether more than so many minutes have passed by both clocks. */
  #isPast({ wall, elapsed }: Known, minutes: number): boolean {
    return minute(this.now()) > wall + minutes && minute(this.#time!.elapsed()) > elapsed + minutes
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

/** Whether a window counts an event of this time. */
function isCounted(time: number, now: number): boolean {
  return time >= Math.floor((now - 7 * DAY) / HOUR) * HOUR && time <= now + 5 * MINUTE
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
