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
 * Hours and minutes kept, powers of two: at least those of seven days, an hour begun at each end, and one reached by events ahead
 * of the clock.
 */
const HOURS = 256
const MINUTES = 1 << 14

/** 32-bit words of a slot, a power of two: its stamp, the events of each type, and in the last one users. */
const SLOT_WORDS = 8
const STAMP = 0
const EVENTS = 1
const USERS = SLOT_WORDS - 1

if (EVENTS + TYPES > USERS) throw new RangeError('a slot has no room for so many types')

/** Words of a minute that is saved. */
export const SAVED_WORDS = 1 + TYPES

/**
 * A ring of counters for consecutive buckets; each slot is stamped with one more than the bucket it stands for. A slot lies in one
 * line of the cache, since events of a week are of any minute by turns.
 */
class BucketRing {
  readonly #mask: number
  readonly #words: Uint32Array
  /** The bucket that was counted in last, and where its slot begins. */
  #bucket = -1
  #at = 0

  /** @param length a power of two */
  constructor(length: number) {
    this.#mask = length - 1
    this.#words = new Uint32Array(length * SLOT_WORDS)
  }

  /**
   * Reads the slots of times, in buckets of so many milliseconds, so that counting finds them in the cache: these reads do not wait for
   * each other. What they read is returned so that they are not optimized away.
   */
  touch(times: Float64Array, from: number, to: number, length: number): number {
    const words = this.#words
    let read = 0
    for (let i = from; i < to; i++) read ^= words[((times[i] / length | 0) & this.#mask) * SLOT_WORDS]
    return read
  }

  /** Counts an event of a type. */
  addEvent(bucket: number, type: number): void {
    if (bucket !== this.#bucket) this.#turnTo(bucket)
    this.#words[this.#at + EVENTS + type]++
  }

  /** Counts a user in the bucket in which an event was counted last. */
  addUser(): void {
    this.#words[this.#at + USERS]++
  }

  /** Takes a user off a bucket, if it is still there. */
  removeUser(bucket: number): void {
    const at = this.#slotOf(bucket)
    if (this.#words[at + STAMP] === bucket + 1) this.#words[at + USERS]--
  }

  /** The users of a bucket. */
  users(bucket: number): number {
    const at = this.#slotOf(bucket)
    return this.#words[at + STAMP] === bucket + 1 ? this.#words[at + USERS] : 0
  }

  /** Adds events of each type to a bucket. */
  add(bucket: number, counts: Uint32Array): void {
    this.#turnTo(bucket)
    for (let type = 0; type < TYPES; type++) this.#words[this.#at + EVENTS + type] += counts[type]
  }

  /** Counts a user in a bucket. */
  addUserTo(bucket: number): void {
    this.#turnTo(bucket)
    this.addUser()
  }

  /** The buckets from one on that have been counted in, in order. */
  bucketsFrom(first: number): number[] {
    const buckets: number[] = []
    for (let at = STAMP; at < this.#words.length; at += SLOT_WORDS) if (this.#words[at] > first) buckets.push(this.#words[at] - 1)
    return buckets.sort((a, b) => a - b)
  }

  /** Adds the events of a bucket to `totals` and returns their sum. */
  addTo(totals: number[], bucket: number): number {
    const at = this.#slotOf(bucket)
    if (this.#words[at + STAMP] !== bucket + 1) return 0
    let sum = 0
    for (let type = 0; type < TYPES; type++) {
      const count = this.#words[at + EVENTS + type]
      totals[type] += count
      sum += count
    }
    return sum
  }

  #slotOf(bucket: number): number {
    return (bucket & this.#mask) * SLOT_WORDS
  }

  #turnTo(bucket: number): void {
    const at = this.#slotOf(bucket)
    this.#bucket = bucket
    this.#at = at
    if (this.#words[at + STAMP] === bucket + 1) return
    this.#words.fill(0, at, at + SLOT_WORDS)
    this.#words[at + STAMP] = bucket + 1
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
  /** Events of each minute, and the users last seen in it. */
  readonly #minutes = new BucketRing(MINUTES)
  /** Events of each hour. */
  readonly #hours = new BucketRing(HOURS)
  /** What `prefetch` has read. */
  #prefetched = 0
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

  /** The events of each minute that a window can reach: the minute, and how many of each type. */
  save(): Uint32Array {
    const minutes = this.#minutes.bucketsFrom(this.#first / MINUTE)
    return Uint32Array.from(minutes.flatMap((minute) => [minute, ...this.minute(minute).byType]))
  }

  /** Counts what was saved, as far as a window still reaches it; users come by `restoreUser`. */
  load(minutes: Uint32Array, newest: number): void {
    for (let at = 0; at < minutes.length; at += SAVED_WORDS) {
      const minute = minutes[at]
      if (minute * MINUTE < this.#first) continue
      const counts = minutes.subarray(at + 1, at + SAVED_WORDS)
      this.#minutes.add(minute, counts)
      this.#hours.add(Math.floor(minute / 60), counts)
    }
    this.#newest = newest
  }

  /** Counts a user that was last seen at this time, which `load` has counted events of. */
  restoreUser(lastSeen: number): void {
    this.#minutes.addUserTo(Math.floor(lastSeen / MINUTE))
  }

  /** Whether an event of this time counts in a window. */
  holds(time: number): boolean {
    return time >= this.#first && time <= this.#last
  }

  /** The newest timestamp counted; 0 before the first. */
  get newest(): number {
    return this.#newest
  }

  /** Brings into the cache what counting events of these times reads; their order is any. */
  prefetch(times: Float64Array, from: number, to: number): void {
    this.#prefetched ^= this.#minutes.touch(times, from, to, MINUTE)
  }

  /**
   * Counts an event of a user whose latest time was `before`, which is negative for a new one. O(1).
   * @throws RangeError where `holds` says no
   */
  count(time: number, type: number, before: number): void {
    if (!this.holds(time)) throw new RangeError('no window holds this time')
    const minute = Math.floor(time / MINUTE) | 0 // small integers, as the engine sees them
    this.#minutes.addEvent(minute, type)
    this.#hours.addEvent(minute / 60 | 0, type)
    if (time > this.#newest) this.#newest = time
    // A late event never takes a user back.
    if (before >= minute * MINUTE) return
    this.#minutes.addUser()
    if (before >= 0) this.#minutes.removeUser(Math.floor(before / MINUTE) | 0)
  }

  /** Users last seen in `fromMinute .. toMinute`. O(minutes). */
  uniqueUsers(fromMinute: number, toMinute: number): number {
    let sum = 0
    for (let minute = fromMinute; minute <= toMinute; minute++) sum += this.#minutes.users(minute)
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
