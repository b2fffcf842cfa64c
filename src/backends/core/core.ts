/**
 * The data structures of the memory backend as one: judges a batch, claims its ids and counts its events in one
 * synchronous turn [DEDUP-3], so that nobody ever sees one without the other. It does no I/O and keeps no timer.
 */
import {
  TIME_WINDOWS, type Interval, type StoreHealth, type Summary, type TimeSeries, type TimeWindow, type UserCounts
} from '../../../schemas/index.ts'
import type { Clock } from '../backend.ts'
import { Verdict, type Batch } from '../batch.ts'
import { CoreClock } from './core-clock.ts'
import { DedupIndex, HORIZON_MINUTES, STRIDE } from './dedup/dedup-index.ts'
import { dryRun } from './dedup/dry-run.ts'
import { EventLog } from './log/event-log.ts'
import { KeyedHash, viewOf } from './users/keyed-hash.ts'
import { MinuteWindows } from './counts/minute-windows.ts'
import { instant, series, summarize, windowBounds } from './counts/summaries.ts'
import { UserActivity } from './users/user-activity.ts'
import { userCounts } from './users/user-counts.ts'
import { UserTable } from './users/user-table.ts'

const HOUR = 3_600_000

/** Ids and hour entries that one call may clear away beside its work, at the least: well under a millisecond. */
const UPKEEP = 2048

/** How much a core may hold. */
export interface Capacities {
  /** Event ids. */
  dedupCapacity: number
  /** Users. */
  userCapacity: number
  /** Bytes of the event log. */
  logBytes: number
}

/** What a batch holds of a core between its claim and its count. */
export interface Claim {
  /** Events claimed. */
  count: number
  /** Whether a verdict hangs on a claim that has not been counted yet. */
  waits: boolean
  /** Sequence number behind the last id. */
  end: number
  /** Users of the batch that have no counted event yet. */
  users: number[]
}

/** See above. */
export class MemoryCore {
  readonly log: EventLog
  readonly #clock: CoreClock
  readonly #dedup: DedupIndex
  readonly #windows = new MinuteWindows()
  readonly #users: UserTable
  readonly #activity: UserActivity
  /** Ids from this sequence number on are claimed and not counted yet. */
  #counted = 0
  /** When the call under way began, and the oldest time that some window reaches then [TIME-2]; by `upkeep`. */
  #now = 0
  #reach = 0

  constructor(clock: Clock, capacities: Capacities) {
    this.#clock = new CoreClock(clock)
    this.#dedup = new DedupIndex(capacities.dedupCapacity)
    this.#users = new UserTable(capacities.userCapacity, new KeyedHash())
    this.#activity = new UserActivity(this.#users, this.#clock.now())
    this.log = new EventLog(capacities.logBytes, (user) => {
      const bytes = viewOf(Buffer.from(user))
      return this.#users.hash(bytes, 0, bytes.byteLength)
    })
  }

  /** The core's now, in milliseconds since 1970. */
  now(): number {
    return this.#clock.now()
  }

