/**
 * Reads one event and writes it the way it is kept. Whatever the scan does not know to the letter (escapes in keys or ids,
 * unusual numbers, unknown or repeated fields) it leaves to the host.
 * Functions take the address where something begins and return the one after it, or 0 for what is left to the host.
 */
import { CLOSE_BRACE, COLON, COMMA, isAt, lengthOf, OPEN_BRACE, QUOTE } from './bytes'
import { readEventId } from './event-id'
import { eventMaxBytes, typeCount, userIdMaxLength } from './limits'
import { ENDS, EVENT_TYPES, FIELDS, IDS, STARTS, TIMES, TOKEN_BYTES, TYPES, USER_ENDS, USER_STARTS } from './memory'
import { copyString, out, stringEnd, writeByte, writeToken } from './output'
import { readProperties } from './properties'
import { readTimestamp } from './timestamp'
import { skipWhitespace } from './whitespace'

/** The fields of an event, in the order of their tokens. */
const EVENT_ID: u32 = 0
const USER_ID: u32 = 1
const EVENT_TYPE: u32 = 2
const TIMESTAMP: u32 = 3
const FIELD_COUNT: u32 = 5
/** No field. */
const NONE: u32 = 5
/** The fields that an event must have, as bits. */
const REQUIRED: u32 = 1 << EVENT_ID | 1 << USER_ID | 1 << EVENT_TYPE | 1 << TIMESTAMP

/** The field that followed each field, last time, four bits each: senders keep to one order. */
let following: u32 = 0x004321

/**
 * Reads an event into entry `slot` of the columns. What was written of one that is left to the host means nothing.
 * @param latest latest time that is allowed
 * @param shift what makes an address in the output the offset that the host knows
 */
export function readEvent(at: usize, slot: u32, latest: f64, shift: i32): usize {
  if (load<u8>(at) !== OPEN_BRACE) return 0
  const start = out
  writeByte(OPEN_BRACE)
  let has: u32 = 0
  let field = NONE
  let i = at
  for (;;) {
    i = skipWhitespace(i + 1)
    field = fieldAt(i, field)
    if (field === NONE || (has & 1 << field) !== 0) return 0
    has |= 1 << field
    const token = FIELDS + field * TOKEN_BYTES
    i = skipWhitespace(i + lengthOf(token))
    if (load<u8>(i) !== COLON) return 0
    writeToken(token, 1)
    i = readField(field, skipWhitespace(i + 1), slot, latest, shift)
    if (i === 0) return 0
    i = skipWhitespace(i)
    if (load<u8>(i) !== COMMA) break
    writeByte(COMMA)
  }
  if (load<u8>(i) !== CLOSE_BRACE || (has & REQUIRED) !== REQUIRED || i + 1 - at > eventMaxBytes) return 0
  writeByte(CLOSE_BRACE)
  store<u32>(STARTS + 4 * slot, <u32>start + shift)
  store<u32>(ENDS + 4 * slot, <u32>out + shift)
  return i + 1
}

/** Which field's key begins at `at`, the field `before` having been read last; NONE for none of them. */
function fieldAt(at: usize, before: u32): u32 {
  const likely = following >> 4 * before & 15
  if (isAt(FIELDS + likely * TOKEN_BYTES, at)) return likely
  return otherFieldAt(at, before)
}

function otherFieldAt(at: usize, before: u32): u32 {
  for (let field: u32 = 0; field < FIELD_COUNT; field++) {
    if (!isAt(FIELDS + field * TOKEN_BYTES, at)) continue
    following = following & ~(15 << 4 * before) | field << 4 * before
    return field
  }
  return NONE
}

/** The value of a field. */
function readField(field: u32, at: usize, slot: u32, latest: f64, shift: i32): usize {
  switch (field) {
    case EVENT_ID: return readEventId(at, IDS + 16 * slot)
    case USER_ID: return readUserId(at, slot, shift)
    case EVENT_TYPE: return readType(at, slot)
    case TIMESTAMP: return readTimestamp(at, TIMES + 8 * slot, latest)
    default: return readProperties(at)
  }
}

/** Without escapes and control characters, of the length that the schema allows. */
function readUserId(at: usize, slot: u32, shift: i32): usize {
  if (load<u8>(at) !== QUOTE) return 0
  const start = <u32>out + 1 + shift
  let end = copyString(at, 0x7e)
  let length = end - at - 2
  if (end === 0) {
    if (load<u8>(stringEnd) < 0x80) return 0
    end = copyString(at, 0xff)
    if (end === 0) return 0
    length = lengthOfText(at + 1, end - 1)
  }
  if (length === 0 || length > userIdMaxLength) return 0
  store<u32>(USER_STARTS + 4 * slot, start)
  store<u32>(USER_ENDS + 4 * slot, <u32>out - 1 + shift)
  return end
}

/** Code points of a text in UTF-8; 0 if one of them is DEL or a control character beyond ASCII. [RFC 3629 section 3] */
function lengthOfText(start: usize, end: usize): usize {
  let length: usize = 0
  for (let i = start; i < end; i++) {
    const byte = load<u8>(i)
    if (byte === 0x7f || (byte === 0xc2 && load<u8>(i, 1) < 0xa0)) return 0
    if ((byte & 0xc0) !== 0x80) length++
  }
  return length
}

function readType(at: usize, slot: u32): usize {
  for (let type: u32 = 0; type < typeCount; type++) {
    const token = TYPES + type * TOKEN_BYTES
    if (!isAt(token, at)) continue
    store<u8>(EVENT_TYPES + slot, <u8>type)
    writeToken(token, 0)
    return at + lengthOf(token)
  }
  return 0
}
