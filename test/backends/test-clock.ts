/** A clock whose two hands a test moves. */
import type { Clock } from '../../src/backends/backend.ts'

/** Some moment that is neither a whole hour nor a whole minute. */
export const START = Date.UTC(2026, 10, 23, 14, 5, 9, 120)

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** See above. */
export class TestClock implements Clock {
  #wall: number
  #monotonic = 5000

  constructor(wall = START) {
    this.#wall = wall
  }

  wall(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** Time passes. */
  advance(ms: number): void {
    this.#wall += ms
    this.#monotonic += ms
  }

  /** Somebody sets the wall clock; no time passes. */
  jump(ms: number): void {
    this.#wall += ms
  }
}
