/**
 * What one history of events is kept in, and how a batch gets into it: ids, counts, users and log, which belong together.
 * Every call judges or takes a whole batch in one synchronous turn, so that nobody ever sees an id without its event. [DEDUP-3]
 */
import { Verdict, type Batch } from '../batch.ts'
import { MinuteWindows } from './counts/minute-windows.ts'
import { DedupIndex } from './dedup/dedup-index.ts'
import { dryRun } from './dedup/dry-run.ts'
import { IdSet } from './dedup/id-set.ts'
import { STRIDE } from './dedup/id-shard.ts'
import { EventLog } from './log/event-log.ts'
import { ClockDispute } from './clock/clock-dispute.ts'
import { BatchUsers } from './users/batch-users.ts'
import { KeyedHash, viewOf } from './users/keyed-hash.ts'
import { UserActivity } from './users/user-activity.ts'
import { UserTable } from './users/user-table.ts'

/** How much a core may hold. */
export interface Capacities {
  /** Event ids. */
  dedupCapacity: number
  /** Users. */
  userCapacity: number
  /** Bytes of the event log. */
  logBytes: number
}

/** What a batch holds of a core between its reservation and its commit. */
export interface Reservation {
  /** Events reserved. */
  count: number
  /** Whether a verdict hangs on an id that is reserved and not committed yet. */
  waits: boolean
  /** Users of the batch that have no counted event yet. */
  users: number[]
}

/** Takes batches into one history. It has no clock: `setTime` says what time it is. */
export class Intake {
  readonly dedup: DedupIndex
  readonly windows: MinuteWindows
  readonly users: UserTable
  readonly activity: UserActivity
  readonly log: EventLog
  /** Of the batch at hand. */
  readonly #batchUsers: BatchUsers
  /** Batches that are reserved and not committed, and whose ids are not among the pending ones yet. */
  readonly #reserved = new Set<Batch>()
  /** Ids that are reserved and not committed, once an event has asked for one: as long as none is sent twice, nobody does. */
  #pending: IdSet | undefined
  #now: number
  #dispute: ClockDispute | undefined

  constructor({ dedupCapacity, userCapacity, logBytes }: Capacities, now: number) {
    this.#now = now
    this.dedup = new DedupIndex(dedupCapacity)
    this.windows = new MinuteWindows(now)
    this.users = new UserTable(userCapacity, new KeyedHash())
    this.activity = new UserActivity(this.users, now)
    this.#batchUsers = new BatchUsers(this.users, this.activity)
    this.log = new EventLog(logBytes, (user) => {
      const bytes = viewOf(Buffer.from(user))
      return this.users.hash(bytes, 0, bytes.byteLength)
    })
  }

  /** The time, as it was last set. */
  get now(): number {
    return this.#now
  }

  /**
   * Sets the time by which windows count, and takes off at most `budget` entries of users' hours that have left one.
   * @param disputed what else the time may be [TIME-4]
   */
  setTime(now: number, disputed: number | undefined, budget: number): void {
    this.#now = now
    this.#dispute = disputed === undefined ? undefined : new ClockDispute(now, disputed)
    this.windows.advance(now)
    this.activity.advance(now, budget)
  }

