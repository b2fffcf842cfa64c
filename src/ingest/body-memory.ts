/**
 * Memory for the bodies of requests, used again and again: what was just read and taken is still in the processor's cache
 * for the next body, and the garbage collector never sees it. Whoever owns a body and is done with it gives it back.
 */
import { WORTH_FREEING, freeMemory } from '../backends/free-memory.ts'

/** Bytes that are kept for later, and the smallest and largest piece of them. */
const KEPT_BYTES = 16 << 20
const SMALLEST_PIECE = 256 << 10
const LARGEST_PIECE = 4 << 20

/** See above. */
export class BodyMemory {
  /** What can be lent, the most recently used last. */
  readonly #free: ArrayBuffer[] = []
  #freeBytes = 0
  /** What is out; weakly, as a body that no handler ever gets to see (its query was refused, say) does not come back. */
  readonly #lent = new WeakSet<ArrayBufferLike>()

  /** Joins the chunks of a body, which are this memory's from now on, and frees them. O(length). */
  join(chunks: readonly Buffer[], length: number): Buffer {
    const body = this.lend(length).subarray(0, length)
    let at = 0
    for (const chunk of chunks) {
      body.set(chunk, at)
      at += chunk.length
      discard(chunk)
    }
    return body
  }

  /** Memory for a body of so many bytes, or more. */
  lend(length: number): Buffer {
    if (length < WORTH_FREEING) return Buffer.allocUnsafe(length)
    const place = this.#free.findLastIndex(({ byteLength }) => byteLength >= length)
    const memory = place < 0 ? newPiece(length) : this.#free.splice(place, 1)[0]
    if (place >= 0) this.#freeBytes -= memory.byteLength
    this.#lent.add(memory)
    return Buffer.from(memory)
  }

  /** Takes back a body, which lies in memory from here or from anywhere else; nobody reads it from now on. */
  release(body: Buffer): void {
    const memory = body.buffer as ArrayBuffer
    if (!this.#lent.delete(memory)) {
      discard(body)
    } else if (memory.byteLength > LARGEST_PIECE || this.#freeBytes + memory.byteLength > KEPT_BYTES) {
      memory.transfer(0)
    } else {
      this.#free.push(memory)
      this.#freeBytes += memory.byteLength
    }
  }
}

function newPiece(length: number): ArrayBuffer {
  let size = SMALLEST_PIECE
  while (size < length && size < LARGEST_PIECE) size *= 2
  return Buffer.allocUnsafeSlow(Math.max(size, length)).buffer as ArrayBuffer
}

/** Frees the memory of a buffer that holds nothing else. */
function discard(buffer: Buffer): void {
  if (buffer.length === buffer.buffer.byteLength) freeMemory(buffer)
}
