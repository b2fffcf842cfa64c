/** Reads event ids: UUIDs of 36 characters, of a version and variant of RFC 9562, written in lower case. */
import { HYPHEN, QUOTE } from './bytes'
import { out, writeFrom } from './output'

/** What sixteen hexadecimal digits stand for, one a byte. */
function valuesOf(digits: v128, isDecimal: v128): v128 {
  const decimal = i8x16.sub(digits, i8x16.splat(0x30))
  const letter = i8x16.sub(v128.or(digits, i8x16.splat(0x20)), i8x16.splat(0x61 - 10))
  return v128.bitselect(decimal, letter, isDecimal)
}

function areDecimal(digits: v128): v128 {
  return i8x16.le_u(i8x16.sub(digits, i8x16.splat(0x30)), i8x16.splat(9))
}

function areLetters(digits: v128): v128 {
  return i8x16.le_u(i8x16.sub(v128.or(digits, i8x16.splat(0x20)), i8x16.splat(0x61)), i8x16.splat(5))
}

/** Two digits of one byte each become one byte, in the lower half of their sixteen bits. */
function pairs(values: v128): v128 {
  return v128.and(v128.or(i16x8.shl(values, 4), i16x8.shr_u(values, 8)), i16x8.splat(0xff))
}

/** Reads the id whose opening quote is at `at` into four big-endian words at `target`; the address after it, or 0. */
export function readEventId(at: usize, target: usize): usize {
  const text = at + 1
  if (load<u8>(at) !== QUOTE || load<u8>(text, 36) !== QUOTE || load<u8>(text, 8) !== HYPHEN || load<u8>(text, 13) !== HYPHEN ||
      load<u8>(text, 18) !== HYPHEN || load<u8>(text, 23) !== HYPHEN) return 0
  // xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx: the first sixteen digits, and the others
  const first = v128.shuffle<u8>(v128.load(text), v128.load(text, 2), 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 30, 31)
  const second = v128.shuffle<u8>(v128.load(text, 19), v128.load(text, 20), 0, 1, 2, 3, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31)
  const firstDecimal = areDecimal(first)
  const secondDecimal = areDecimal(second)
  const firstLetters = areLetters(first)
  const secondLetters = areLetters(second)
  if (!i8x16.all_true(v128.and(v128.or(firstDecimal, firstLetters), v128.or(secondDecimal, secondLetters)))) return 0
  const id = i8x16.narrow_i16x8_u(pairs(valuesOf(first, firstDecimal)), pairs(valuesOf(second, secondDecimal)))
  const version = i8x16.extract_lane_u(id, 6) >> 4
  if (version < 1 || version > 8 || i8x16.extract_lane_u(id, 8) >> 6 !== 2) return 0
  v128.store(target, v128.shuffle<u8>(id, id, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))
  writeLowerCase(text)
  return at + 38
}

/** Writes an id with its quotes. Letters in upper case alone lack one bit; digits, hyphens and quotes have it. */
function writeLowerCase(text: usize): void {
  store<u8>(out, QUOTE)
  v128.store(out, v128.or(v128.load(text), i8x16.splat(0x20)), 1)
  v128.store(out, v128.or(v128.load(text, 16), i8x16.splat(0x20)), 17)
  store<u32>(out, load<u32>(text, 32) | 0x20202020, 33)
  store<u8>(out, QUOTE, 37)
  writeFrom(out + 38)
}
