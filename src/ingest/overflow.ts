/**
 * Where the canonical text of events goes that do not lie canonically in the body. Offsets are those that the text will
 * have when it is put behind the body.
 */

/** See above. */
export class Overflow {
  readonly #body: Buffer
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  /** The offset behind what was written last. */
  get end(): number {
    return this.#body.length + this.#length
  }

  /** Writes a text and returns its offset. Amortized O(length). */
  write(text: string): number {
    const offset = this.end
    const need = this.#length + Buffer.byteLength(text)
    if (need > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(need, this.#bytes.length * 2, 1024))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    this.#length += this.#bytes.write(text, this.#length)
    return offset
  }

  /** The body and all that was written, in one piece; the body itself where nothing was. */
  joined(): Buffer {
    return this.#length === 0 ? this.#body : Buffer.concat([this.#body, this.#bytes.subarray(0, this.#length)])
  }
}
