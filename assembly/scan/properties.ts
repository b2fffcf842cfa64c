/**
 * Reads an event's properties and writes them without white space, letter for letter otherwise: that they are JSON, how deep
 * it is, that no key comes twice, and the types of the typed keys. Functions take the address where something begins and return
 * the one after it, or 0 for what is left to the host.
 */
import {
  areSame, BACKSLASH, CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, HYPHEN, isAt, isDigit, lengthOf, OPEN_BRACE, OPEN_BRACKET, POINT, QUOTE
} from './bytes'
import { propertiesMaxDepth } from './limits'
import { KEYS, MOST_KEYS, PROPERTIES, TOKEN_BYTES } from './memory'
import { copyShort, copyString, out, stringEnd, writeByte, writeFrom } from './output'
import { skipWhitespace } from './whitespace'

const PAGE: usize = PROPERTIES
const AMOUNT: usize = PROPERTIES + TOKEN_BYTES
const PRODUCT_ID: usize = PROPERTIES + 2 * TOKEN_BYTES
const PROTO: usize = PROPERTIES + 3 * TOKEN_BYTES

/** Longest number that is read, in bytes. */
const MOST_NUMBER_BYTES: usize = 20

/** Reads properties. */
export function readProperties(at: usize): usize {
  return load<u8>(at) === OPEN_BRACE ? readObject(at, 1) : 0
}

/** An object at nesting level `depth`; level 1 is `properties`, whose typed keys are held to their types. */
function readObject(at: usize, depth: u32): usize {
  if (depth > propertiesMaxDepth) return 0
  writeByte(OPEN_BRACE)
  let i = skipWhitespace(at + 1)
  if (load<u8>(i) === CLOSE_BRACE) {
    writeByte(CLOSE_BRACE)
    return i + 1
  }
  for (let count: u32 = 0; ; count++) {
    if (load<u8>(i) !== QUOTE) return 0
    const key = out
    i = copyString(i, 0xff)
    if (i === 0) return 0
    const length = <u32>(out - key)
    if (is(PROTO, key, length) || !isNewKey(depth, count, key, length)) return 0
    i = skipWhitespace(i)
    if (load<u8>(i) !== COLON) return 0
    writeByte(COLON)
    i = skipWhitespace(i + 1)
    if (depth === 1 && !isTyped(key, length, load<u8>(i))) return 0
    i = readValue(i, depth)
    if (i === 0) return 0
    i = skipWhitespace(i)
    if (load<u8>(i) !== COMMA) break
    writeByte(COMMA)
    i = skipWhitespace(i + 1)
  }
  if (load<u8>(i) !== CLOSE_BRACE) return 0
  writeByte(CLOSE_BRACE)
  return i + 1
}

/** Whether a key is this one. */
function is(token: usize, key: usize, length: u32): bool {
  return length === lengthOf(token) && isAt(token, key)
}

/** Whether no earlier key of this object is the same; keeps it for the later ones. */
function isNewKey(depth: u32, count: u32, key: usize, length: u32): bool {
  const first = KEYS + 8 * MOST_KEYS * depth
  for (let k: u32 = 0; k < count; k++) {
    const other = first + 8 * k
    if (load<u32>(other, 4) === length && areSame(load<u32>(other), key, length)) return false
  }
  if (count === MOST_KEYS) return false
  store<u32>(first + 8 * count, <u32>key)
  store<u32>(first + 8 * count, length, 4)
  return true
}

/** Whether a value that begins with this byte may have the type of a key of `properties`. */
function isTyped(key: usize, length: u32, value: u8): bool {
  if (is(PAGE, key, length) || is(PRODUCT_ID, key, length)) return value === QUOTE
  return !is(AMOUNT, key, length) || isDigit(value)
}

/** Any JSON value, inside an object or array of nesting level `depth`. */
function readValue(at: usize, depth: u32): usize {
  switch (load<u8>(at)) {
    case QUOTE: return readString(at)
    case OPEN_BRACE: return readObject(at, depth + 1)
    case OPEN_BRACKET: return readArray(at, depth + 1)
    case 0x74: return load<u32>(at) === 0x65757274 ? copyShort(at, 4) : 0 // true
    case 0x6e: return load<u32>(at) === 0x6c6c756e ? copyShort(at, 4) : 0 // null
    case 0x66: return load<u32>(at, 1) === 0x65736c61 ? copyShort(at, 5) : 0 // false
    default: return readNumber(at)
  }
}

function readArray(at: usize, depth: u32): usize {
  if (depth > propertiesMaxDepth) return 0
  writeByte(OPEN_BRACKET)
  let i = skipWhitespace(at + 1)
  if (load<u8>(i) !== CLOSE_BRACKET) {
    for (;;) {
      i = readValue(i, depth)
      if (i === 0) return 0
      i = skipWhitespace(i)
      if (load<u8>(i) !== COMMA) break
      writeByte(COMMA)
      i = skipWhitespace(i + 1)
    }
    if (load<u8>(i) !== CLOSE_BRACKET) return 0
  }
  writeByte(CLOSE_BRACKET)
  return i + 1
}

/** Any string; it is kept as it is spelled. */
function readString(at: usize): usize {
  let i = copyString(at, 0xff)
  let from = at
  while (i === 0) {
    if (load<u8>(stringEnd) !== BACKSLASH) return 0
    const length = lengthOfEscape(stringEnd)
    if (length === 0) return 0
    // What is before the escape counts, and the last byte of the escape stands where a quote stood.
    writeFrom(out + (stringEnd - from))
    from = copyShort(stringEnd, length) - 1
    writeFrom(out - 1)
    i = copyString(from, 0xff)
  }
  return i
}

/** Bytes of the escape whose backslash is at `at`, or 0. [RFC 8259 section 7] */
function lengthOfEscape(at: usize): usize {
  switch (load<u8>(at, 1)) {
    case QUOTE: case BACKSLASH: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: return 2
    case 0x75:
      for (let i = at + 2; i < at + 6; i++) {
        const byte = load<u8>(i)
        if (!isDigit(byte) && (byte | 0x20) - 0x61 > <u8>5) return 0
      }
      return 6
    default: return 0
  }
}

/** A number without an exponent that is not too long; any such is finite. */
function readNumber(at: usize): usize {
  let i = load<u8>(at) === HYPHEN ? at + 1 : at
  const whole = i
  while (isDigit(load<u8>(i))) i++
  if (i === whole || (load<u8>(whole) === 0x30 && i > whole + 1)) return 0
  if (load<u8>(i) === POINT) {
    const fraction = ++i
    while (isDigit(load<u8>(i))) i++
    if (i === fraction) return 0
  }
  return i - at <= MOST_NUMBER_BYTES ? copyShort(at, i - at) : 0
}
