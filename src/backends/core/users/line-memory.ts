/**
 * Memory that grows where it lies, and begins where a line of the processor's cache does. It is WebAssembly's, though
 * there is no WebAssembly here: that of an ArrayBuffer begins anywhere, so that what takes 64 bytes would be in two lines,
 * and grows only by being copied, which takes its time, and the system's for so many new pages.
 */

const PAGE_BYTES = 1 << 16

/** Most bytes that one such memory can have. */
export const MAX_LINE_MEMORY_BYTES = 2 ** 32

/** One such memory. What has not been used yet is zero, and takes address space alone. */
export class LineMemory {
  readonly #memory: WebAssembly.Memory
  /** Pages by which it grows at the least, since the buffer changes each time. */
  readonly #step: number

  /** @param step bytes by which it grows at the least */
  constructor(step: number) {
    this.#step = Math.ceil(step / PAGE_BYTES)
    this.#memory = new WebAssembly.Memory({ initial: 0, maximum: MAX_LINE_MEMORY_BYTES / PAGE_BYTES })
  }

  /** All of it; another one after each growth, and the old one is empty then. */
  get buffer(): ArrayBuffer {
    return this.#memory.buffer
  }

  /** Makes sure that there are so many bytes; says whether that changed the buffer. */
  reach(bytes: number): boolean {
    const missing = bytes - this.buffer.byteLength
    if (missing <= 0) return false
    this.#memory.grow(Math.max(this.#step, Math.ceil(missing / PAGE_BYTES)))
    return true
  }
}
