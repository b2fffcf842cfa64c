/**
 * Strict JSON (RFC 8259) over bytes: finds where a value ends and where a text is wrong, without building anything.
 * The bytes are known to be valid UTF-8.
 */

/** Deepest nesting that is read at all, in levels. */
export const JSON_MAX_DEPTH = 1000

/** A text that is not JSON, or nested too deeply to be read. */
export class JsonError extends Error {
  override name = 'JsonError'
  /** Where in the bytes. */
  readonly offset: number
  readonly tooDeep: boolean

  constructor(offset: number, tooDeep = false) {
    super(tooDeep ? 'nested too deeply' : 'not JSON')
    this.offset = offset
    this.tooDeep = tooDeep
  }
}

/** Bytes after which whoever reads a long text looks whether others are waiting: a fraction of a millisecond. */
export const SLICE_BYTES = 64 << 10

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Length of the UTF-8 byte order mark that some senders put first, which a reader may ignore (RFC 8259 section 8.1). */
export function byteOrderMark(text: Uint8Array): number {
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0
}

/** The first byte at or after `at` that is not white space of JSON; `end` if there is none. */
export function skipWhitespace(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  while (i < end) {
    const byte = bytes[i]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    i++
  }
  return i
}

/**
 * Skips values without recursion, so that it can stop within a long one and go on later. Each has a stack of its own, used
 * again for the next value.
 */
export class ValueSkipper {
  /** Where it stopped: after the value, once `advance` has returned true. */
  offset = 0
  #bytes: Uint8Array = NOTHING
  #end = 0
  /** The opening bracket of each level that is open, and how many there are around the value and altogether. */
  readonly #open = new Uint8Array(JSON_MAX_DEPTH + 1)
  #outer = 0
  #depth = 0

  /** Begins with the value at `at`, inside so many levels of nesting. */
  begin(bytes: Uint8Array, at: number, end: number, depth = 0): void {
    this.#bytes = bytes
    this.#end = end
    this.offset = at
    this.#outer = this.#depth = depth
  }

  /**
   * Goes on for about so many bytes, a string of whatever length included; returns whether the value is over. O(most).
   * @throws JsonError
   */
  advance(most: number): boolean {
    const bytes = this.#bytes
    const end = this.#end
    const pause = this.offset + most
    let i = this.offset
    do {
      if (i >= pause) {
        this.offset = i
        return false
      }
      if (i >= end) throw new JsonError(i)
      const byte = bytes[i]
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) i = this.#enter(i, byte)
      else i = this.#leave(skipScalar(bytes, i, end))
    } while (this.#depth > this.#outer)
    this.offset = i
    this.#bytes = NOTHING
    return true
  }

  /** Enters the object or array whose bracket is at `at`; returns where its first value begins, or what follows an empty one. */
  #enter(at: number, bracket: number): number {
    if (this.#depth >= JSON_MAX_DEPTH) throw new JsonError(at, true)
    this.#open[++this.#depth] = bracket
    const i = skipWhitespace(this.#bytes, at + 1, this.#end)
    if (i < this.#end && this.#bytes[i] === bracket + 2) {
      this.#depth--
      return this.#leave(i + 1)
    }
    return bracket === OPEN_BRACE ? skipKey(this.#bytes, i, this.#end) : i
  }

  /** A value ends at `at`, and perhaps what it is in; returns where the next value begins, or the end of all. */
  #leave(at: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let i = at
    while (this.#depth > this.#outer) {
      i = skipWhitespace(bytes, i, end)
      const bracket = this.#open[this.#depth]
      if (i < end && bytes[i] === bracket + 2) {
        this.#depth--
        i++
        continue
      }
      if (i >= end || bytes[i] !== COMMA) throw new JsonError(i)
      i = skipWhitespace(bytes, i + 1, end)
      return bracket === OPEN_BRACE ? skipKey(bytes, i, end) : i
    }
    return i
  }
}

const NOTHING = new Uint8Array(0)

/**
 * The offset after the value that begins at `at`. O(length).
 * @throws JsonError
 */
export function skipValue(bytes: Uint8Array, at: number, end: number, depth = 0): number {
  const skipper = new ValueSkipper()
  skipper.begin(bytes, at, end, depth)
  skipper.advance(Infinity)
  return skipper.offset
}

/** The offset after the string, word or number that begins at `at`. */
function skipScalar(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case QUOTE: return skipString(bytes, at, end)
    case 0x74: return skipWord(bytes, at, end, 'true')
    case 0x66: return skipWord(bytes, at, end, 'false')
    case 0x6e: return skipWord(bytes, at, end, 'null')
    default: return skipNumber(bytes, at, end)
  }
}