  /** Judges the events of a batch, takes the good ones, and writes their verdicts. */
  append(batch: Batch): void {
    const bytes = this.#begin(batch)
    for (let from = 0; from < batch.count; from += STRIDE) {
      const to = Math.min(from + STRIDE, batch.count)
      const isPlain = this.#isPlain(to - from)
      if (isPlain) this.dedup.claim(batch, from, to)
      this.#batchUsers.prefetch(batch, bytes, from, to)
      if (isPlain) {
        this.#countStride(batch, bytes, from, to)
      } else {
        for (let i = from; i < to; i++) if (this.#claim(batch, bytes, i)) this.#countStride(batch, bytes, i, i + 1)
      }
    }
    this.logBatch(batch, this.#now)
  }

  /**
   * The first half of an append that has to be made durable: judges the events and reserves their ids, so that from now on
   * they are duplicates to others, and counts nothing. The reserved ones have the verdict Accepted. Reservations are
   * committed in the order in which they were made, or aborted all together.
   */
  reserve(batch: Batch): Reservation {
    const bytes = this.#begin(batch)
    const { users } = this.#batchUsers.columns
    const reservation: Reservation = { count: 0, waits: false, users: [] }
    const duplicates: number[] = []
    for (let from = 0; from < batch.count; from += STRIDE) {
      const to = Math.min(from + STRIDE, batch.count)
      const isPlain = this.#isPlain(to - from)
      if (isPlain) this.dedup.claim(batch, from, to)
      this.#batchUsers.prefetch(batch, bytes, from, to)
      for (let i = from; i < to; i++) {
        if (isPlain ? batch.verdicts[i] === Verdict.Accepted : this.#claim(batch, bytes, i)) {
          reservation.count++
          if (!this.windows.holds(batch.times[i])) continue
          if (users[i] < 0) users[i] = this.#batchUsers.enter(batch, bytes, i, Infinity)
          if (this.users.lastSeen(users[i]) < 0) reservation.users.push(users[i])
        } else if (batch.verdicts[i] === Verdict.Duplicate) {
          duplicates.push(i)
        }
      }
    }
    if (reservation.count > 0) this.#reserved.add(batch)
    reservation.waits = duplicates.some((i) => this.isPending(batch, i))
    return reservation
  }

  /** The second half: counts what was reserved, and writes the verdicts. */
  commit(batch: Batch, reservation: Reservation): void {
    this.#endReservation(batch, reservation)
    this.count(batch)
    this.#batchUsers.forgetUncounted(reservation.users)
    this.logBatch(batch, this.#now)
  }

  /** Takes back every reservation that was not committed; these are all of them, with their batches. O(ids reserved). */
  abort(reserved: readonly { batch: Batch, reservation: Reservation }[]): void {
    for (const { batch, reservation } of reserved) {
      this.#endReservation(batch, reservation)
      this.dedup.retract(batch)
      this.#batchUsers.forgetUncounted(reservation.users)
    }
  }

  /** Writes the verdicts of a batch that cannot be taken: what has been counted already is a duplicate all the same. */
  refuse(batch: Batch, verdict: Verdict): void {
    for (let i = 0; i < batch.count; i++) {
      batch.verdicts[i] = this.dedup.has(batch.ids, i * 4) && !this.isPending(batch, i) ? Verdict.Duplicate : verdict
    }
  }

  /** Whether the id of event `i` is reserved but not committed. */
  isPending(batch: Batch, i: number): boolean {
    for (const reserved of this.#reserved) this.#eachReserved(reserved, (pending, k) => pending.add(k))
    this.#reserved.clear()
    this.#pending?.take(batch.ids, i, i + 1)
    return this.#pending?.has(i) === true
  }

  /** Counts the events of a batch that were claimed before, whether their users are within capacity or not, and writes their verdicts. */
  count(batch: Batch): void {
    const bytes = this.#begin(batch)
    for (let from = 0; from < batch.count; from += STRIDE) {
      const to = Math.min(from + STRIDE, batch.count)
      this.#batchUsers.prefetch(batch, bytes, from, to)
      this.#countStride(batch, bytes, from, to)
    }
  }

  /** Finds the users of a batch, for the log. */
  findUsers(batch: Batch): void {
    const bytes = this.#begin(batch)
    for (let from = 0; from < batch.count; from += STRIDE) this.#batchUsers.prefetch(batch, bytes, from, Math.min(from + STRIDE, batch.count))
  }

  /** Takes the events of a batch whose users were found last into the log. */
  logBatch(batch: Batch, arrival: number): void {
    this.log.append(batch, this.#batchUsers.columns.hashes, arrival)
  }

  /** Writes the verdicts that `append` would, and keeps nothing of the batch. [ING-4] */
  check(batch: Batch): void {
    this.#batchUsers.begin(batch)
    this.#batchUsers.hasRoom(batch.count, this.#now)
    dryRun(batch, this.dedup, this.users, this.windows, this.#dispute)
  }

  #begin(batch: Batch): DataView {
    this.#batchUsers.begin(batch)
    return viewOf(batch.bytes)
  }

  /** Whether so many events can be judged by their ids alone. */
  #isPlain(events: number): boolean {
    return this.#dispute === undefined && this.#batchUsers.hasRoom(events, this.#now)
  }

  /** Claims the id of event `i` and finds its user, or writes the verdict that says why not. */
  #claim(batch: Batch, bytes: DataView, i: number): boolean {
    const { users } = this.#batchUsers.columns
    const time = batch.times[i]
    const isKnown = this.dedup.has(batch.ids, i * 4)
    if (this.#dispute?.concerns(time, isKnown) === true) {
      batch.verdicts[i] = Verdict.ClockUnsettled
      return false
    }
    if (isKnown) {
      batch.verdicts[i] = Verdict.Duplicate
      return false
    }
    if (users[i] < 0 && this.windows.holds(time)) {
      users[i] = this.#batchUsers.enter(batch, bytes, i, this.users.capacity)
      if (users[i] < 0) {
        batch.verdicts[i] = Verdict.UserCapacity
        return false
      }
    }
    this.dedup.add(batch.ids, i * 4)
    batch.verdicts[i] = Verdict.Accepted
    return true
  }

  /** Nothing is pending any longer of what was reserved with a batch. */
  #endReservation(batch: Batch, { count }: Reservation): void {
    if (count > 0 && !this.#reserved.delete(batch)) this.#eachReserved(batch, (pending, i) => pending.delete(i))
  }

  /** Calls with each event of a batch that is reserved, its id taken by the set of pending ones. */
  #eachReserved({ ids, verdicts, count }: Batch, call: (pending: IdSet, i: number) => void): void {
    const pending = this.#pending ??= new IdSet()
    for (let from = 0; from < count; from += STRIDE) {
      const to = Math.min(from + STRIDE, count)
      pending.take(ids, from, to)
      for (let i = from; i < to; i++) if (verdicts[i] === Verdict.Accepted) call(pending, i)
    }
  }

  /** Counts the events `from .. to - 1` that were claimed, and writes their verdicts. */
  #countStride(batch: Batch, bytes: DataView, from: number, to: number): void {
    const { verdicts, times, types } = batch
    const { users } = this.#batchUsers.columns
    this.windows.prefetch(times, from, to)
    for (let i = from; i < to; i++) {
      if (verdicts[i] !== Verdict.Accepted) continue
      const time = times[i]
      if (!this.windows.holds(time)) {
        verdicts[i] = Verdict.Late
        continue
      }
      const user = users[i] >= 0 ? users[i] : this.#batchUsers.enter(batch, bytes, i, Infinity)
      this.windows.count(time, types[i], this.users.lastSeen(user))
      this.activity.count(user, time)
    }
  }
}
