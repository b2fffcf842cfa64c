/** Texts that the scan knows beforehand, made ready for being compared with bytes. */

/** Longest text of a token, in bytes. */
export const LONGEST_TOKEN = 16

/**
 * A short text as four 32-bit words that together cover it, overlapping where it is shorter than 16 bytes, so that it is
 * compared in four steps instead of letter by letter.
 */
export class Token {
  readonly length: number
  /** Where the second, third and fourth words begin. */
  readonly at1: number
  readonly at2: number
  readonly at3: number
  readonly word0: number
  readonly word1: number
  readonly word2: number
  readonly word3: number

  /** @param text 4 to LONGEST_TOKEN bytes */
  constructor(text: string) {
    const bytes = Buffer.from(text)
    this.length = bytes.length
    this.at3 = bytes.length - 4
    this.at1 = Math.min(4, this.at3)
    this.at2 = Math.min(8, this.at3)
    this.word0 = bytes.readUInt32LE(0)
    this.word1 = bytes.readUInt32LE(this.at1)
    this.word2 = bytes.readUInt32LE(this.at2)
    this.word3 = bytes.readUInt32LE(this.at3)
  }

  /** Whether the text stands at an offset, before `end`. */
  isAt(view: DataView, at: number, end: number): boolean {
    return at + this.length <= end && view.getUint32(at, true) === this.word0 && view.getUint32(at + this.at1, true) === this.word1 &&
      view.getUint32(at + this.at2, true) === this.word2 && view.getUint32(at + this.at3, true) === this.word3
  }

  /** Whether `start .. end` is the text. */
  is(view: DataView, start: number, end: number): boolean {
    return end - start === this.length && this.isAt(view, start, end)
  }
}
