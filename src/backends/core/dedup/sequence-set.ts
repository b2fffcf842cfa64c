/** A set of sequence numbers, a bit each. Grows to the highest that was added. */
export class SequenceSet {
  #bits = new Uint8Array(1024)

  add(sequence: number): void {
    const byte = Math.floor(sequence / 8)
    if (byte >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bits.length, byte + 1))
      larger.set(this.#bits)
      this.#bits = larger
    }
    this.#bits[byte] |= 1 << sequence % 8
  }

  delete(sequence: number): void {
    if (this.has(sequence)) this.#bits[Math.floor(sequence / 8)] ^= 1 << sequence % 8
  }

  has(sequence: number): boolean {
    return (this.#bits[Math.floor(sequence / 8)] & 1 << sequence % 8) !== 0
  }
}
