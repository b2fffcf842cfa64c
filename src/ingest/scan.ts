/**
 * The fast way of one event into a batch: over the bytes of an event that is already canonical, without a string or an
 * object being made. Whatever it does not know to the letter (white space, escapes in keys or ids, unusual numbers,
 * unknown or repeated fields, bytes beyond ASCII in a user id) it leaves to the plain path.
 */
import { EVENT_MAX_BYTES, EVENT_TYPES, PROPERTIES_MAX_DEPTH, USER_ID_MAX_LENGTH } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import { FUTURE_TOLERANCE } from './plain-path.ts'
import { midnightOf } from './timestamp.ts'

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

/** Every field and type as its bytes, opening and closing quote included. */
function quoted(text: string): Uint8Array {
  return Buffer.from(`"${text}"`)
}
const EVENT_ID = quoted('event_id')
const USER_ID = quoted('user_id')
const EVENT_TYPE = quoted('event_type')
const TIMESTAMP = quoted('timestamp')
const PROPERTIES = quoted('properties')
const TYPES = EVENT_TYPES.map(quoted)
const PAGE = quoted('page')
const AMOUNT = quoted('amount')
const PRODUCT_ID = quoted('product_id')
const PROTO = quoted('__proto__')

/** The fields that an event has, as bits. */
const HAS_ID = 1
const HAS_USER = 2
const HAS_TYPE = 4
const HAS_TIME = 8
const HAS_PROPERTIES = 16
const REQUIRED = HAS_ID | HAS_USER | HAS_TYPE | HAS_TIME

/** The value of a hexadecimal digit; 255 for any other byte. */
const HEX = new Uint8Array(256).fill(255)
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX[digit.charCodeAt(0)] = HEX[digit.toUpperCase().charCodeAt(0)] = value

/** Where the four words of an id lie in its text, and the hyphens between. */
const HYPHENS = [8, 13, 18, 23] as const

/**
 * Reads events out of one body. Offsets below are those of the body; a method that reads something returns the offset
 * behind it, or -1 for what is left to the plain path.
 */
export class Scanner {
  readonly #bytes: Buffer
  readonly #batch: Batch
  readonly #latest: number
  /** Keys of the objects being read, start and end by turns. */
  readonly #keys = new Uint32Array(MAX_KEYS * 2 * (PROPERTIES_MAX_DEPTH + 1))
  // The day that was read last, and its first millisecond.
  #day = -1
  #midnight = 0

  /** @param now the core's now */
  constructor(bytes: Buffer, batch: Batch, now: number) {
    this.#bytes = bytes
    this.#batch = batch
    this.#latest = now + FUTURE_TOLERANCE
  }

  /** Adds the event that begins at `at` to the batch; the batch is as before where this returns -1. O(length). */
  event(at: number, end: number, index: number): number {
    const bytes = this.#bytes
    const batch = this.#batch
    batch.reserve()
    const slot = batch.count
    let has = 0
    let i = at
    if (bytes[i] !== OPEN_BRACE) return -1
    do {
      i++
      const field = this.#field(i)
      if (field === 0 || (has & field) !== 0) return -1
      has |= field
      i = this.#value(field, i, slot, end)
      if (i < 0 || i >= end) return -1
    } while (bytes[i] === COMMA)
    if (bytes[i] !== CLOSE_BRACE || (has & REQUIRED) !== REQUIRED || i + 1 - at > EVENT_MAX_BYTES) return -1
    batch.start[slot] = at
    batch.end[slot] = i + 1
    batch.index[slot] = index
    batch.count = slot + 1
    return i + 1
  }

