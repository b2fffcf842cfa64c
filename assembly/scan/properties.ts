/**
 * Checks the JSON of an event's properties where it lies: that it is JSON, how deep it is, that no key comes twice, and the
 * types of the typed keys. Functions take the address where something begins and return the one behind it, or 0 for what
 * is left to the host.
 */
import {
  areSame, BACKSLASH, CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, HYPHEN, isAt, isDigit, lengthOf, OPEN_BRACE, OPEN_BRACKET, plainEnd, POINT, QUOTE
} from './bytes'
import { propertiesMaxDepth } from './limits'
import { KEYS, MOST_KEYS, PROPERTIES, TOKEN_BYTES } from './memory'

const PAGE: usize = PROPERTIES
const AMOUNT: usize = PROPERTIES + TOKEN_BYTES
const PRODUCT_ID: usize = PROPERTIES + 2 * TOKEN_BYTES
const PROTO: usize = PROPERTIES + 3 * TOKEN_BYTES

/** Reads properties. */
export function readProperties(at: usize): usize {
  return load<u8>(at) === OPEN_BRACE ? readObject(at, 1) : 0
}

/** An object at nesting level `depth`; level 1 is `properties`, whose typed keys are held to their types. */
function readObject(at: usize, depth: u32): usize {
  if (depth > propertiesMaxDepth) return 0
  if (load<u8>(at, 1) === CLOSE_BRACE) return at + 2
  let i = at
  let count: u32 = 0
  do {
    const key = i + 1
    if (load<u8>(key) !== QUOTE) return 0
    const quote = plainEnd(key + 1)
    if (load<u16>(quote) !== (<u16>COLON << 8 | QUOTE)) return 0
    i = quote + 2
    const length = <u32>(i - key)
    if (is(PROTO, key, length) || !isNewKey(depth, count++, key, length)) return 0
    if (depth === 1 && !isTyped(key, length)) return 0
    i = readValue(i, depth)
    if (i === 0) return 0
  } while (load<u8>(i) === COMMA)
  return load<u8>(i) === CLOSE_BRACE ? i + 1 : 0
}

/** Whether a key, colon included, is this one. */
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

/** Whether the value behind a key of `properties` begins as the key's type asks. */
function isTyped(key: usize, length: u32): bool {
  const value = load<u8>(key + length)
  if (is(PAGE, key, length) || is(PRODUCT_ID, key, length)) return value === QUOTE
  return !is(AMOUNT, key, length) || isDigit(value)
}

/** Any JSON value without white space, inside an object or array of nesting level `depth`. */
function readValue(at: usize, depth: u32): usize {
  switch (load<u8>(at)) {
    case QUOTE: return readString(at)
    case OPEN_BRACE: return readObject(at, depth + 1)
    case OPEN_BRACKET: return readArray(at, depth + 1)
    case 0x74: return load<u32>(at) === 0x65757274 ? at + 4 : 0 // true
    case 0x6e: return load<u32>(at) === 0x6c6c756e ? at + 4 : 0 // null
    case 0x66: return load<u32>(at, 1) === 0x65736c61 ? at + 5 : 0 // false
    default: return readNumber(at)
  }
}

function readArray(at: usize, depth: u32): usize {
  if (depth > propertiesMaxDepth) return 0
  if (load<u8>(at, 1) === CLOSE_BRACKET) return at + 2
  let i = at
  do {
    i = readValue(i + 1, depth)
    if (i === 0) return 0
  } while (load<u8>(i) === COMMA)
  return load<u8>(i) === CLOSE_BRACKET ? i + 1 : 0
}

/** Any string; it is kept as it is spelled. */
function readString(at: usize): usize {
  let i = plainEnd(at + 1)
  while (load<u8>(i) === BACKSLASH) {
    i = readEscape(i + 1)
    if (i === 0) return 0
    i = plainEnd(i)
  }
  return load<u8>(i) === QUOTE ? i + 1 : 0
}

/** What stands behind a backslash. [RFC 8259 section 7] */
function readEscape(at: usize): usize {
  switch (load<u8>(at)) {
    case QUOTE: case BACKSLASH: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: return at + 1
    case 0x75:
      for (let i = at + 1; i < at + 5; i++) {
        const byte = load<u8>(i)
        if (!isDigit(byte) && (byte | 0x20) - 0x61 > <u8>5) return 0
      }
      return at + 5
    default: return 0
  }
}

/** A number of at most 20 characters without an exponent; any such is finite. */
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
  return i - at <= 20 ? i : 0
}
