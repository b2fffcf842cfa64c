/** Reads timestamps of the form `YYYY-MM-DDTHH:MM:SS.mmmZ`; every other is left to the host. */
import { HYPHEN, isDigit, QUOTE } from './bytes'

/** The host's: the first millisecond of a day, since 1970, or NaN for a day that the calendar does not have. */
declare function midnightOf(year: i32, month: i32, day: i32): f64

/** The day that was read last, as it is spelled, and its first millisecond. */
let yearAndMonth: u64 = 0
let dayOfMonth: u16 = 0
let midnight: f64 = NaN

/** Whether sixteen bytes are those of a time from its `T` to the quote behind it, and one more. */
function hasForm(time: v128): bool {
  const marks = i8x16(0x54, 0, 0, 0x3a, 0, 0, 0x3a, 0, 0, 0x2e, 0, 0, 0, 0x5a, 0x22, 0)
  const areMarks = i8x16(-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, 0, -1, -1, 0)
  // Largest digit at each place; marks and the byte behind may be anything here.
  const most = i8x16(-1, 9, 9, -1, 5, 9, -1, 5, 9, -1, 9, 9, 9, -1, -1, -1)
  return i8x16.all_true(v128.and(
    i8x16.eq(v128.and(time, areMarks), marks),
    i8x16.le_u(i8x16.sub(time, i8x16.splat(0x30)), most)
  ))
}

function digit(at: usize): i32 {
  return <i32>load<u8>(at) - 0x30
}

function twoDigits(at: usize): i32 {
  return digit(at) * 10 + digit(at + 1)
}

/** Reads the time behind the opening quote at `at`; NaN for one of another form. 26 bytes with both quotes. */
export function readTimestamp(at: usize): f64 {
  if (load<u8>(at) !== QUOTE || !hasForm(v128.load(at, 11))) return NaN
  if (load<u64>(at, 1) !== yearAndMonth || load<u16>(at, 9) !== dayOfMonth) {
    if (!readDay(at + 1)) return NaN
  }
  const hour = twoDigits(at + 12)
  if (hour > 23) return NaN
  const second = (hour * 60 + twoDigits(at + 15)) * 60 + twoDigits(at + 18)
  return midnight + <f64>(second * 1000 + twoDigits(at + 21) * 10 + digit(at + 23))
}

function readDay(at: usize): bool {
  if (!areDigits(at, 4) || load<u8>(at, 4) !== HYPHEN || !areDigits(at + 5, 2) || load<u8>(at, 7) !== HYPHEN || !areDigits(at + 8, 2)) return false
  yearAndMonth = load<u64>(at)
  dayOfMonth = load<u16>(at, 8)
  midnight = midnightOf(twoDigits(at) * 100 + twoDigits(at + 2), twoDigits(at + 5), twoDigits(at + 8))
  return true
}

function areDigits(at: usize, count: u32): bool {
  for (let i = at; i < at + count; i++) if (!isDigit(load<u8>(i))) return false
  return true
}
