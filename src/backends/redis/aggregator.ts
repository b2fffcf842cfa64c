/**
 * Answers from all partitions added up. Users are partitioned, so unique users and totals simply add; every partition answers
 * with the same `from`, and its counters, uniques and position are of one moment. [WIN-1 to WIN-5]
 */
import {
  EVENT_TYPES, TIME_WINDOWS, WINDOW_MINUTES, type EventType, type Interval, type Summary, type TimeSeries, type TimeWindow, type UserCount, type UserCounts
} from '../../../schemas/index.ts'
import { StorageUnavailableError, type Aggregator } from '../backend.ts'
import { isBefore, type LogPosition } from './cursor.ts'
import type { Engine } from './engine.ts'
import type { PartitionHash } from './keys.ts'
import type { Partition } from './partition.ts'
import { SCRIPTS } from './scripts.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Hours of minute counters that one call reads. */
const CALL_HOURS = 48

/** Times that a partition is read for one summary while its master changes. */
const SUMMARY_ATTEMPTS = 3

/** Entries that one piece of upkeep looks at. */
const UPKEEP_ENTRIES = 500

/** What answering needs. */
export interface AggregatorOptions {
  engine: Engine
  partitions: readonly Partition[]
  hash: PartitionHash
  now: () => number
  format: (positions: readonly LogPosition[]) => string
}

/** Adds up what the partitions answer. */
export class PartitionAggregator implements Aggregator {
  readonly #engine: Engine
  readonly #partitions: readonly Partition[]
  readonly #hash: PartitionHash
  readonly #now: () => number
  readonly #format: (positions: readonly LogPosition[]) => string

  constructor({ engine, partitions, hash, now, format }: AggregatorOptions) {
    this.#engine = engine
    this.#partitions = partitions
    this.#hash = hash
    this.#now = now
    this.#format = format
  }

  async summary(window: TimeWindow): Promise<Summary> {
    const { now, from, parts } = await this.#read(window)
    const to = Math.max(now, ...parts.map(({ newest }) => newest))
    const byType = EVENT_TYPES.map(() => 0)
    const hours: Summary['events_per_hour'] = []
    for (let hour = Math.floor(from / HOUR); hour <= Math.floor(to / HOUR); hour++) {
      let count = 0
      for (const part of parts) {
        for (let type = 0; type < EVENT_TYPES.length; type++) {
          const events = part.hour(hour, type)
          count += events
          byType[type] += events
        }
      }
      hours.push({ hour: bucketName(hour * HOUR), count })
    }
    return {
      time_window: window,
      from: instant(from),
      to: instant(to),
      total_events: byType.reduce((sum, count) => sum + count, 0),
      exact: true,
      events_by_type: named(byType),
      unique_users: parts.reduce((sum, { unique }) => sum + unique, 0),
      events_per_hour: hours,
      cursor: this.#format(parts.map(({ end }) => end))
    }
  }

  async timeseries(window: TimeWindow, interval: Interval): Promise<TimeSeries> {
    const { now, from, parts } = await this.#read(window)
    const to = Math.max(now, ...parts.map(({ newest }) => newest))
    const step = interval === 'hour' ? HOUR : MINUTE
    const minutes = interval === 'hour' ? undefined : await this.#readMinutes(Math.floor(from / HOUR), Math.floor(to / HOUR))
    const series: TimeSeries['series'] = []
    for (let bucket = Math.floor(from / step); bucket <= Math.floor(to / step); bucket++) {
      const byType = EVENT_TYPES.map((_, type) => minutes === undefined
        ? parts.reduce((sum, part) => sum + part.hour(bucket, type), 0)
        : minutes.reduce((sum, counters) => sum + counters.minute(bucket, type), 0))
      series.push({ start: bucketName(bucket * step), total_events: byType.reduce((sum, count) => sum + count, 0), events_by_type: named(byType) })
    }
    return { time_window: window, from: instant(from), to: instant(to), interval, series }
  }

