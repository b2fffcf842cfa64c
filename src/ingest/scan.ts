/**
 * The fast way of one event into a batch: over the bytes of an event that is already canonical, without a string or an
 * object being made. Whatever it does not know to the letter (white space, escapes in keys or ids, unusual numbers,
 * unknown or repeated fields, bytes beyond ASCII in a user id) it leaves to the plain path.
 */
import { EVENT_MAX_BYTES, EVENT_TYPES, USER_ID_MAX_LENGTH } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import { DIGIT, HEX, INVALID, IN_USER_ID, UPPER_CASE } from './byte-classes.ts'
import { FUTURE_TOLERANCE } from './plain-path.ts'
import { PropertiesScanner } from './scan-properties.ts'
import { midnightOf } from './timestamp.ts'
import { LONGEST_TOKEN, Token } from './token.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const HYPHEN = 0x2d
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** The fields of an event, by number. */
const EVENT_ID = 0
const USER_ID = 1
const EVENT_TYPE = 2
const TIMESTAMP = 3
const PROPERTIES = 4
/** No field. */
const NONE = 5
const FIELDS = ['event_id', 'user_id', 'event_type', 'timestamp', 'properties'].map((field) => new Token(`"${field}":`))
/** The fields that an event must have, as bits. */
const REQUIRED = 1 << EVENT_ID | 1 << USER_ID | 1 << EVENT_TYPE | 1 << TIMESTAMP
/** Types with longer names are left to the plain path. */
const TYPES = EVENT_TYPES.map((type) => type.length + 2 <= LONGEST_TOKEN ? new Token(`"${type}"`) : undefined)

/** Where the eight groups of four digits of an id lie in its text, and the hyphens between. */
const [HEX_1, HEX_2, HEX_3, HEX_4, HEX_5, HEX_6, HEX_7, HEX_8] = [0, 4, 9, 14, 19, 24, 28, 32]
const [HYPHEN_1, HYPHEN_2, HYPHEN_3, HYPHEN_4] = [8, 13, 18, 23]

/**
 * Reads events out of one body. Offsets below are those of the body; a method that reads something returns the offset
 * behind it, or -1 for what is left to the plain path.
 */
export class Scanner {
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #batch: Batch
  readonly #properties: PropertiesScanner
  readonly #latest: number
  // The day that was read last, and its first millisecond.
  #day = -1
  #midnight = 0
  /** The field that followed each field, last time. */
  readonly #following = new Uint8Array([USER_ID, EVENT_TYPE, TIMESTAMP, PROPERTIES, EVENT_ID, EVENT_ID])
  /** What the digits read last had in common with what is no digit. */
  #marks = 0

  /** @param now the core's now */
  constructor(bytes: Buffer, batch: Batch, now: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#batch = batch
    this.#properties = new PropertiesScanner(bytes, this.#view)
    this.#latest = now + FUTURE_TOLERANCE
  }

  /** Adds the event that begins at `at` to the batch; the batch is as before where this returns -1. O(length). */
  event(at: number, end: number, index: number): number {
    const bytes = this.#bytes
    const batch = this.#batch
    batch.reserve()
    const slot = batch.count
    let has = 0
    let field = NONE
    let i = at
    if (bytes[i] !== OPEN_BRACE) return -1
    do {
      field = this.#field(i + 1, end, field)
      if (field === NONE || (has & 1 << field) !== 0) return -1
      has |= 1 << field
      i = this.#value(field, i + 1 + FIELDS[field].length, slot, end)
      if (i < 0 || i >= end) return -1
    } while (bytes[i] === COMMA)
    if (bytes[i] !== CLOSE_BRACE || (has & REQUIRED) !== REQUIRED || i + 1 - at > EVENT_MAX_BYTES) return -1
    batch.start[slot] = at
    batch.end[slot] = i + 1
    batch.index[slot] = index
    batch.count = slot + 1
    return i + 1
  }