  /** Which field's key begins at `at`; 0 for none of them. */
  #field(at: number): number {
    const bytes = this.#bytes
    // The second letter and the length of what follows tell the fields apart; then the key is compared in full.
    switch (bytes[at + 1]) {
      case 0x65: // e
        if (bytes[at + 7] === 0x69) return this.#is(at, EVENT_ID) ? HAS_ID : 0
        return this.#is(at, EVENT_TYPE) ? HAS_TYPE : 0
      case 0x75: return this.#is(at, USER_ID) ? HAS_USER : 0
      case 0x74: return this.#is(at, TIMESTAMP) ? HAS_TIME : 0
      case 0x70: return this.#is(at, PROPERTIES) ? HAS_PROPERTIES : 0
      default: return 0
    }
  }

  /** Reads the value of the field whose key begins at `at`. */
  #value(field: number, at: number, slot: number, end: number): number {
    switch (field) {
      case HAS_ID: return this.#eventId(this.#colon(at + EVENT_ID.length), slot, end)
      case HAS_USER: return this.#userId(this.#colon(at + USER_ID.length), slot, end)
      case HAS_TYPE: return this.#eventType(this.#colon(at + EVENT_TYPE.length), slot)
      case HAS_TIME: return this.#timestamp(this.#colon(at + TIMESTAMP.length), slot, end)
      default: return this.#properties(this.#colon(at + PROPERTIES.length), end)
    }
  }

  /** Passes a colon; a place where nothing can be read if there is none. */
  #colon(at: number): number {
    return this.#bytes[at] === COLON ? at + 1 : this.#bytes.length
  }

  #is(at: number, expected: Uint8Array): boolean {
    const bytes = this.#bytes
    for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
    return true
  }

  /** A UUID of 36 characters, of a version and variant of RFC 9562; its text becomes lower case. */
  #eventId(at: number, slot: number, end: number): number {
    const bytes = this.#bytes
    if (at + 38 > end || bytes[at] !== QUOTE || bytes[at + 37] !== QUOTE) return -1
    const text = at + 1
    for (const hyphen of HYPHENS) if (bytes[text + hyphen] !== 0x2d) return -1
    const a = this.#hex16(text) * 65536 + this.#hex16(text + 4)
    const b = this.#hex16(text + 9) * 65536 + this.#hex16(text + 14)
    const c = this.#hex16(text + 19) * 65536 + this.#hex16(text + 24)
    const d = this.#hex16(text + 28) * 65536 + this.#hex16(text + 32)
    if (Number.isNaN(a + b + c + d)) return -1
    const version = (b >>> 12) & 15
    if (version < 1 || version > 8 || c >>> 30 !== 2) return -1
    for (let i = text; i < text + 36; i++) if (bytes[i] >= 0x41 && bytes[i] <= 0x46) bytes[i] |= 0x20
    const { ids } = this.#batch
    ids[slot * 4] = a
    ids[slot * 4 + 1] = b
    ids[slot * 4 + 2] = c
    ids[slot * 4 + 3] = d
    return at + 38
  }

  /** Four hexadecimal digits, or NaN. */
  #hex16(at: number): number {
    const bytes = this.#bytes
    const a = HEX[bytes[at]]
    const b = HEX[bytes[at + 1]]
    const c = HEX[bytes[at + 2]]
    const d = HEX[bytes[at + 3]]
    return (a | b | c | d) > 15 ? NaN : a << 12 | b << 8 | c << 4 | d
  }

  /** 1 to 256 printable ASCII characters without escapes. */
  #userId(at: number, slot: number, end: number): number {
    const bytes = this.#bytes
    if (bytes[at] !== QUOTE) return -1
    const start = at + 1
    let i = start
    for (; i < end; i++) {
      const byte = bytes[i]
      if (byte === QUOTE) break
      if (byte < 0x20 || byte === BACKSLASH || byte >= 0x7f) return -1
    }
    if (i === start || i - start > USER_ID_MAX_LENGTH || i >= end) return -1
    this.#batch.userStart[slot] = start
    this.#batch.userEnd[slot] = i
    return i + 1
  }

  #eventType(at: number, slot: number): number {
    for (let type = 0; type < TYPES.length; type++) {
      if (this.#bytes[at + 1] === TYPES[type][1] && this.#is(at, TYPES[type])) {
        this.#batch.types[slot] = type
        return at + TYPES[type].length
      }
    }
    return -1
  }

  /** `"YYYY-MM-DDTHH:MM:SS.mmmZ"` and no other form. */
  #timestamp(at: number, slot: number, end: number): number {
    const b = this.#bytes
    if (at + 26 > end || b[at] !== QUOTE || b[at + 5] !== 0x2d || b[at + 8] !== 0x2d || b[at + 11] !== 0x54 ||
        b[at + 14] !== COLON || b[at + 17] !== COLON || b[at + 20] !== 0x2e || b[at + 24] !== 0x5a || b[at + 25] !== QUOTE) return -1
    const day = (this.#digits(at + 1, 4) * 100 + this.#digits(at + 6, 2)) * 100 + this.#digits(at + 9, 2)
    const hour = this.#digits(at + 12, 2)
    const minute = this.#digits(at + 15, 2)
    const second = this.#digits(at + 18, 2)
    if (day !== this.#day) {
      this.#midnight = midnightOf(Math.floor(day / 10_000), Math.floor(day / 100) % 100, day % 100)
      this.#day = day
    }
    const time = this.#midnight + ((hour * 60 + minute) * 60 + second) * 1000 + this.#digits(at + 21, 3)
    // NaN, for anything that is not a digit or a day, fails every comparison.
    if (!(hour < 24 && minute < 60 && second < 60 && time >= 0 && time <= this.#latest)) return -1
    this.#batch.times[slot] = time
    return at + 26
  }

  /** A number of so many digits, or NaN. */
  #digits(at: number, count: number): number {
    let value = 0
    for (let i = at; i < at + count; i++) {
      const digit = this.#bytes[i] - 0x30
      if (!(digit >= 0 && digit <= 9)) return NaN
      value = value * 10 + digit
    }
    return value
  }

  #properties(at: number, end: number): number {
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
      if (bytes[keyEnd] !== COLON) return -1
      i = depth === 1 && !this.#isTyped(keyStart, keyEnd) ? -1 : this.#json(keyEnd + 1, end, depth)
      if (i < 0) return -1
    } while (bytes[i] === COMMA && i < end)
    return i < end && bytes[i] === CLOSE_BRACE ? i + 1 : -1
  }

  /** A key without escapes that is not `__proto__`. */
  #key(at: number, end: number): number {
    const bytes = this.#bytes
    if (bytes[at] !== QUOTE) return -1
    for (let i = at + 1; i < end; i++) {
      const byte = bytes[i]
      if (byte === QUOTE) return i + 1 - at === PROTO.length && this.#is(at, PROTO) ? -1 : i + 1
      if (byte < 0x20 || byte === BACKSLASH) return -1
    }
    return -1
  }

  /** Whether no earlier key of this object is the same; keeps it for the later ones. */
  #isNewKey(depth: number, count: number, start: number, end: number): boolean {
    if (count >= MAX_KEYS) return false
    const bytes = this.#bytes
    const keys = this.#keys
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

  /** Whether the value behind a key of `properties` begins as the key's type asks. */
  #isTyped(start: number, end: number): boolean {
    const length = end - start
    const first = this.#bytes[end + 1]
    if (length === PAGE.length && this.#is(start, PAGE)) return first === QUOTE
    if (length === AMOUNT.length && this.#is(start, AMOUNT)) return first >= 0x30 && first <= 0x39
    if (length === PRODUCT_ID.length && this.#is(start, PRODUCT_ID)) return first === QUOTE
    return true
  }

  /** Any JSON value without white space, inside an object or array of nesting level `depth`. */
  #json(at: number, end: number, depth: number): number {
    switch (this.#bytes[at]) {
      case QUOTE: return this.#string(at, end)
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
    const bytes = this.#bytes
    for (let i = at + 1; i < end; i++) {
      const byte = bytes[i]
      if (byte === QUOTE) return i + 1
      if (byte < 0x20 || byte === BACKSLASH) return -1
    }
    return -1
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
