/**
 * What time it is [TIME-4], told from the list of all readings: two that follow each other agree if the wall clock has moved
 * by as much as time has passed, give or take 10 s. Suspends are part of the uptime, so that is the time that passes.
 */
import type { TestClock } from './test-clock.ts'
import { HOUR, MINUTE } from './test-clock.ts'

interface Reading {
  wall: number
  uptime: number
}

/** When the newest row of a journal was written. */
export interface RowTime {
  wall: number
  elapsed: number
}

function agree(a: Reading, b: Reading): boolean {
  return Math.abs((b.wall - a.wall) - (b.uptime - a.uptime)) <= 10_000
}

/** The rules of the clock, written plainly. One for each run of a process. */
export class ClockOracle {
  readonly #clock: TestClock
  readonly #readings: Reading[]
  readonly #elapsedAtStart: number
  readonly #cautious: boolean
  /** The last reading that was believed; none where the clock has been behind the newest row from the start. */
  #believed: number
  #now: number

  constructor(clock: TestClock, newest?: RowTime) {
    this.#clock = clock
    const first = { wall: clock.wall(), uptime: clock.uptime() }
    this.#readings = [first]
    const ahead = newest === undefined ? 0 : first.wall - newest.wall
    this.#now = Math.max(first.wall, newest?.wall ?? 0)
    this.#elapsedAtStart = newest === undefined ? clock.monotonic() : newest.elapsed + Math.max(0, ahead)
    this.#cautious = Math.abs(ahead) > HOUR
    this.#believed = ahead < -10_000 ? -1 : 0
  }

  /** Takes a reading. Returns the opening time where the rows turn out to be from the future: now is that then. */
  look(): number | undefined {
    const here = { wall: this.#clock.wall(), uptime: this.#clock.uptime() }
    this.#readings.push(here)
    const last = this.#readings.length - 1
    if (this.#believed < 0) {
      if (here.wall >= this.#now - 10_000) this.#believed = last
      else if (this.#holds()) {
        this.#believed = last
        this.#now = here.wall
        return here.wall
      }
    } else if (agree(this.#readings[this.#believed], here) || this.#holds()) {
      this.#believed = last
    }
    this.#now = Math.max(this.#now, this.#expected())
    return undefined
  }

  now(): number {
    return this.#now
  }

  /** The times that it may be. */
  times(): number[] {
    return this.#believed === this.#readings.length - 1 ? [this.#now] : [this.#now, this.#readings.at(-1)!.wall]
  }

  elapsed(): number {
    return this.#elapsedAtStart + this.#readings.at(-1)!.uptime - this.#readings[0].uptime
  }

  mayForget(): boolean {
    return !this.#cautious || this.#readings.at(-1)!.uptime - this.#readings[0].uptime >= HOUR
  }

  /** Whether the newest readings, of a minute at least, agree. */
  #holds(): boolean {
    let first = this.#readings.length - 1
    while (first - 1 > this.#believed && agree(this.#readings[first - 1], this.#readings[first])) first--
    return this.#readings.at(-1)!.uptime - this.#readings[first].uptime >= MINUTE
  }

  #expected(): number {
    if (this.#believed < 0) return this.#now
    const believed = this.#readings[this.#believed]
    return believed.wall + this.#readings.at(-1)!.uptime - believed.uptime
  }
}