  async users(window: TimeWindow, limit: number, wanted?: readonly string[]): Promise<UserCounts> {
    const w = TIME_WINDOWS.indexOf(window)
    for (;;) {
      const now = this.#now()
      const from = Math.floor((now - WINDOW_MINUTES[window] * MINUTE) / HOUR)
      const replies = await Promise.all(this.#partitions.map(async (partition, p) => {
        const names = wanted?.filter((user) => this.#hash.partitionOf(user) === p)
        return this.#readUsers(partition, w, from, names ?? limit)
      }))
      const outdated = replies.filter(({ isCurrent }) => !isCurrent)
      if (outdated.length > 0) {
        await Promise.all(outdated.map(({ partition }) => this.keepUp(partition, true)))
        continue
      }
      const counts = replies.flatMap(({ users, totals, latest }) => users.map((user, i): UserCount => {
        const total = -Number(totals[i])
        return { user_id: user.toString(), total_events: total, last_seen: total === 0 ? null : instant(Number(latest[i])) }
      }))
      const to = Math.max(now, ...replies.map(({ newest }) => newest))
      return { time_window: window, from: instant(from * HOUR), to: instant(to), users: wanted === undefined ? most(counts, limit) : inOrder(counts, wanted) }
    }
  }

  /**
   * Does a piece of a partition's upkeep. Returns whether there is more.
   * @param folds whether user counts of the present hour are to be part of the totals, too
   */
  async keepUp(partition: Partition, folds: boolean): Promise<boolean> {
    const [more, clock] = await this.#engine.call(SCRIPTS.upkeep, partition.key, [this.#now(), UPKEEP_ENTRIES, folds ? 1 : 0], true)
    partition.clock = Math.max(partition.clock, Number(clock))
    partition.isPending = more === 1
    return partition.isPending
  }

  /** A partition's users with the most events, or named ones. */
  async #readUsers(partition: Partition, window: number, fromHour: number, wanted: number | readonly string[]) {
    const args = typeof wanted === 'number' ? [wanted] : [0, ...wanted]
    const reply = await this.#engine.call(SCRIPTS.users, partition.key, [window + 1, fromHour, ...args])
    const [isCurrent, newest, clock, users, totals, latest] = reply as [number, Buffer, Buffer, Buffer[], Buffer[], Buffer[]]
    partition.clock = Math.max(partition.clock, Number(clock))
    return { partition, isCurrent: isCurrent === 1, newest: Number(newest), users, totals, latest }
  }

  /** Every partition's counters of a window, with one `from` for all. */
  async #read(window: TimeWindow): Promise<{ now: number, from: number, parts: Counters[] }> {
    const now = this.#now()
    const start = now - WINDOW_MINUTES[window] * MINUTE
    const from = start - start % MINUTE
    const firstDay = Math.floor(from / DAY)
    const lastDay = Math.floor((now + HOUR) / DAY)
    const firstHour = Math.floor(from / HOUR)
    const parts = await Promise.all(this.#partitions.map(async (partition) => {
      for (let attempt = 0; attempt < SUMMARY_ATTEMPTS; attempt++) {
        const reply = await this.#engine.call(SCRIPTS.summary, partition.key, [from, firstDay, lastDay, firstHour])
        const [epoch, next, clock, newest, unique, days, minutes] = reply as [Buffer, Buffer, Buffer, Buffer, number, (Buffer | null)[], Buffer | null]
        partition.clock = Math.max(partition.clock, Number(clock))
        const end = { epoch: Number(epoch), position: Number(next) }
        partition.see(end)
        // What replicas have not acknowledged may still be lost, and then this was never true.
        if (isBefore(partition.head, end) || partition.head.epoch > end.epoch) await partition.confirm()
        if (partition.head.epoch === end.epoch) return new Counters({ end, newest: Number(newest), unique, from, firstDay, days, minutes })
      }
      throw new StorageUnavailableError('the masters change while they are read')
    }))
    return { now, from, parts }
  }

  async #readMinutes(firstHour: number, lastHour: number): Promise<MinuteCounters[]> {
    return Promise.all(this.#partitions.map(async (partition) => {
      const counters = new MinuteCounters(firstHour)
      for (let hour = firstHour; hour <= lastHour; hour += CALL_HOURS) {
        const [, , values] = await this.#engine.call(SCRIPTS.series, partition.key, [hour, Math.min(lastHour, hour + CALL_HOURS - 1)])
        counters.hours.push(...values as (Buffer | null)[])
      }
      return counters
    }))
  }
}

/** What one partition has counted, at one moment. */
class Counters {
  readonly end: LogPosition
  readonly newest: number
  readonly unique: number
  readonly #from: number
  readonly #firstDay: number
  readonly #days: readonly (Buffer | null)[]
  readonly #minutes: Buffer | null

  constructor({ end, newest, unique, from, firstDay, days, minutes }: {
    end: LogPosition, newest: number, unique: number, from: number, firstDay: number, days: readonly (Buffer | null)[], minutes: Buffer | null
  }) {
    this.end = end
    this.newest = newest
    this.unique = unique
    this.#from = from
    this.#firstDay = firstDay
    this.#days = days
    this.#minutes = minutes
  }

  /** Events of a type in an hour, of the first hour those from `from` on. */
  hour(hour: number, type: number): number {
    if (hour * HOUR >= this.#from) return cell(this.#days[Math.floor(hour / 24) - this.#firstDay], type * 24 + hour % 24)
    let sum = 0
    for (let minute = Math.floor(this.#from / MINUTE) % 60; minute < 60; minute++) sum += cell(this.#minutes, type * 60 + minute)
    return sum
  }
}

/** One partition's counters by minute. */
class MinuteCounters {
  readonly hours: (Buffer | null)[] = []
  readonly #firstHour: number

  constructor(firstHour: number) {
    this.#firstHour = firstHour
  }

  minute(minute: number, type: number): number {
    return cell(this.hours[Math.floor(minute / 60) - this.#firstHour], type * 60 + minute % 60)
  }
}

function cell(counters: Buffer | null | undefined, index: number): number {
  return counters == null || counters.length < index * 4 + 4 ? 0 : counters.readUInt32BE(index * 4)
}

function named(byType: readonly number[]): Record<EventType, number> {
  return Object.fromEntries(EVENT_TYPES.map((type, i) => [type, byType[i]])) as Record<EventType, number>
}

function instant(time: number): string {
  return new Date(time).toISOString()
}

function bucketName(time: number): string {
  return instant(time).slice(0, 19) + 'Z'
}

/** The users with the most events, ties by id in the order of their bytes. */
function most(counts: UserCount[], limit: number): UserCount[] {
  return counts
    .sort((a, b) => b.total_events - a.total_events || Buffer.compare(Buffer.from(a.user_id), Buffer.from(b.user_id)))
    .slice(0, limit)
}

function inOrder(counts: readonly UserCount[], wanted: readonly string[]): UserCount[] {
  const byName = new Map(counts.map((count) => [count.user_id, count]))
  return wanted.map((user) => byName.get(user)!)
}
