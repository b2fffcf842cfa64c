/**
 * Reads timestamps as RFC 3339 spells them in capital letters. The spelling that is kept, `YYYY-MM-DDTHH:MM:SS.mmmZ`, is known in
 * one step; one with more or fewer digits behind the second, or with an offset, is read byte by byte.
 */
import { areDigits, COLON, digit, HYPHEN, isDigit, PLUS, POINT, QUOTE, twoDigits } from './bytes'

/** The host's: the first millisecond of a day, since 1970, or NaN for a day that the calendar does not have. */
declare function midnightOf(year: i32, month: i32, day: i32): f64

/** Bytes of a timestamp as it is kept, with both quotes. No other spelling has as many. */
export const KEPT_BYTES: usize = 26

/** Most digits behind the second. */
const MOST_FRACTION_DIGITS: usize = 9

/** The timestamp that was read last, with both quotes. */
export let timestampStart: usize = 0
export let timestampEnd: usize = 0

/** The day that was read last, as it is spelled, and its first millisecond. */
let yearAndMonth: u64 = 0
let dayOfMonth: u16 = 0
let midnight: f64 = NaN

/** Whether bytes are the marks where there are marks, and elsewhere digits, none above the largest of its place. */
function hasForm(bytes: v128, marks: v128, areMarks: v128, most: v128): bool {
  return i8x16.all_true(v128.and(
    i8x16.eq(v128.and(bytes, areMarks), marks),
    i8x16.le_u(i8x16.sub(bytes, i8x16.splat(0x30)), most)
  ))
}

/** Whether a time as it is kept begins at its `T`, up to the quote behind it. */
function isKept(at: usize): bool {
  return hasForm(
    v128.load(at),
    i8x16(0x54, 0, 0, 0x3a, 0, 0, 0x3a, 0, 0, 0x2e, 0, 0, 0, 0x5a, 0x22, 0),
    i8x16(-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, 0, -1, -1, 0),
    i8x16(-1, 9, 9, -1, 5, 9, -1, 5, 9, -1, 9, 9, 9, -1, -1, -1)
  )
}

/** Whether a time begins at its `T`, up to its seconds. */
function isTime(at: usize): bool {
  return hasForm(
    v128.load(at),
    i8x16(0x54, 0, 0, 0x3a, 0, 0, 0x3a, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    i8x16(-1, 0, 0, -1, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    i8x16(-1, 9, 9, -1, 5, 9, -1, 5, 9, -1, -1, -1, -1, -1, -1, -1)
  )
}

/** Reads the time whose opening quote is at `at`, in milliseconds since 1970; NaN for one that is left to the host. */
export function readTimestamp(at: usize): f64 {
  if (load<u8>(at) !== QUOTE) return NaN
  timestampStart = at
  if (!isKept(at + 11)) return readOther(at)
  timestampEnd = at + KEPT_BYTES
  return readSecond(at) + <f64>(twoDigits(at + 21) * 10 + digit(at + 23))
}

/** Reads one that is not spelled as it is kept. [RFC 3339 section 5.6] */
function readOther(at: usize): f64 {
  if (!isTime(at + 11)) return NaN
  let i = at + 20
  let milliseconds = 0
  if (load<u8>(i) === POINT) {
    const first = ++i
    while (isDigit(load<u8>(i))) i++
    if (i === first || i - first > MOST_FRACTION_DIGITS) return NaN
    milliseconds = digit(first) * 100
    if (i > first + 1) milliseconds += digit(first + 1) * 10
    if (i > first + 2) milliseconds += digit(first + 2)
  }
  let offset = 0
  const sign = load<u8>(i)
  if (sign === PLUS || sign === HYPHEN) {
    if (!areDigits(i + 1, 2) || load<u8>(i, 3) !== COLON || !areDigits(i + 4, 2)) return NaN
    const hours = twoDigits(i + 1)
    const minutes = twoDigits(i + 4)
    if (hours > 23 || minutes > 59) return NaN
    offset = (hours * 60 + minutes) * (sign === PLUS ? 1 : -1)
    i += 6
  } else {
    if (sign !== 0x5a) return NaN
    i++
  }
  if (load<u8>(i) !== QUOTE) return NaN
  timestampEnd = i + 1
  return readSecond(at) + <f64>(milliseconds - offset * 60_000)
}

/** The second that a time of the right form names, offset left aside, or NaN. */
function readSecond(at: usize): f64 {
  if (load<u64>(at, 1) !== yearAndMonth || load<u16>(at, 9) !== dayOfMonth) {
    if (!readDay(at + 1)) return NaN
  }
  const hour = twoDigits(at + 12)
  if (hour > 23) return NaN
  return midnight + <f64>(((hour * 60 + twoDigits(at + 15)) * 60 + twoDigits(at + 18)) * 1000)
}

function readDay(at: usize): bool {
  if (!areDigits(at, 4) || load<u8>(at, 4) !== HYPHEN || !areDigits(at + 5, 2) || load<u8>(at, 7) !== HYPHEN || !areDigits(at + 8, 2)) return false
  yearAndMonth = load<u64>(at)
  dayOfMonth = load<u16>(at, 8)
  midnight = midnightOf(twoDigits(at) * 100 + twoDigits(at + 2), twoDigits(at + 5), twoDigits(at + 8))
  return true
}
