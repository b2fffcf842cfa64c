/**
 * The data structures that memory and journal share, as one, under one clock: takes batches, and answers how many, by whom
 * and when. It does no I/O and keeps no timer.
 */
import { TIME_WINDOWS, type Interval, type StoreHealth, type Summary, type TimeSeries, type TimeWindow, type UserCounts } from '../../../schemas/index.ts'
import type { Clock } from '../backend.ts'
import type { Batch, Verdict } from '../batch.ts'
import { describeClock } from './clock/clock-health.ts'
import type { ClockReading } from './clock/clock-reading.ts'
import { CoreClock } from './clock/core-clock.ts'
import { readImage, writeImage, type ImageLayout, type ImageSource, type WriteBytes } from './core-image.ts'
import { instant, series, summarize, windowBounds } from './counts/summaries.ts'
import { HORIZON_MINUTES } from './dedup/generations.ts'
import { Intake, type Capacities, type Reservation } from './intake.ts'
import type { EventLog } from './log/event-log.ts'
import { Restoration } from './restoration.ts'
import { userCounts } from './users/user-counts.ts'
import { UserRanking } from './users/user-ranking.ts'

const HOUR = 3_600_000

/** Hour entries that one call may clear away beside its work, at the least: well under a millisecond. */
const UPKEEP = 2048

/** One history, and its clock. How a batch is taken is explained in `Intake`. */
export class MemoryCore {
  readonly #clock: CoreClock
  readonly #capacities: Capacities
  #intake: Intake
  /** As long as events of an earlier run are still to be restored: until then ids neither come nor go. */
  #restoration: Restoration | undefined

  /** @param newest of a history that goes on, when its newest events were taken; they are to be restored */
  constructor(clock: Clock, capacities: Capacities, newest?: ClockReading) {
    this.#clock = new CoreClock(clock, newest)
    this.#capacities = capacities
    this.#intake = new Intake(capacities, this.#clock.now)
    if (newest !== undefined) this.#restoration = new Restoration(this.#intake)
  }

  /** The core's now, in milliseconds since 1970. */
  now(): number {
    return this.#clock.read()
  }

