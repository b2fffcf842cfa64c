/**
 * When ids arrived: one entry for all ids that arrived one after the other in the same minute. It says which are over, and for
 * how long every id has been remembered at the least.
 */
import type { ClockReading } from '../clock/clock-reading.ts'

const MINUTE = 60_000

/** How long an id is remembered at the least, in minutes. */
export const HORIZON_MINUTES = 8 * 24 * 60

/** When a run of ids arrived, in whole minutes. */
interface Arrival {
  /** Sequence number of the first id of the run. */
  first: number
  wall: number
  elapsed: number
}

/** The arrivals of all ids that count as known. */
export class Arrivals {
  /** Oldest first. */
  readonly #runs: Arrival[] = []
  /** Whether the last of them is of the time that was last set. */
  #isStamped = false
  /** The newest id that was forgotten before its time. */
  #lost: Arrival | undefined
  #wall = 0
  #elapsed = 0

  /** For how many minutes every id has been remembered at the least: HORIZON_MINUTES unless room ran out. */
  get horizonMinutes(): number {
    if (this.#lost === undefined) return HORIZON_MINUTES
    return Math.max(0, Math.min(HORIZON_MINUTES, this.#wall - this.#lost.wall, this.#elapsed - this.#lost.elapsed))
  }

  /** Sets the time at which ids arrive from now on. Never goes back. */
  setTime({ wall, elapsed }: ClockReading): void {
    this.#wall = Math.max(this.#wall, Math.floor(wall / MINUTE))
    this.#elapsed = Math.max(this.#elapsed, Math.floor(elapsed / MINUTE))
    this.#isStamped = false
  }

  /** An id arrives now. Lets a new run begin with it, unless the last one has the same time. */
  add(sequence: number): void {
    if (this.#isStamped) return
    const last = this.#runs.at(-1)
    if (last === undefined || last.wall !== this.#wall || last.elapsed !== this.#elapsed) {
      this.#runs.push({ first: sequence, wall: this.#wall, elapsed: this.#elapsed })
    }
    this.#isStamped = true
  }

  /**
   * Forgets the ids that are due: one's time is over when eight days have passed by wall clock and by elapsed time, so that a
   * leap of the one cannot cut it short [TIME-3].
   * @param next the next id's sequence number
   * @returns the first id that is not due; undefined where none is
   */
  expire(next: number): number | undefined {
    this.#isStamped = false
    let over = 0
    while (over < this.#runs.length && this.#isOver(this.#runs[over])) over++
    // At once: after a long silence there are thousands, and each time all that stay are moved.
    if (over > 0) this.#runs.splice(0, over)
    if (this.#lost !== undefined && this.#isOver(this.#lost)) this.#lost = undefined
    if (over === 0) return undefined
    return this.#runs.length > 0 ? this.#runs[0].first : next
  }

  /** Forgets the oldest id before its time; `live` is the one after it, and `next` the next id's sequence number. */
  forgetOldest(live: number, next: number): void {
    this.#lost = { ...this.#runs[0] }
    if (this.#runs.length > 1 ? this.#runs[1].first === live : live === next) this.#runs.shift()
    this.#isStamped = false
  }

  /** Takes back the ids from a sequence number on. */
  retract(from: number): void {
    while (this.#runs.length > 0 && this.#runs.at(-1)!.first >= from) this.#runs.pop()
    this.#isStamped = false
  }

  #isOver(arrival: Arrival): boolean {
    return this.#wall > arrival.wall + HORIZON_MINUTES && this.#elapsed > arrival.elapsed + HORIZON_MINUTES
  }
}
