/**
 * When old rows of the journal may go: once neither ids nor windows nor the log need them. They go a few at a time, one
 * request after the other, and where deleting fails it is tried again later.
 */
import type { ClockReading } from '../core/clock/clock-reading.ts'
import { HORIZON_MINUTES } from '../core/dedup/generations.ts'
import type { WriterAnswer, WriterRequest } from './messages.ts'
import type { Oldest } from './row-table.ts'
import type { Row } from './rows.ts'

const MINUTE = 60_000

/** How long a row is kept at the least, in milliseconds: as long as its ids, longer than any window. A minute to spare, since ids are aged by whole minutes. */
export const HORIZON = (HORIZON_MINUTES + 2) * MINUTE

/** Rounds of maintenance to wait after old rows could not be deleted. */
const PAUSE = 100

/** Decides which rows go, and asks the writing thread to delete them. */
export class Retention {
  #oldest: Oldest | undefined
  #isTrimming = false
  #pause = 0

  /** @param oldest the oldest row of the journal */
  constructor(oldest: Oldest | undefined) {
    this.#oldest = oldest
  }

  /** A row will be added. */
  adds({ position, count, wall, elapsed }: Row): void {
    this.#oldest ??= { position, end: position + count, wall, elapsed }
  }

  /**
   * What to ask of the writing thread in this round of maintenance, if anything.
   * @param now the present time
   * @param position the first that the log retains
   */
  next(now: ClockReading, position: number): WriterRequest | undefined {
    if (this.#pause > 0) this.#pause--
    if (this.#isTrimming || this.#pause > 0 || this.#oldest === undefined) return undefined
    const before = { wall: now.wall - HORIZON, elapsed: now.elapsed - HORIZON }
    if (this.#oldest.wall >= before.wall || this.#oldest.elapsed >= before.elapsed || this.#oldest.end > position) return undefined
    this.#isTrimming = true
    return { type: 'trim', before, position }
  }

  /** What came of it. */
  trimmed({ failed, oldest }: WriterAnswer & { type: 'trimmed' }): void {
    this.#isTrimming = false
    if (failed === undefined) this.#oldest = oldest
    else this.#pause = PAUSE
  }

  /** The writing thread has dropped what it was asked. */
  dropped(): void {
    this.#isTrimming = false
  }
}
