/** The core's now: wall-clock time that never goes back. [TIME-3] */
import type { Clock } from '../backend.ts'

/** See above. */
export class CoreClock {
  readonly #clock: Clock
  #now = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds since 1970, never less than the last time. */
  now(): number {
    const wall = this.#clock.wall()
    if (wall > this.#now) this.#now = wall
    return this.#now
  }

  /** Milliseconds by the clock that only counts elapsed time. */
  monotonic(): number {
    return this.#clock.monotonic()
  }
}