  /** The time by which a timestamp is in the future [TIME-1]: now or, while the clock is unsettled, what else may be [TIME-4]. */
  latestNow(): number {
    const now = this.#clock.read()
    return Math.max(now, this.#clock.disputed ?? now)
  }

  /** When something that happens now happens; whole milliseconds. */
  reading(): ClockReading {
    const wall = this.#clock.read()
    return { wall, elapsed: Math.floor(this.#clock.elapsed) }
  }

  /** Whether the clock is behind the newest event of before the start, and it is not known yet which of the two is wrong. [TIME-4] */
  get isBehind(): boolean {
    return this.#clock.isBehind
  }

  /** Whether old events may be forgotten for good. [TIME-4] */
  get mayForget(): boolean {
    return this.#clock.mayForget
  }

  /** Once it has turned out that the newest events are from the future, the time that they are to get: then call `restart` with it. [TIME-4] */
  get openingTime(): number | undefined {
    return this.#clock.openingTime
  }

  /** Ids that are remembered. */
  get idCount(): number {
    return this.#intake.dedup.size
  }

  get log(): EventLog {
    return this.#intake.log
  }

  append(batch: Batch): void {
    this.upkeep(batch.count)
    this.#intake.append(batch)
  }

  reserve(batch: Batch): Reservation {
    this.upkeep(batch.count)
    return this.#intake.reserve(batch)
  }

  commit(batch: Batch, reservation: Reservation): void {
    this.upkeep(batch.count)
    this.#intake.commit(batch, reservation)
  }

  abort(reserved: readonly { batch: Batch, reservation: Reservation }[]): void {
    this.#intake.abort(reserved)
  }

  refuse(batch: Batch, verdict: Verdict): void {
    this.#intake.refuse(batch, verdict)
  }

  isPending(batch: Batch, i: number): boolean {
    return this.#intake.isPending(batch, i)
  }

  check(batch: Batch): void {
    this.upkeep(0)
    this.#intake.check(batch)
  }

  restore(batch: Batch, arrival: ClockReading, logged: boolean): void {
    this.upkeep(batch.count)
    this.#restoration!.restore(batch, arrival, logged)
  }

  /** Takes events into the log alone, since the image that the core has become counts them already. */
  restoreLog(batch: Batch, arrival: ClockReading): void {
    this.#restoration!.restoreLog(batch, arrival)
  }

  /**
   * Writes what has been restored so far, but for the log, as an image. Returns how that is to be read; undefined, and nothing is written,
   * where it would not be the whole truth.
   * @param newest when the newest restored event was taken
   */
  writeImage(newest: ClockReading, write: WriteBytes): ImageLayout | undefined {
    const { dedup, activity } = this.#intake
    const { isPlain, late } = this.#restoration!
    if (!isPlain) return undefined
    while (!activity.isCurrent) this.upkeep(0)
    dedup.setTime(newest)
    dedup.expire()
    return writeImage(this.#intake, late, write)
  }

  /**
   * Becomes what an image says, so that what it counts has not to be restored. Where that fails the core stays as it was.
   * @throws RangeError where the image is of another kind of core, or of a later time; whatever the source throws
   */
  async readImage(layout: ImageLayout, source: ImageSource): Promise<void> {
    const intake = new Intake(this.#capacities, this.#clock.read())
    const restoration = new Restoration(intake)
    await readImage(intake, restoration, layout, source)
    this.#intake = intake
    this.#restoration = restoration
  }

  /** Everything has been restored. */
  restored(): void {
    this.#restoration = undefined
  }

  /** Forgets everything, to be restored once more, and makes an opening time now, though that is earlier. [TIME-4] */
  restart(openingTime: number): void {
    this.#clock.startAnew(openingTime)
    this.#intake = new Intake(this.#capacities, this.#clock.now)
    this.#restoration = new Restoration(this.#intake)
  }

  /** A summary as of now. */
  summary(window: TimeWindow, cursor: string): Summary {
    const now = this.upkeep(0)
    return summarize(this.#intake.windows, window, now, this.#isExact, cursor)
  }

  /** A time series as of now. */
  timeseries(window: TimeWindow, interval: Interval): TimeSeries {
    return series(this.#intake.windows, window, interval, this.upkeep(0))
  }

  /** Begins to rank the users of a window; to be ended. */
  rankUsers(window: TimeWindow, limit: number): UserRanking {
    return new UserRanking(this.#intake.users, this.#intake.activity, TIME_WINDOWS.indexOf(window), limit)
  }

  /** Counts of the best or of named users as of now, or undefined while there is more to be done for them: call again in another turn. */
  users(window: TimeWindow, wanted: UserRanking | readonly string[]): UserCounts | undefined {
    const now = this.upkeep(4 * UPKEEP)
    const { activity, windows, users } = this.#intake
    if (!activity.isCurrent) return undefined
    const found = wanted instanceof UserRanking ? wanted.step() : wanted
    if (found === undefined) return undefined
    const from = activity.firstHourOf(TIME_WINDOWS.indexOf(window)) * HOUR
    const { to } = windowBounds(windows, window, now)
    return userCounts(users, window, { from, to }, found)
  }

  /** What the core says of itself. */
  health(): Omit<StoreHealth, 'kind'> {
    this.upkeep(0)
    const { dedup, users, log } = this.#intake
    const oldest = log.oldestArrival
    return {
      ids: dedup.size,
      id_capacity: dedup.capacity,
      dedup_horizon_seconds: dedup.horizonMinutes * 60,
      exact: this.#isExact,
      users: users.size,
      user_capacity: users.capacity,
      log_bytes: log.byteLength,
      log_capacity_bytes: log.capacity,
      events_retained: log.next - log.first,
      oldest_retained: oldest === undefined ? null : instant(oldest),
      clock: describeClock(this.#clock)
    }
  }

  /** Lets time pass: forgets what is due, so many pieces beside the UPKEEP at a time. Returns now. */
  upkeep(extra: number): number {
    const now = this.#clock.read()
    const budget = UPKEEP + 2 * extra
    this.#intake.setTime(now, this.#clock.disputed, budget)
    if (this.#restoration !== undefined) return now
    this.#intake.dedup.setTime({ wall: now, elapsed: this.#clock.elapsed })
    if (this.#clock.mayForget) this.#intake.dedup.expire()
    return now
  }

  get #isExact(): boolean {
    return this.#intake.dedup.horizonMinutes >= HORIZON_MINUTES
  }
}
