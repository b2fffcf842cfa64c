/**
 * Where the canonical text of events goes that do not lie canonically in the body: behind it, in one piece with it. Offsets are
 * those of that piece.
 */
import type { BodyMemory } from './body-memory.ts'

/** See above. */
export class Overflow {
  readonly #body: Buffer
  readonly #memory: BodyMemory
  /** Nothing, until something is written; then room for the body, and what was written. */
  #bytes: Buffer | undefined
  #end: number

  constructor(body: Buffer, memory: BodyMemory) {
    this.#body = body
    this.#memory = memory
    this.#end = body.length
  }

  /** The offset behind what was written last. */
  get end(): number {
    return this.#end
  }

  /** Writes a text, or its UTF-8, and returns its offset. Amortized O(length). */
  write(text: string | Uint8Array): number {
    const offset = this.#end
    this.#end += Buffer.byteLength(text)
    const bytes = this.#reserve(offset)
    if (typeof text === 'string') bytes.write(text, offset)
    else bytes.set(text, offset)
    return offset
  }

  /** The body as it is now and all that was written, in one piece; the body itself where nothing was. */
  joined(): Buffer {
    if (this.#bytes === undefined) return this.#body
    this.#bytes.set(this.#body)
    return this.#bytes.subarray(0, this.#end)
  }

  /** Gives the memory back. Nobody reads what was joined any more, and nothing further is written. */
  release(): void {
    if (this.#bytes !== undefined) this.#memory.release(this.#bytes)
  }

  /** Makes room up to the end; what was written lies before `written`. */
  #reserve(written: number): Buffer {
    const bytes = this.#bytes
    if (bytes !== undefined && this.#end <= bytes.length) return bytes
    const larger = this.#memory.lend(Math.max(this.#end, 2 * (bytes ?? this.#body).length))
    if (bytes !== undefined) {
      larger.set(bytes.subarray(this.#body.length, written), this.#body.length)
      this.#memory.release(bytes)
    }
    this.#bytes = larger
    return larger
  }
}