/** Where the value of the member begins whose key is at `at`. */
function skipKey(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end || bytes[at] !== QUOTE) throw new JsonError(at)
  const colon = skipWhitespace(bytes, skipString(bytes, at, end), end)
  if (colon >= end || bytes[colon] !== COLON) throw new JsonError(colon)
  return skipWhitespace(bytes, colon + 1, end)
}

/** A member of an object: where its key and its value lie. */
export interface Member {
  keyStart: number
  keyEnd: number
  valueStart: number
  valueEnd: number
}

/**
 * The members of the object that begins at `at`, in order; yields undefined where it can be held up. Returns the offset after the
 * object.
 * @throws JsonError
 */
export function * members(bytes: Uint8Array, at: number, end: number): Generator<Member | undefined, number> {
  const skipper = new ValueSkipper()
  let i = skipWhitespace(bytes, at + 1, end)
  if (i < end && bytes[i] === CLOSE_BRACE) return i + 1
  for (;;) {
    const keyStart = i
    const valueStart = skipKey(bytes, i, end)
    skipper.begin(bytes, valueStart, end, 1)
    while (!skipper.advance(SLICE_BYTES)) yield undefined
    const valueEnd = skipper.offset
    yield { keyStart, keyEnd: skipString(bytes, keyStart, end), valueStart, valueEnd }
    i = skipWhitespace(bytes, valueEnd, end)
    if (i < end && bytes[i] === CLOSE_BRACE) return i + 1
    if (i >= end || bytes[i] !== COMMA) throw new JsonError(i)
    i = skipWhitespace(bytes, i + 1, end)
  }
}

/**
 * The offset after the string whose opening quote is at `at`.
 * @throws JsonError
 */
export function skipString(bytes: Uint8Array, at: number, end: number): number {
  for (let i = at + 1; i < end; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) return i + 1
    if (byte < 0x20) throw new JsonError(i)
    if (byte === BACKSLASH) i = skipEscape(bytes, i, end)
  }
  throw new JsonError(end)
}

/** The last byte of the escape whose backslash is at `at`. */
function skipEscape(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) throw new JsonError(end)
  switch (bytes[at + 1]) {
    case 0x22: case 0x5c: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74:
      return at + 1
    case 0x75:
      for (let i = at + 2; i < at + 6; i++) if (i >= end || !isHexDigit(bytes[i])) throw new JsonError(Math.min(i, end))
      return at + 5
    default:
      throw new JsonError(at + 1)
  }
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function skipWord(bytes: Uint8Array, at: number, end: number, word: string): number {
  for (let i = 0; i < word.length; i++) {
    if (at + i >= end || bytes[at + i] !== word.charCodeAt(i)) throw new JsonError(Math.min(at + i, end))
  }
  return at + word.length
}

function skipNumber(bytes: Uint8Array, at: number, end: number): number {
  let i = bytes[at] === 0x2d ? at + 1 : at
  if (i < end && bytes[i] === 0x30) i++
  else i = skipDigits(bytes, i, end)
  if (i < end && bytes[i] === 0x2e) i = skipDigits(bytes, i + 1, end)
  if (i < end && (bytes[i] | 0x20) === 0x65) {
    i++
    if (i < end && (bytes[i] === 0x2b || bytes[i] === 0x2d)) i++
    i = skipDigits(bytes, i, end)
  }
  return i
}

/** After at least one digit. */
function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  while (i < end && isDigit(bytes[i])) i++
  if (i === at) throw new JsonError(at)
  return i
}