  /** Which field's key begins at `at`, the field `before` having been read last; NONE for none of them. */
  #field(at: number, end: number, before: number): number {
    // Senders keep to one order of fields.
    const likely = this.#following[before]
    if (FIELDS[likely].isAt(this.#view, at, end)) return likely
    for (let field = 0; field < FIELDS.length; field++) {
      if (!FIELDS[field].isAt(this.#view, at, end)) continue
      this.#following[before] = field
      return field
    }
    return NONE
  }

  /** Reads the value of a field, which begins at `at`. */
  #value(field: number, at: number, slot: number, end: number): number {
    switch (field) {
      case EVENT_ID: return this.#eventId(at, slot, end)
      case USER_ID: return this.#userId(at, slot, end)
      case EVENT_TYPE: return this.#eventType(at, slot, end)
      case TIMESTAMP: return this.#timestamp(at, slot, end)
      default: return this.#properties.read(at, end)
    }
  }

  /** A UUID of 36 characters, of a version and variant of RFC 9562; its text becomes lower case. */
  #eventId(at: number, slot: number, end: number): number {
    const bytes = this.#bytes
    if (at + 38 > end || bytes[at] !== QUOTE || bytes[at + 37] !== QUOTE) return -1
    const text = at + 1
    if (bytes[text + HYPHEN_1] !== HYPHEN || bytes[text + HYPHEN_2] !== HYPHEN ||
        bytes[text + HYPHEN_3] !== HYPHEN || bytes[text + HYPHEN_4] !== HYPHEN) return -1
    this.#marks = 0
    const a = this.#hex(text + HEX_1) << 16 | this.#hex(text + HEX_2)
    const b = this.#hex(text + HEX_3) << 16 | this.#hex(text + HEX_4)
    const c = this.#hex(text + HEX_5) << 16 | this.#hex(text + HEX_6)
    const d = this.#hex(text + HEX_7) << 16 | this.#hex(text + HEX_8)
    if (this.#marks > 15) {
      if (this.#marks >= INVALID) return -1
      for (let i = text; i < text + 36; i++) if (HEX[bytes[i]] >= UPPER_CASE && HEX[bytes[i]] < INVALID) bytes[i] |= 0x20
      return this.#eventId(at, slot, end)
    }
    const version = (b >>> 12) & 15
    if (version < 1 || version > 8 || c >>> 30 !== 2) return -1
    const { ids } = this.#batch
    ids[slot * 4] = a
    ids[slot * 4 + 1] = b
    ids[slot * 4 + 2] = c
    ids[slot * 4 + 3] = d
    return at + 38
  }

  /** Four hexadecimal digits, right where `#marks` stays below 16. */
  #hex(at: number): number {
    const bytes = this.#bytes
    const a = HEX[bytes[at]]
    const b = HEX[bytes[at + 1]]
    const c = HEX[bytes[at + 2]]
    const d = HEX[bytes[at + 3]]
    this.#marks |= a | b | c | d
    return a << 12 | b << 8 | c << 4 | d
  }

  /** 1 to 256 printable ASCII characters without escapes. */
  #userId(at: number, slot: number, end: number): number {
    const bytes = this.#bytes
    if (bytes[at] !== QUOTE) return -1
    const start = at + 1
    let i = start
    while (i < end && IN_USER_ID[bytes[i]] === 1) i++
    if (i === start || i - start > USER_ID_MAX_LENGTH || i >= end || bytes[i] !== QUOTE) return -1
    this.#batch.userStart[slot] = start
    this.#batch.userEnd[slot] = i
    return i + 1
  }

  #eventType(at: number, slot: number, end: number): number {
    for (let type = 0; type < TYPES.length; type++) {
      const token = TYPES[type]
      if (token?.isAt(this.#view, at, end)) {
        this.#batch.types[slot] = type
        return at + token.length
      }
    }
    return -1
  }

  /** `"YYYY-MM-DDTHH:MM:SS.mmmZ"` and no other form. */
  #timestamp(at: number, slot: number, end: number): number {
    const b = this.#bytes
    if (at + 26 > end || b[at] !== QUOTE || b[at + 5] !== HYPHEN || b[at + 8] !== HYPHEN || b[at + 11] !== 0x54 ||
        b[at + 14] !== COLON || b[at + 17] !== COLON || b[at + 20] !== 0x2e || b[at + 24] !== 0x5a || b[at + 25] !== QUOTE) return -1
    this.#marks = 0
    const day = (this.#twoDigits(at + 1) * 100 + this.#twoDigits(at + 3)) * 10_000 + this.#twoDigits(at + 6) * 100 + this.#twoDigits(at + 9)
    const hour = this.#twoDigits(at + 12)
    const minute = this.#twoDigits(at + 15)
    const second = this.#twoDigits(at + 18)
    const millisecond = this.#twoDigits(at + 21) * 10 + DIGIT[b[at + 23]]
    if ((this.#marks | DIGIT[b[at + 23]]) >= INVALID || hour > 23 || minute > 59 || second > 59) return -1
    if (day !== this.#day) {
      this.#midnight = midnightOf(Math.floor(day / 10_000), Math.floor(day / 100) % 100, day % 100)
      this.#day = day
    }
    const time = this.#midnight + ((hour * 60 + minute) * 60 + second) * 1000 + millisecond
    // NaN, for a day that the calendar does not have, fails both comparisons.
    if (!(time >= 0 && time <= this.#latest)) return -1
    this.#batch.times[slot] = time
    return at + 26
  }

  /** Two digits, right where `#marks` stays below INVALID. */
  #twoDigits(at: number): number {
    const tens = DIGIT[this.#bytes[at]]
    const ones = DIGIT[this.#bytes[at + 1]]
    this.#marks |= tens | ones
    return tens * 10 + ones
  }
}
