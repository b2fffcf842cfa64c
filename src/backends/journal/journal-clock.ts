/**
 * The clock of a journal: one history across restarts. Each row carries both hands, so that a replay can set them as they
 * were and ids expire as they would have. While the service is not running only the wall clock can tell how much time has
 * passed, so that is what it tells.
 */
import type { Clock } from '../backend.ts'

/** Both hands of the clock, in milliseconds. */
export interface Hands {
  wall: number
  /** Time that has passed, by a clock that does not jump, on top of the wall clock's at the journal's beginning. */
  elapsed: number
}

/** See above. */
export class JournalClock implements Clock {
  readonly #clock: Clock
  #hands: Hands
  #elapsedBefore: number | undefined

  /** Begins as a clock that stands still. */
  constructor(clock: Clock, hands: Hands) {
    this.#clock = clock
    this.#hands = hands
  }

  wall(): number {
    return this.#elapsedBefore === undefined ? this.#hands.wall : Math.max(this.#hands.wall, this.#clock.wall())
  }

  monotonic(): number {
    return this.#elapsedBefore === undefined ? this.#hands.elapsed : this.#elapsedBefore + this.#clock.monotonic()
  }

  /** Sets a clock that stands still. */
  set(hands: Hands): void {
    this.#hands = hands
  }

  /** Lets it go on from where it was set last, by as much as the wall clock has gone on. */
  start(): void {
    const { wall, elapsed } = this.#hands
    this.#elapsedBefore = elapsed + Math.max(0, this.#clock.wall() - wall) - this.#clock.monotonic()
  }
}
