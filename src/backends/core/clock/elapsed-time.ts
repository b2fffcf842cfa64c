/**
 * Time that passes, from a clock that nobody can set. The monotonic clock stands still while the machine is suspended; the
 * system's uptime does not, so what it is ahead by is added.
 */
import type { Clock } from '../../backend.ts'

/** Milliseconds by the monotonic clock after which the uptime is asked for again: it costs a system call. */
const UPTIME_INTERVAL = 1000

/** Never goes back. Milliseconds since some moment. */
export class ElapsedTime {
  readonly #clock: Clock
  readonly #awake: number
  #suspended = 0
  #checkedAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#checkedAt = clock.monotonic()
    this.#awake = clock.uptime() - this.#checkedAt
  }

  /** @param exact asks for the uptime now, so that not even the last second's suspend is missed */
  read(exact = false): number {
    const monotonic = this.#clock.monotonic()
    if (exact || monotonic - this.#checkedAt >= UPTIME_INTERVAL) {
      this.#checkedAt = monotonic
      this.#suspended = Math.max(this.#suspended, this.#clock.uptime() - monotonic - this.#awake)
    }
    return monotonic + this.#suspended
  }
}
