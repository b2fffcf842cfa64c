/**
 * The part of the scan that checks the JSON of an event's properties where it lies: that it is JSON, how deep it is, that no
 * key comes twice, and the types of the typed keys. Like the rest of the scan it leaves to the plain path what it does not
 * know to the letter.
 */
import { PROPERTIES_MAX_DEPTH } from '../../schemas/index.ts'
import { DIGIT, HEX, INVALID, IN_STRING, IS_ESCAPE } from './byte-classes.ts'
import { Token } from './token.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Most members of one object that are compared with each other; more go to the plain path. */
const MAX_KEYS = 24

const PAGE = new Token('"page":')
const AMOUNT = new Token('"amount":')
const PRODUCT_ID = new Token('"product_id":')
const PROTO = new Token('"__proto__":')

/** Keys of the objects being read, start and end by turns, by nesting level. Shared, as nobody else reads meanwhile. */
const keys = new Uint32Array(MAX_KEYS * 2 * (PROPERTIES_MAX_DEPTH + 1))

/**
 * Reads properties out of one body. Offsets below are those of the body; a method that reads something returns the offset
 * behind it, or -1 for what is left to the plain path.
 */
export class PropertiesScanner {
  readonly #bytes: Buffer
  readonly #view: DataView

  /** @param view of the same bytes */
  constructor(bytes: Buffer, view: DataView) {
    this.#bytes = bytes
    this.#view = view
  }

  /** Reads the properties that begin at `at`. */
  read(at: number, end: number): number {
    return this.#bytes[at] === OPEN_BRACE ? this.#object(at, end, 1) : -1
  }

  /** An object at nesting level `depth`; level 1 is `properties`, whose typed keys are held to their types. */
  #object(at: number, end: number, depth: number): number {
    const bytes = this.#bytes
    if (depth > PROPERTIES_MAX_DEPTH) return -1
    if (bytes[at + 1] === CLOSE_BRACE) return at + 2
    let i = at
    let count = 0
    do {
      const keyStart = i + 1
      const keyEnd = this.#key(keyStart, end)
      if (keyEnd < 0 || !this.#isNewKey(depth, count++, keyStart, keyEnd)) return -1
      i = depth === 1 && !this.#isTyped(keyStart, keyEnd) ? -1 : this.#json(keyEnd, end, depth)
      if (i < 0) return -1
    } while (bytes[i] === COMMA && i < end)
    return i < end && bytes[i] === CLOSE_BRACE ? i + 1 : -1
  }

  /** A key without escapes that is not `__proto__`, and its colon. */
  #key(at: number, end: number): number {
    if (this.#bytes[at] !== QUOTE) return -1
    const i = this.#string(at, end)
    return i < 0 || i >= end || this.#bytes[i] !== COLON || PROTO.is(this.#view, at, i + 1) ? -1 : i + 1
  }

  /** Whether no earlier key of this object is the same; keeps it for the later ones. */
  #isNewKey(depth: number, count: number, start: number, end: number): boolean {
    if (count >= MAX_KEYS) return false
    const bytes = this.#bytes
    const base = depth * MAX_KEYS * 2
    for (let k = base; k < base + count * 2; k += 2) {
      if (keys[k + 1] - keys[k] !== end - start) continue
      let i = start
      for (let j = keys[k]; i < end && bytes[i] === bytes[j]; i++) j++
      if (i === end) return false
    }
    keys[base + count * 2] = start
    keys[base + count * 2 + 1] = end
    return true
  }

  /** Whether the value behind a key of `properties`, colon included, begins as the key's type asks. */
  #isTyped(start: number, end: number): boolean {
    const first = this.#bytes[end]
    if (PAGE.is(this.#view, start, end) || PRODUCT_ID.is(this.#view, start, end)) return first === QUOTE
    if (AMOUNT.is(this.#view, start, end)) return DIGIT[first] < INVALID
    return true
  }

  /** Any JSON value without white space, inside an object or array of nesting level `depth`. */
  #json(at: number, end: number, depth: number): number {
    switch (this.#bytes[at]) {
      case QUOTE: return this.#text(at, end)
      case OPEN_BRACE: return this.#object(at, end, depth + 1)
      case OPEN_BRACKET: return this.#array(at, end, depth + 1)
      case 0x74: return this.#word(at, 0x72, 0x75, 0x65)
      case 0x6e: return this.#word(at, 0x75, 0x6c, 0x6c)
      case 0x66: return this.#bytes[at + 1] === 0x61 ? this.#word(at + 1, 0x6c, 0x73, 0x65) : -1
      default: return this.#number(at, end)
    }
  }

  /** Three given bytes behind the one at `at`. */
  #word(at: number, a: number, b: number, c: number): number {
    const bytes = this.#bytes
    return bytes[at + 1] === a && bytes[at + 2] === b && bytes[at + 3] === c ? at + 4 : -1
  }

  #array(at: number, end: number, depth: number): number {
    const bytes = this.#bytes
    if (depth > PROPERTIES_MAX_DEPTH) return -1
    if (bytes[at + 1] === CLOSE_BRACKET) return at + 2
    let i = at
    do {
      i = this.#json(i + 1, end, depth)
      if (i < 0) return -1
    } while (bytes[i] === COMMA && i < end)
    return i < end && bytes[i] === CLOSE_BRACKET ? i + 1 : -1
  }

  /** A string without escapes. */
  #string(at: number, end: number): number {
    const i = this.#plainEnd(at + 1, end)
    return i < end && this.#bytes[i] === QUOTE ? i + 1 : -1
  }

  /** Any string; it is kept as it is spelled. */
  #text(at: number, end: number): number {
    const bytes = this.#bytes
    let i = this.#plainEnd(at + 1, end)
    while (i < end && bytes[i] === BACKSLASH) {
      const behind = this.#escape(i + 1, end)
      if (behind < 0) return -1
      i = this.#plainEnd(behind, end)
    }
    return i < end && bytes[i] === QUOTE ? i + 1 : -1
  }

  /** Where the bytes end that stand for themselves in a string. */
  #plainEnd(at: number, end: number): number {
    const bytes = this.#bytes
    let i = at
    while (i < end && IN_STRING[bytes[i]] === 1) i++
    return i
  }

  /** What stands behind a backslash. */
  #escape(at: number, end: number): number {
    const bytes = this.#bytes
    if (at < end && IS_ESCAPE[bytes[at]] === 1) return at + 1
    if (at + 5 > end || bytes[at] !== 0x75) return -1
    return (HEX[bytes[at + 1]] | HEX[bytes[at + 2]] | HEX[bytes[at + 3]] | HEX[bytes[at + 4]]) < INVALID ? at + 5 : -1
  }

  /** A number of at most 20 digits without an exponent; any such is finite. */
  #number(at: number, end: number): number {
    const bytes = this.#bytes
    let i = bytes[at] === 0x2d ? at + 1 : at
    const whole = i
    while (i < end && bytes[i] >= 0x30 && bytes[i] <= 0x39) i++
    if (i === whole || (bytes[whole] === 0x30 && i > whole + 1)) return -1
    if (bytes[i] === 0x2e) {
      const fraction = ++i
      while (i < end && bytes[i] >= 0x30 && bytes[i] <= 0x39) i++
      if (i === fraction) return -1
    }
    const next = bytes[i]
    return i - at <= 20 && (next === COMMA || next === CLOSE_BRACE || next === CLOSE_BRACKET) ? i : -1
  }
}
