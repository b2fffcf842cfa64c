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

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The first byte at or after `at` that is not JSON white space; `end` if there is none. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  while (i < end) {
    const byte = bytes[i]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    i++
  }
  return i
}

/**
 * The offset behind the value that begins at `at`. O(length).
 * @throws JsonError
 */
export function skipValue(bytes: Uint8Array, at: number, end: number, depth = 0): number {
  if (at >= end) throw new JsonError(at)
  switch (bytes[at]) {
    case 0x7b: return skipObject(bytes, at, end, depth + 1)
    case 0x5b: return skipArray(bytes, at, end, depth + 1)
    case QUOTE: return skipString(bytes, at, end)
    case 0x74: return skipWord(bytes, at, end, 'true')
    case 0x66: return skipWord(bytes, at, end, 'false')
    case 0x6e: return skipWord(bytes, at, end, 'null')
    default: return skipNumber(bytes, at, end)
  }
}

/** A member of an object: where its key and its value lie. */
export interface Member {
  keyStart: number
  keyEnd: number
  valueStart: number
  valueEnd: number
}

/**
 * Calls back for each member of the object that begins at `at`, in order; returns the offset behind the object.
 * @throws JsonError
 */
export function eachMember(bytes: Uint8Array, at: number, end: number, visit: (member: Member) => void, depth = 1): number {
  if (depth > JSON_MAX_DEPTH) throw new JsonError(at, true)
  let i = skipSpace(bytes, at + 1, end)
  if (i < end && bytes[i] === 0x7d) return i + 1
  for (;;) {
    if (i >= end || bytes[i] !== QUOTE) throw new JsonError(i)
    const keyStart = i
    const keyEnd = skipString(bytes, i, end)
    i = skipSpace(bytes, keyEnd, end)
    if (i >= end || bytes[i] !== 0x3a) throw new JsonError(i)
    const valueStart = skipSpace(bytes, i + 1, end)
    const valueEnd = skipValue(bytes, valueStart, end, depth)
    visit({ keyStart, keyEnd, valueStart, valueEnd })
    i = skipSpace(bytes, valueEnd, end)
    if (i < end && bytes[i] === 0x7d) return i + 1
    if (i >= end || bytes[i] !== 0x2c) throw new JsonError(i)
    i = skipSpace(bytes, i + 1, end)
  }
}

function ignore(): void {}

function skipObject(bytes: Uint8Array, at: number, end: number, depth: number): number {
  return eachMember(bytes, at, end, ignore, depth)
}

function skipArray(bytes: Uint8Array, at: number, end: number, depth: number): number {
  if (depth > JSON_MAX_DEPTH) throw new JsonError(at, true)
  let i = skipSpace(bytes, at + 1, end)
  if (i < end && bytes[i] === 0x5d) return i + 1
  for (;;) {
    i = skipSpace(bytes, skipValue(bytes, i, end, depth), end)
    if (i < end && bytes[i] === 0x5d) return i + 1
    if (i >= end || bytes[i] !== 0x2c) throw new JsonError(i)
    i = skipSpace(bytes, i + 1, end)
  }
}

/**
 * The offset behind the string whose opening quote is at `at`.
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

/** Behind at least one digit. */
function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  while (i < end && isDigit(bytes[i])) i++
  if (i === at) throw new JsonError(at)
  return i
}
