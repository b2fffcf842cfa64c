/** A clock that stands still until it is moved. */
import type { Clock } from '../../src/backends/backend.ts'

export const DAY = 24 * 3_600_000

/** A clock that the bench sets. */
export class SimulatedClock implements Clock {
  #elapsed = 0
  readonly #start = Date.now()

  wall(): number {
    return this.#start + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  uptime(): number {
    return this.#elapsed
  }

  /** Lets so many milliseconds pass. */
  advance(milliseconds: number): void {
    this.#elapsed += milliseconds
  }
}
