/** Bytes that mean something, and how texts are found and compared sixteen bytes at a time. */
import { LENGTH, MASK } from './memory'

export const QUOTE: u8 = 0x22
export const PLUS: u8 = 0x2b
export const COMMA: u8 = 0x2c
export const HYPHEN: u8 = 0x2d
export const POINT: u8 = 0x2e
export const COLON: u8 = 0x3a
export const BACKSLASH: u8 = 0x5c
export const OPEN_BRACKET: u8 = 0x5b
export const CLOSE_BRACKET: u8 = 0x5d
export const OPEN_BRACE: u8 = 0x7b
export const CLOSE_BRACE: u8 = 0x7d
export const NEWLINE: u8 = 0x0a
export const SPACE: u8 = 0x20
export const TAB: u8 = 0x09
export const RETURN: u8 = 0x0d

/** Whether a token stands at an address. */
export function isAt(token: usize, at: usize): bool {
  return !v128.any_true(v128.and(v128.xor(v128.load(at), v128.load(token)), v128.load(token, MASK)))
}

/** Whether two texts of the same length are the same. */
export function areSame(text: usize, other: usize, length: usize): bool {
  let i: usize = 0
  for (; i + 16 <= length; i += 16) if (v128.any_true(v128.xor(v128.load(text + i), v128.load(other + i)))) return false
  for (; i < length; i++) if (load<u8>(text + i) !== load<u8>(other + i)) return false
  return true
}

/** Length of a token. */
export function lengthOf(token: usize): u32 {
  return load<u32>(token, LENGTH)
}

/** Whether a byte is a decimal digit. */
export function isDigit(byte: u8): bool {
  return byte - 0x30 <= <u8>9
}

/** Whether so many bytes are decimal digits. */
export function areDigits(at: usize, count: u32): bool {
  for (let i = at; i < at + count; i++) if (!isDigit(load<u8>(i))) return false
  return true
}

/** What a digit stands for. */
export function digit(at: usize): i32 {
  return <i32>load<u8>(at) - 0x30
}

/** What two digits stand for. */
export function twoDigits(at: usize): i32 {
  return digit(at) * 10 + digit(at + 1)
}
