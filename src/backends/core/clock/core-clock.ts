/**
 * The core's now, by a wall clock that may be wrong. [TIME-3] [TIME-4] What the wall clock is ahead of the time that has
 * passed, its offset, stays the same while nobody sets it. A larger change of the offset is a leap: it is believed once it
 * has held for a minute, and until then now goes on by the offset before it.
 */
import type { Clock } from '../../backend.ts'
import type { ClockReading } from './clock-reading.ts'
import { ElapsedTime } from './elapsed-time.ts'

/** Milliseconds by which an offset may change from one reading to the next and just be followed. */
const TOLERANCE = 10_000

/** Milliseconds that a leap must hold for. */
const SETTLE_TIME = 60_000

/** A start whose clock is further from the newest row than this many milliseconds forgets nothing for as long. */
const CAUTION = 3_600_000

/** An offset that is not believed yet, and since when, by elapsed time, the wall clock has kept to it. */
interface Leap {
  offset: number
  since: number
}

/** The clock of one core. Everything but `read` tells of the last reading. */
export class CoreClock {
  readonly #clock: Clock
  readonly #elapsedTime: ElapsedTime
  /** What is added to the elapsed time of this process. */
  readonly #elapsedBefore: number
  readonly #cautiousUntil: number
  #wall: number
  #elapsed: number
  #now: number
  #offset: number
  #leap: Leap | undefined
  /** Whether the clock has been behind the newest row ever since the start: now is that row's time until it is known which of the two is wrong. */
  #isBehindRows = false

  /** @param newest when the newest row was written, of a history that goes on: a clock ahead of it is believed, since the service may have been down */
  constructor(clock: Clock, newest?: ClockReading) {
    this.#clock = clock
    this.#elapsedTime = new ElapsedTime(clock)
    const passed = this.#elapsedTime.read()
    this.#wall = clock.wall()
    const ahead = this.#wall - (newest?.wall ?? this.#wall)
    this.#elapsedBefore = newest === undefined ? 0 : newest.elapsed + Math.max(0, ahead) - passed
    this.#elapsed = passed + this.#elapsedBefore
    this.#cautiousUntil = Math.abs(ahead) > CAUTION ? this.#elapsed + CAUTION : -Infinity
    this.#now = Math.max(this.#wall, newest?.wall ?? 0)
    this.#offset = this.#wall - this.#elapsed
    if (ahead >= -TOLERANCE) return
    this.#isBehindRows = true
    this.#leap = { offset: this.#offset, since: this.#elapsed }
  }

  /** Reads the clock; returns now. Called at least once a second, or a slow change of the wall clock looks like a leap. */
  read(): number {
    this.#wall = this.#clock.wall()
    this.#elapsed = this.#elapsedBefore + this.#elapsedTime.read()
    if (this.#isLeap) this.#elapsed = this.#elapsedBefore + this.#elapsedTime.read(true)
    if (!this.#isLeap) this.#believe()
    else if (this.#holdsLeap()) this.#settle()
    else this.#leap = { offset: this.#wall - this.#elapsed, since: this.#elapsed }
    this.#now = Math.max(this.#now, this.#expected)
    return this.#now
  }

  /** The core's now, milliseconds since 1970. Never goes back, but for `startAnew`. */
  get now(): number {
    return this.#now
  }

  /** Time that has passed, in milliseconds; suspends count, and so does the time between two runs of one history. */
  get elapsed(): number {
    return this.#elapsed
  }

  /** What the wall clock says while it is not known whether that is right; else undefined. */
  get disputed(): number | undefined {
    return this.#leap === undefined ? undefined : this.#wall
  }

  /** What the wall clock is ahead of now, in milliseconds; negative if it is behind. */
  get difference(): number {
    return this.#wall - this.#now
  }

  /** Whole seconds until a leap will be believed if it holds; 0 while there is none. */
  get unsettledSeconds(): number {
    if (this.#leap === undefined) return 0
    return Math.max(1, Math.ceil((SETTLE_TIME - this.#held(this.#leap)) / 1000))
  }

  /** Whether the clock has been behind the newest row ever since the start. */
  get isBehind(): boolean {
    return this.#isBehindRows
  }

  /** Whether old ids and rows may go: not in the first hour of a start whose clock was over an hour from the newest row. */
  get mayForget(): boolean {
    return this.#elapsed >= this.#cautiousUntil
  }

  /** Once it has turned out that the newest rows are from the future, the time that they are to get: then call `startAnew` with it. */
  get openingTime(): number | undefined {
    return this.#isBehindRows && this.#leap !== undefined && this.#held(this.#leap) >= SETTLE_TIME ? Math.floor(this.#wall) : undefined
  }

  /** Makes an opening time now, though that is earlier: for a history that is about to be read again. */
  startAnew(openingTime: number): void {
    if (this.#leap !== undefined) this.#offset = this.#leap.offset
    this.#leap = undefined
    this.#isBehindRows = false
    this.#now = openingTime
  }

  /** Whether the wall clock does not say what is expected of it. */
  get #isLeap(): boolean {
    // At a start behind the rows, as long as the service was down is right.
    if (this.#isBehindRows) return this.#wall < this.#now - TOLERANCE
    return Math.abs(this.#wall - this.#elapsed - this.#offset) > TOLERANCE
  }

  /** The time that now goes on to. */
  get #expected(): number {
    if (this.#leap === undefined) return this.#wall
    return this.#isBehindRows ? this.#now : Math.floor(this.#elapsed + this.#offset)
  }

  /** Follows the leap if the wall clock keeps to it; says whether it does. */
  #holdsLeap(): boolean {
    const offset = this.#wall - this.#elapsed
    if (this.#leap === undefined || Math.abs(offset - this.#leap.offset) > TOLERANCE) return false
    this.#leap.offset = offset
    return true
  }

  #settle(): void {
    if (!this.#isBehindRows && this.#held(this.#leap!) >= SETTLE_TIME) this.#believe()
  }

  #believe(): void {
    this.#offset = this.#wall - this.#elapsed
    this.#leap = undefined
    this.#isBehindRows = false
  }

  #held({ since }: Leap): number {
    return this.#elapsed - since
  }
}
