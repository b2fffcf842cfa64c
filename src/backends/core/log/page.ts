/**
 * A page of the event log: the events that were read, copied out in one piece, with room around them so that whoever sends
 * them can put words of its own before and behind without another copy.
 */
import type { Page } from '../../backend.ts'
import { WORTH_FREEING, freeMemory } from '../../free-memory.ts'

/** Bytes before and behind the events. */
const MARGIN = 128

/** A stretch of events taken out of the log; all of its memory is the reader's own. */
export class Extract {
  readonly count: number
  /** The events, with a comma between each two. */
  readonly bytes: Buffer
  /** Each event's first byte, and one past the last one's comma. */
  readonly offsets: Uint32Array
  /** The position of each event. */
  readonly positions: Float64Array
  /** Position behind what was looked at. */
  readonly next: number
  readonly #memory: Buffer

  /** @param length bytes of the events */
  constructor(count: number, length: number, next: number) {
    this.count = count
    this.next = next
    const size = length + 2 * MARGIN
    this.#memory = size < WORTH_FREEING ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
    this.bytes = this.#memory.subarray(MARGIN, MARGIN + length)
    this.offsets = new Uint32Array(count + 1)
    this.positions = new Float64Array(count)
  }

  /** The first bytes between two texts, in one piece; `bytes` has no meaning from then on. */
  enclose(length: number, head: string, tail: string): Buffer {
    const headLength = Buffer.byteLength(head)
    const tailLength = Buffer.byteLength(tail)
    if (headLength > MARGIN || tailLength > MARGIN) {
      const size = headLength + length + tailLength
      const whole = size < WORTH_FREEING ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size) // never of a pool that others use
      whole.write(head)
      this.bytes.copy(whole, headLength, 0, length)
      whole.write(tail, headLength + length)
      this.release()
      return whole
    }
    this.#memory.write(head, MARGIN - headLength)
    this.#memory.write(tail, MARGIN + length)
    return this.#memory.subarray(MARGIN - headLength, MARGIN + length + tailLength)
  }

  /** Frees the bytes. */
  release(): void {
    freeMemory(this.#memory)
  }
}

/** The face of an extract as a page. */
export class MemoryPage implements Page {
  readonly count: number
  readonly bytes: Buffer
  readonly offsets: Uint32Array
  readonly cursor: string
  readonly hasMore: boolean
  readonly #extract: Extract
  readonly #cursorAt: (position: number) => string

  /** @param cursorAt writes the cursor of a position */
  constructor(extract: Extract, cursorAt: (position: number) => string, hasMore: boolean) {
    this.count = extract.count
    this.bytes = extract.bytes
    this.offsets = extract.offsets
    this.cursor = cursorAt(extract.next)
    this.hasMore = hasMore
    this.#extract = extract
    this.#cursorAt = cursorAt
  }

  cursorOf(index: number): string {
    return this.#cursorAt(this.#extract.positions[index] + 1)
  }

  enclose(count: number, head: string, tail: string): Buffer {
    return this.#extract.enclose(Math.max(0, this.offsets[count] - 1), head, tail)
  }

  release(): void {
    this.#extract.release()
  }
}