  /** Judges the events of a batch, takes the good ones, and writes their verdicts. */
  append(batch: Batch): void {
    this.upkeep(batch.count)
    const bytes = viewOf(batch.bytes)
    for (let from = 0; from < batch.count; from += STRIDE) {
      const to = Math.min(from + STRIDE, batch.count)
      const hasRoom = this.#makeRoom(to - from)
      if (hasRoom) this.#dedup.claim(batch, from, to)
      this.#users.lookAhead(batch, bytes, from, to)
      if (hasRoom) {
        this.#countClaimed(batch, bytes, from, to)
      } else {
        for (let i = from; i < to; i++) if (this.#claim(batch, bytes, i)) this.#countClaimed(batch, bytes, i, i + 1)
      }
    }
    this.log.append(batch, this.#now)
  }

  /**
   * The first half of an append that has to be made durable: judges the events and claims their ids, so that from now on
   * they are duplicates to others, and counts nothing. The claimed ones have the verdict Accepted. Claims are settled in
   * the order in which they were made, or withdrawn all together.
   */
  claim(batch: Batch): Claim {
    this.upkeep(batch.count)
    const bytes = viewOf(batch.bytes)
    const claim: Claim = { count: 0, waits: false, end: 0, users: [] }
    for (let from = 0; from < batch.count; from += STRIDE) {
      const to = Math.min(from + STRIDE, batch.count)
      const hasRoom = this.#makeRoom(to - from)
      if (hasRoom) this.#dedup.claim(batch, from, to)
      this.#users.lookAhead(batch, bytes, from, to)
      for (let i = from; i < to; i++) {
        if (hasRoom ? batch.verdicts[i] === Verdict.Accepted : this.#claim(batch, bytes, i)) {
          claim.count++
          if (batch.times[i] < this.#reach) continue
          if (batch.user[i] < 0) batch.user[i] = this.#enter(batch, bytes, i, Infinity)
          if (this.#users.lastSeen(batch.user[i]) < 0) claim.users.push(batch.user[i])
        } else if (batch.verdicts[i] === Verdict.Duplicate && this.isPending(batch, i)) {
          claim.waits = true
        }
      }
    }
    claim.end = this.#dedup.next
    return claim
  }

  /** The second half: counts what was claimed, and writes the verdicts. */
  settle(batch: Batch, claim: Claim): void {
    this.upkeep(batch.count)
    this.#count(batch)
    this.#forgetUncounted(claim)
    this.#counted = claim.end
    this.log.append(batch, this.#now)
  }

  /** Takes back every claim that was not settled; these are all of them. */
  withdraw(claims: readonly Claim[]): void {
    this.#dedup.retract(this.#counted)
    this.#counted = this.#dedup.next
    for (const claim of claims) this.#forgetUncounted(claim)
  }

  /** Writes the verdicts of a batch that cannot be taken: what has been counted already is a duplicate all the same. */
  refuse(batch: Batch, verdict: Verdict): void {
    for (let i = 0; i < batch.count; i++) {
      const known = this.#sequenceOf(batch, i)
      batch.verdicts[i] = known >= 0 && known < this.#counted ? Verdict.Duplicate : verdict
    }
  }

  /** Whether the id of event `i` is claimed but not counted. */
  isPending(batch: Batch, i: number): boolean {
    return this.#sequenceOf(batch, i) >= this.#counted
  }

  /**
   * Takes events once more that were taken in an earlier life, whatever the capacities are now.
   * @param logged whether the batch has the events' bytes, for the log
   */
  restore(batch: Batch, logged: boolean): void {
    this.upkeep(batch.count)
    for (let from = 0; from < batch.count; from += STRIDE) {
      const to = Math.min(from + STRIDE, batch.count)
      this.#dedup.claim(batch, from, to)
    }
    batch.verdicts.fill(Verdict.Accepted, 0, batch.count)
    this.#count(batch)
    this.#counted = this.#dedup.next
    if (logged) this.log.append(batch, this.#now)
  }

  /** Writes the verdicts that `append` would, and keeps nothing of the batch. [ING-4] */
  check(batch: Batch): void {
    this.upkeep(0)
    this.#makeRoom(batch.count)
    dryRun(batch, this.#dedup, this.#users, this.#reach)
  }

  /** A summary as of now. */
  summary(window: TimeWindow, cursor: string): Summary {
    const now = this.upkeep(0)
    return summarize(this.#windows, window, now, this.#isExact, cursor)
  }

  /** A time series as of now. */
  timeseries(window: TimeWindow, interval: Interval): TimeSeries {
    return series(this.#windows, window, interval, this.upkeep(0))
  }

  /** User counts as of now, or undefined while totals are still being brought up to this hour: call again. */
  users(window: TimeWindow, limit: number, named: readonly string[] | undefined): UserCounts | undefined {
    const now = this.upkeep(4 * UPKEEP)
    if (!this.#activity.isSettled) return undefined
    const from = this.#activity.firstHourOf(TIME_WINDOWS.indexOf(window)) * HOUR
    const { to } = windowBounds(this.#windows, window, now)
    return userCounts(this.#users, window, { from, to }, named ?? limit)
  }

  /** What the core says of itself. */
  health(): Omit<StoreHealth, 'kind'> {
    this.upkeep(0)
    const oldest = this.log.oldestArrival
    return {
      ids: this.#dedup.size,
      id_capacity: this.#dedup.capacity,
      dedup_horizon_seconds: this.#dedup.horizonMinutes * 60,
      exact: this.#isExact,
      users: this.#users.size,
      user_capacity: this.#users.capacity,
      log_bytes: this.log.byteLength,
      log_capacity_bytes: this.log.capacity,
      events_retained: this.log.next - this.log.first,
      oldest_retained: oldest === undefined ? null : instant(oldest)
    }
  }

  /** Lets time pass: forgets what is due, so many pieces beside the UPKEEP at a time. Returns now. */
  upkeep(extra: number): number {
    this.#now = this.#clock.now()
    this.#dedup.advance(this.#now, this.#clock.monotonic(), UPKEEP + 2 * extra)
    this.#activity.advance(this.#now, UPKEEP + 2 * extra)
    this.#reach = this.#activity.firstHourOf(TIME_WINDOWS.length - 1) * HOUR
    return this.#now
  }

  get #isExact(): boolean {
    return this.#dedup.horizonMinutes >= HORIZON_MINUTES
  }

  /** Claims the id of event `i` and finds its user, or writes the verdict that says why not. */
  #claim(batch: Batch, bytes: DataView, i: number): boolean {
    if (this.#dedup.has(batch.ids, i * 4)) {
      batch.verdicts[i] = Verdict.Duplicate
      return false
    }
    if (batch.times[i] >= this.#reach && batch.user[i] < 0) {
      batch.user[i] = this.#enter(batch, bytes, i, this.#users.capacity)
      if (batch.user[i] < 0) {
        batch.verdicts[i] = Verdict.UserCapacity
        return false
      }
    }
    this.#dedup.add(batch.ids, i * 4)
    batch.verdicts[i] = Verdict.Accepted
    return true
  }

  /** Counts the events of a batch that were claimed before, whether their users are within capacity or not. */
  #count(batch: Batch): void {
    const bytes = viewOf(batch.bytes)
    for (let from = 0; from < batch.count; from += STRIDE) {
      const to = Math.min(from + STRIDE, batch.count)
      this.#makeRoom(to - from)
      this.#users.lookAhead(batch, bytes, from, to)
      this.#countClaimed(batch, bytes, from, to)
    }
  }

  /** Counts the events `from .. to - 1` that were claimed, and writes their verdicts. */
  #countClaimed(batch: Batch, bytes: DataView, from: number, to: number): void {
    const { verdicts, times, types, user } = batch
    for (let i = from; i < to; i++) {
      if (verdicts[i] !== Verdict.Accepted) continue
      const time = times[i]
      if (time < this.#reach) {
        verdicts[i] = Verdict.Late
        continue
      }
      const number = user[i] >= 0 ? user[i] : this.#enter(batch, bytes, i, Infinity)
      this.#windows.count(time, types[i], this.#users.lastSeen(number))
      this.#activity.count(number, time)
    }
  }

  /** The number of a user whom looking ahead did not find, known by now or new; -1 where no more can be. */
  #enter(batch: Batch, bytes: DataView, i: number, capacity: number): number {
    const hash = batch.userHash[i]
    const start = batch.userStart[i]
    const end = batch.userEnd[i]
    const known = this.#users.find(hash, bytes, start, end)
    return known >= 0 ? known : this.#users.add(hash, bytes, start, end, capacity)
  }

  /** Forgets the users of a claim none of whose events was counted. */
  #forgetUncounted(claim: Claim): void {
    for (const user of claim.users) if (this.#users.lastSeen(user) < 0) this.#users.remove(user)
  }

  /**
   * Says whether so many new users can come without the capacity being asked. Where not all can, users that are due to be
   * forgotten must not keep them out; they go now, since nobody may go between looking for users and counting for them.
   */
  #makeRoom(users: number): boolean {
    if (this.#users.size + users > this.#users.capacity && !this.#activity.isSettled) this.#activity.advance(this.#now, Infinity)
    return this.#users.size + users <= this.#users.capacity
  }

  #sequenceOf(batch: Batch, i: number): number {
    return this.#dedup.sequenceOf(batch.ids, i * 4)
  }
}
