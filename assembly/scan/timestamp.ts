/**
 * Reads timestamps as RFC 3339 spells them in capital letters. The spelling that is kept, `YYYY-MM-DDTHH:MM:SS.mmmZ`, is known in
 * one step and copied; one with more or fewer digits after the second, or with an offset, is read byte by byte and spelled anew.
 */
import { areDigits, COLON, digit, HYPHEN, isDigit, PLUS, POINT, QUOTE, twoDigits } from './bytes'
import { DAY_BYTES, READ_DAYS, SPELLED_DAYS } from './memory'
import { copyShort, out, writeFrom } from './output'

/** The host's: the first millisecond of a day, since 1970, or NaN for a day that the calendar does not have. */
declare function midnightOf(year: i32, month: i32, day: i32): f64
/** The host's: the date of a day, counted from the first of 1970, as the number YYYYMMDD. */
declare function dateOf(day: u32): u32

const DAY: f64 = 86_400_000

/** Bytes of a timestamp as it is kept, with both quotes. */
const KEPT_BYTES: usize = 26

/** Most digits after the second. */
const MOST_FRACTION_DIGITS: usize = 9

/** Where the timestamp ends that `readOther` has read. */
let otherEnd: usize = 0

/** Of a day that is known: `YYYY-MM-` and the day of the month as they are spelled, and its first millisecond. */
const YEAR_AND_MONTH: usize = 0
const DAY_OF_MONTH: usize = 8
const MIDNIGHT: usize = 16
/** A bit beside the day of the month that no text has, so that a place without a day is none. */
const IS_DAY: u32 = 1 << 16

/** Whether bytes are the marks where there are marks, and elsewhere digits, none above the largest of its place. */
function hasForm(bytes: v128, marks: v128, areMarks: v128, most: v128): bool {
  return i8x16.all_true(v128.and(
    i8x16.eq(v128.and(bytes, areMarks), marks),
    i8x16.le_u(i8x16.sub(bytes, i8x16.splat(0x30)), most)
  ))
}

/** Whether a time as it is kept begins at its `T`, up to the quote after it. */
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

/**
 * Reads the timestamp whose opening quote is at `at`, stores its milliseconds since 1970 at `target`, and returns the address
 * after it; 0 for one that is left to the host.
 * @param latest latest time that is allowed
 */
export function readTimestamp(at: usize, target: usize, latest: f64): usize {
  if (load<u8>(at) !== QUOTE) return 0
  const isKeptAlready = isKept(at + 11)
  const time = isKeptAlready ? readSecond(at) + <f64>(twoDigits(at + 21) * 10 + digit(at + 23)) : readOther(at)
  // NaN fails both comparisons.
  if (!(time >= 0 && time <= latest)) return 0
  store<f64>(target, time)
  if (isKeptAlready) return copyShort(at, KEPT_BYTES)
  spell(time)
  return otherEnd
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
  otherEnd = i + 1
  return readSecond(at) + <f64>(milliseconds - offset * 60_000)
}

/** The second that a time of the right form names, offset left aside, or NaN. */
function readSecond(at: usize): f64 {
  const dayOfMonth = <u32>load<u16>(at, 9)
  // The lowest bits of both digits.
  const day = READ_DAYS + <usize>(dayOfMonth >> 8 & 15 | (dayOfMonth & 3) << 4) * DAY_BYTES
  if (load<u64>(day, YEAR_AND_MONTH) !== load<u64>(at, 1) || load<u32>(day, DAY_OF_MONTH) !== (dayOfMonth | IS_DAY)) {
    if (!readDay(at + 1, day)) return NaN
  }
  const hour = twoDigits(at + 12)
  if (hour > 23) return NaN
  return load<f64>(day, MIDNIGHT) + <f64>(((hour * 60 + twoDigits(at + 15)) * 60 + twoDigits(at + 18)) * 1000)
}

/** Reads a day into its place. */
function readDay(at: usize, place: usize): bool {
  if (!areDigits(at, 4) || load<u8>(at, 4) !== HYPHEN || !areDigits(at + 5, 2) || load<u8>(at, 7) !== HYPHEN || !areDigits(at + 8, 2)) return false
  store<u64>(place, load<u64>(at), YEAR_AND_MONTH)
  store<u32>(place, load<u16>(at, 8) | IS_DAY, DAY_OF_MONTH)
  store<f64>(place, midnightOf(twoDigits(at) * 100 + twoDigits(at + 2), twoDigits(at + 5), twoDigits(at + 8)), MIDNIGHT)
  return true
}

/** Writes a time as it is kept, with both quotes: `"YYYY-MM-DDTHH:MM:SS.mmmZ"`. */
function spell(time: f64): void {
  const number = <u32>(time / DAY)
  const day = SPELLED_DAYS + <usize>(number & 31) * DAY_BYTES
  const midnight = <f64>number * DAY
  if (load<f64>(day, MIDNIGHT) !== midnight || load<u32>(day, DAY_OF_MONTH) === 0) spellDay(number, day)
  const milliseconds = <u32>(time - midnight)
  const seconds = milliseconds / 1000
  store<u8>(out, QUOTE)
  store<u64>(out, load<u64>(day, YEAR_AND_MONTH), 1)
  store<u16>(out, load<u16>(day, DAY_OF_MONTH), 9)
  store<u8>(out, 0x54, 11)
  store<u16>(out, digitsOf(seconds / 3600), 12)
  store<u8>(out, COLON, 14)
  store<u16>(out, digitsOf(seconds / 60 % 60), 15)
  store<u8>(out, COLON, 17)
  store<u16>(out, digitsOf(seconds % 60), 18)
  store<u8>(out, POINT, 20)
  store<u8>(out, 0x30 + <u8>(milliseconds / 100 % 10), 21)
  store<u16>(out, digitsOf(milliseconds % 100), 22)
  store<u16>(out, <u16>QUOTE << 8 | 0x5a, 24)
  writeFrom(out + KEPT_BYTES)
}

/** Spells a day, counted from the first of 1970, into its place. */
function spellDay(number: u32, place: usize): void {
  const date = dateOf(number)
  const year = <u64>digitsOf(date / 1_000_000) | <u64>digitsOf(date / 10_000 % 100) << 16
  store<u64>(place, year | <u64>HYPHEN << 32 | <u64>digitsOf(date / 100 % 100) << 40 | <u64>HYPHEN << 56, YEAR_AND_MONTH)
  store<u32>(place, digitsOf(date % 100) | IS_DAY, DAY_OF_MONTH)
  store<f64>(place, <f64>number * DAY, MIDNIGHT)
}

/** A number below 100 as two digits, the first one in the lower byte. */
function digitsOf(number: u32): u16 {
  return <u16>(0x3030 + number / 10 + (number % 10 << 8))
}
