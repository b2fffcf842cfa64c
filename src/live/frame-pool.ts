/**
 * Memory for frames of events, used again and again. Left to the garbage collector, buffers of this size would lie about until
 * it is told that much has been allocated, and each of its rounds goes over the whole heap: that costs several times what the
 * delivery itself does. References are counted and asserted; a buffer whose release was forgotten is the collector's.
 */
import { CURSOR_MAX_LENGTH } from '../../schemas/index.ts'

/** Most bytes before the events of a frame: a cursor, and the names around it. */
const HEAD_BYTES = CURSOR_MAX_LENGTH + 64

/** Most bytes after the events of a frame. */
const TAIL_BYTES = 16

/**
 * Memory for so many bytes is worth being used again; smaller and larger ones are left to the garbage collector. A page has up to
 * 64 KiB of events, and each of its messages the words around it, too.
 */
export const REUSED_BYTES = 16 << 10
const MAX_BYTES = 96 << 10

/** Most buffers that lie here unused. */
const MAX_FREE = 32

/** Memory of one frame: room for its events, and around them for the words that enclose them. */
export class FrameMemory {
  readonly #whole: Buffer
  readonly #onFree: (memory: FrameMemory) => void
  #references = 0

  /**
   * @param allocate makes the buffer
   * @param onFree called once nobody refers to it
   */
  constructor(eventBytes: number, allocate: (bytes: number) => Buffer, onFree: (memory: FrameMemory) => void) {
    this.#whole = allocate(HEAD_BYTES + eventBytes + TAIL_BYTES)
    this.#onFree = onFree
  }

  get byteLength(): number {
    return this.#whole.length
  }

  /** Where the events are written, so many bytes of them. */
  events(length: number): Buffer {
    return this.#whole.subarray(HEAD_BYTES, HEAD_BYTES + length)
  }

  /** The first so many bytes of the events between two texts of ASCII characters. Valid as long as the caller's reference. */
  enclose(head: string, length: number, tail: string): Buffer {
    if (head.length > HEAD_BYTES || tail.length > TAIL_BYTES) throw new RangeError('the words around a frame are too long')
    this.#whole.write(head, HEAD_BYTES - head.length, 'latin1')
    this.#whole.write(tail, HEAD_BYTES + length, 'latin1')
    return this.#whole.subarray(HEAD_BYTES - head.length, HEAD_BYTES + length + tail.length)
  }

  /** One more refers to it. */
  retain(): this {
    this.#references++
    return this
  }

  /** One less refers to it; the last one gives it back. */
  release(): void {
    if (this.#references === 0) throw new Error('the memory of a frame was released twice')
    if (--this.#references === 0) this.#onFree(this)
  }
}

/** Buffers for frames, by size; a buffer comes back with its last reference. */
export class FramePool {
  readonly #free: FrameMemory[] = []
  #bytesInUse = 0

  /** Bytes of all frames that somebody refers to. */
  get bytesInUse(): number {
    return this.#bytesInUse
  }

  /** Memory for so many bytes of events, with one reference, the caller's. */
  acquire(length: number): FrameMemory {
    const memory = length < REUSED_BYTES || length > MAX_BYTES
      ? new FrameMemory(length, Buffer.allocUnsafe, this.#discard)
      : this.#free.pop() ?? new FrameMemory(MAX_BYTES, Buffer.allocUnsafeSlow, this.#reuse)
    this.#bytesInUse += memory.byteLength
    return memory.retain()
  }

  readonly #discard = ({ byteLength }: FrameMemory): void => {
    this.#bytesInUse -= byteLength
  }

  readonly #reuse = (memory: FrameMemory): void => {
    this.#bytesInUse -= memory.byteLength
    if (this.#free.length < MAX_FREE) this.#free.push(memory)
  }
}
