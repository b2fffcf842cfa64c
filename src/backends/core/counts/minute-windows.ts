/**
 * Event counts by type for every minute and every hour that a window can reach, and for each minute how many users were
 * last seen in it. Sliding totals are sums over whole hours and the minutes of the first one; unique users since a
 * minute are a sum of last-seen counts, exact because a late event never lowers a user's latest time. [WIN-1, WIN-2]
 */
import { EVENT_TYPES, TIME_WINDOWS, WINDOW_MINUTES } from '../../../../schemas/index.ts'

const TYPES = EVENT_TYPES.length
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** How far ahead of now a timestamp may lie and count, in milliseconds. [TIME-1] */
const AHEAD = 5 * MINUTE

const LONGEST_WINDOW = MINUTE * Math.max(...TIME_WINDOWS.map((window) => WINDOW_MINUTES[window]))

/**
 * Hours kept: those of seven days, one begun at each end, one reached by events ahead of the clock, and one to spare.
 */
const HOURS = 7 * 24 + 4
const MINUTES = HOURS * 60

/** A ring of counters for consecutive buckets; each slot is stamped with the bucket it stands for. */
class BucketRing {
  readonly #length: number
  readonly #stamps: Float64Array
  readonly #counts: Uint32Array
  /** The bucket that was counted in last, and where its counts begin. */
  #bucket = -1
  #base = 0

  constructor(length: number) {
    this.#length = length
    this.#stamps = new Float64Array(length).fill(-1)
    this.#counts = new Uint32Array(length * TYPES)
  }

  add(bucket: number, type: number): void {
    if (bucket !== this.#bucket) this.#turnTo(bucket)
    this.#counts[this.#base + type]++
  }

  #turnTo(bucket: number): void {
    const slot = bucket % this.#length
    this.#bucket = bucket
    this.#base = slot * TYPES
    if (this.#stamps[slot] === bucket) return
    this.#stamps[slot] = bucket
    this.#counts.fill(0, this.#base, this.#base + TYPES)
  }

  /** Adds the counts of a bucket to `totals` and returns their sum. */
  addTo(totals: number[], bucket: number): number {
    const slot = bucket % this.#length
    if (this.#stamps[slot] !== bucket) return 0
    let sum = 0
    for (let type = 0; type < TYPES; type++) {
      const count = this.#counts[slot * TYPES + type]
      totals[type] += count
      sum += count
    }
    return sum
  }
}

/** Counts of one bucket or window. */
export interface Tally {
  total: number
  /** By index into EVENT_TYPES. */
  byType: number[]
}

/** The first and the last timestamp that count in a window at `now`, in milliseconds since 1970. [TIME-1] [TIME-2] */
export function countedSpan(now: number): { first: number, last: number } {
  return { first: Math.floor((now - LONGEST_WINDOW) / HOUR) * HOUR, last: now + AHEAD }
}

/** Times are milliseconds since 1970. What lies outside of `countedSpan` is never counted, so no bucket overwrites another that is still needed. */
export class MinuteWindows {
  readonly #minutes = new BucketRing(MINUTES)
  readonly #hours = new BucketRing(HOURS)
  /** Users last seen in each minute, and the minute each slot stands for. */
  readonly #lastSeen = new Uint32Array(MINUTES)
  readonly #lastSeenStamps = new Float64Array(MINUTES).fill(-1)
  #newest = 0
  #first = Infinity
  #last = -Infinity

  /** @param now see `advance` */
  constructor(now: number) {
    this.advance(now)
  }

  /** Sets the time, by which `holds` decides. */
  advance(now: number): void {
    ({ first: this.#first, last: this.#last } = countedSpan(now))
  }

  /** Whether an event of this time counts in a window. */
  holds(time: number): boolean {
    return time >= this.#first && time <= this.#last
  }

  /** The newest timestamp counted; 0 before the first. */
  get newest(): number {
    return this.#newest
  }

  /**
   * Counts an event of a user whose latest time was `before`, which is negative for a new one. O(1).
   * @throws RangeError where `holds` says no
   */
  count(time: number, type: number, before: number): void {
    if (!this.holds(time)) throw new RangeError('no window holds this time')
    const minute = Math.floor(time / MINUTE)
    this.#minutes.add(minute, type)
    this.#hours.add(Math.floor(minute / 60), type)
    if (time > this.#newest) this.#newest = time
    // A late event never takes a user back.
    if (before < minute * MINUTE) this.#moveOn(before, minute)
  }

  /** Counts a user in its new latest minute instead of the one before. */
  #moveOn(before: number, minute: number): void {
    const old = Math.floor(before / MINUTE)
    if (before >= 0 && this.#lastSeenStamps[old % MINUTES] === old) this.#lastSeen[old % MINUTES]--
    const slot = minute % MINUTES
    if (this.#lastSeenStamps[slot] !== minute) {
      this.#lastSeenStamps[slot] = minute
      this.#lastSeen[slot] = 0
    }
    this.#lastSeen[slot]++
  }

  /** Users last seen in `fromMinute .. toMinute`. O(minutes). */
  uniqueUsers(fromMinute: number, toMinute: number): number {
    let sum = 0
    for (let minute = fromMinute; minute <= toMinute; minute++) {
      if (this.#lastSeenStamps[minute % MINUTES] === minute) sum += this.#lastSeen[minute % MINUTES]
    }
    return sum
  }

  /** Counts of one minute. */
  minute(minute: number): Tally {
    const byType = new Array<number>(TYPES).fill(0)
    return { total: this.#minutes.addTo(byType, minute), byType }
  }

  /** Counts of one hour, of its minutes from `fromMinute` on. O(1) for a whole hour, O(60) for the first. */
  hour(hour: number, fromMinute: number): Tally {
    const byType = new Array<number>(TYPES).fill(0)
    if (fromMinute <= hour * 60) return { total: this.#hours.addTo(byType, hour), byType }
    let total = 0
    for (let minute = fromMinute; minute < (hour + 1) * 60; minute++) total += this.#minutes.addTo(byType, minute)
    return { total, byType }
  }
}
