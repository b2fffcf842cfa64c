/** A page of the event log: the events that were read, copied out in one piece. */
import type { Page } from '../../backend.ts'

/** Events copied out of the log. */
export interface LogRead {
  count: number
  /** The events, with a comma between each two. */
  bytes: Buffer
  /** Each event's first byte, and one past a comma after the last. */
  offsets: Uint32Array
  /** The position of each event. */
  positions: Float64Array
  /** Position after what was looked at. */
  next: number
}

/** What was read, as a page. */
export class MemoryPage implements Page {
  readonly count: number
  readonly bytes: Buffer
  readonly offsets: Uint32Array
  readonly cursor: string
  readonly hasMore: boolean
  readonly #positions: Float64Array
  readonly #cursorAt: (position: number) => string

  /** @param cursorAt writes the cursor of a position */
  constructor({ count, bytes, offsets, positions, next }: LogRead, cursorAt: (position: number) => string, hasMore: boolean) {
    this.count = count
    this.bytes = bytes
    this.offsets = offsets
    this.cursor = cursorAt(next)
    this.hasMore = hasMore
    this.#positions = positions
    this.#cursorAt = cursorAt
  }

  cursorOf(index: number): string {
    return this.#cursorAt(this.#positions[index] + 1)
  }
}
