/** What cannot be told of an event while there are two times that it may be now. [TIME-4] */
import { countedSpan } from '../counts/minute-windows.ts'

/** Events to which both times give the same verdict get it. */
export class ClockDispute {
  /** Timestamps after this are in the future by one of the times. */
  readonly #last: number
  /** Timestamps from `#lateFrom` on and before `#lateTo` are late by one of the times. */
  readonly #lateFrom: number
  readonly #lateTo: number

  /** Both in milliseconds since 1970. */
  constructor(now: number, other: number) {
    const [a, b] = [countedSpan(now), countedSpan(other)]
    this.#last = Math.min(a.last, b.last)
    this.#lateFrom = Math.min(a.first, b.first)
    this.#lateTo = Math.max(a.first, b.first)
  }

  /**
   * Whether the two give different verdicts to an event.
   * @param isKnown whether its id is known, so that it is a duplicate where it is valid at all [ING-3]
   */
  concerns(time: number, isKnown: boolean): boolean {
    return time > this.#last || (!isKnown && time >= this.#lateFrom && time < this.#lateTo)
  }
}
