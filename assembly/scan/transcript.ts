/**
 * Events written anew, because their timestamps are spelled otherwise than they are kept; all else of them stays as it is, letter
 * for letter. They lie one behind the other in a memory that the host puts behind the body.
 */
import { COLON, COMMA, HYPHEN, POINT, QUOTE } from './bytes'
import { ENDS, STARTS, TIMES, TRANSCRIPT, USER_ENDS, USER_STARTS } from './memory'
import { KEPT_BYTES, timestampEnd, timestampStart } from './timestamp'

/** The host's: the date of a day, counted from the first of 1970, as the number YYYYMMDD. */
declare function dateOf(day: f64): u32

const DAY: f64 = 86_400_000

/** Where the next event goes. */
let next: usize = TRANSCRIPT

/** The day that was written last, and how it is spelled. */
let day: f64 = NaN
let yearAndMonth: u64 = 0
let dayOfMonth: u16 = 0

/** Bytes that were written since `beginTranscript`. */
export function transcriptBytes(): u32 {
  return <u32>(next - TRANSCRIPT)
}

export function beginTranscript(): void {
  next = TRANSCRIPT
}

/**
 * Writes the event of entry `slot` anew, whose timestamp is the one that was read last, and says in the columns where it is now.
 * @param shift what makes its address the offset that the columns have
 * @param newShift what makes its new address the offset that they get
 */
export function transcribe(slot: u32, shift: i32, newShift: i32): void {
  const start: usize = load<u32>(STARTS + 4 * slot) - shift
  const end: usize = load<u32>(ENDS + 4 * slot) - shift
  const stamp = next + (timestampStart - start)
  memory.copy(next, start, timestampStart - start)
  spell(stamp, load<f64>(TIMES + 8 * slot))
  memory.copy(stamp + KEPT_BYTES, timestampEnd, end - timestampEnd)
  const user: usize = load<u32>(USER_STARTS + 4 * slot) - shift
  const moved = <u32>(user > timestampStart ? stamp + KEPT_BYTES - timestampEnd : next - start) + newShift - shift
  store<u32>(USER_STARTS + 4 * slot, load<u32>(USER_STARTS + 4 * slot) + moved)
  store<u32>(USER_ENDS + 4 * slot, load<u32>(USER_ENDS + 4 * slot) + moved)
  store<u32>(STARTS + 4 * slot, <u32>next + newShift)
  next = stamp + KEPT_BYTES + (end - timestampEnd)
  store<u32>(ENDS + 4 * slot, <u32>next + newShift)
  // Events that lie one byte apart go into the log as one.
  store<u8>(next++, COMMA)
}

/** Writes a time as it is kept, with both quotes: `"YYYY-MM-DDTHH:MM:SS.mmmZ"`. */
function spell(at: usize, time: f64): void {
  if (Math.floor(time / DAY) !== day) spellDay(Math.floor(time / DAY))
  const milliseconds = <u32>(time - day * DAY)
  const seconds = milliseconds / 1000
  store<u8>(at, QUOTE)
  store<u64>(at, yearAndMonth, 1)
  store<u16>(at, dayOfMonth, 9)
  store<u8>(at, 0x54, 11)
  store<u16>(at, digitsOf(seconds / 3600), 12)
  store<u8>(at, COLON, 14)
  store<u16>(at, digitsOf(seconds / 60 % 60), 15)
  store<u8>(at, COLON, 17)
  store<u16>(at, digitsOf(seconds % 60), 18)
  store<u8>(at, POINT, 20)
  store<u8>(at, 0x30 + <u8>(milliseconds / 100 % 10), 21)
  store<u16>(at, digitsOf(milliseconds % 100), 22)
  store<u16>(at, <u16>QUOTE << 8 | 0x5a, 24)
}

function spellDay(number: f64): void {
  const date = dateOf(number)
  day = number
  const year = <u64>digitsOf(date / 1_000_000) | <u64>digitsOf(date / 10_000 % 100) << 16
  yearAndMonth = year | <u64>HYPHEN << 32 | <u64>digitsOf(date / 100 % 100) << 40 | <u64>HYPHEN << 56
  dayOfMonth = digitsOf(date % 100)
}

/** A number below 100 as two digits, the first one in the lower byte. */
function digitsOf(number: u32): u16 {
  return <u16>(0x3030 + number / 10 + (number % 10 << 8))
}
