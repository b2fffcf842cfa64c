/** A clock that a test moves. */
import type { Clock } from '../../src/backends/backend.ts'

/** Some moment that is neither a whole hour nor a whole minute. */
export const START = Date.UTC(2026, 10, 23, 14, 5, 9, 120)

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Stands still until it is moved. */
export class TestClock implements Clock {
  #wall: number
  #monotonic = 5000
  #uptime = 70_000

  constructor(wall = START) {
    this.#wall = wall
  }

  wall(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  uptime(): number {
    return this.#uptime
  }

  /** Time passes. */
  advance(ms: number): void {
    this.#wall += ms
    this.#monotonic += ms
    this.#uptime += ms
  }

  /** The machine sleeps. */
  suspend(ms: number): void {
    this.#wall += ms
    this.#uptime += ms
  }

  /** The machine was off for so long and has started again. */
  boot(ms: number): void {
    this.#wall += ms
    this.#monotonic = 900
    this.#uptime = 1000
  }

  /** Somebody sets the wall clock; no time passes. */
  jump(ms: number): void {
    this.#wall += ms
  }
}
