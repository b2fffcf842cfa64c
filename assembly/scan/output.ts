/**
 * Where the canonical text of events goes. Whoever reads a token writes it here at once, so that what was read is what is kept;
 * the functions that copy return the address after what they have read.
 */
import { BACKSLASH, QUOTE, SPACE } from './bytes'
import { LENGTH, OUTPUT } from './memory'

/** Where the next byte goes. */
export let out: usize = OUTPUT

/** Where `copyString` stopped: at the closing quote, or before that. */
export let stringEnd: usize = 0

/** Goes on writing at an address: at the beginning of the output, or where an event began that is left to the host. */
export function writeFrom(address: usize): void {
  out = address
}

/** Writes one byte. */
export function writeByte(byte: u8): void {
  store<u8>(out, byte)
  out++
}

/** Writes a token and one byte after it, which is part of its sixteen. */
export function writeToken(token: usize, more: u32): void {
  v128.store(out, v128.load(token))
  out += load<u32>(token, LENGTH) + more
}

/** Copies so many bytes, 32 at the most. */
export function copyShort(at: usize, length: usize): usize {
  v128.store(out, v128.load(at))
  v128.store(out, v128.load(at, 16), 16)
  out += length
  return at + length
}

/**
 * Copies the string whose opening quote is at `at`, both quotes included. Returns the address after it; 0 if there is a byte
 * in it that is not from a space to `last`, or a backslash: `stringEnd` is where then, and nothing counts as written.
 */
export function copyString(at: usize, last: u8): usize {
  let i = at + 1
  let to = out + 1
  // The quote, and what is written over at once.
  v128.store(out, v128.load(at))
  while (true) {
    const bytes = v128.load(i)
    v128.store(to, bytes)
    const isMark = v128.or(i8x16.eq(bytes, i8x16.splat(QUOTE)), i8x16.eq(bytes, i8x16.splat(BACKSLASH)))
    const special = v128.or(isMark, i8x16.gt_u(i8x16.sub(bytes, i8x16.splat(SPACE)), i8x16.splat(last - SPACE)))
    if (v128.any_true(special)) {
      const rest = <usize>ctz(i8x16.bitmask(special))
      i += rest
      to += rest
      break
    }
    i += 16
    to += 16
  }
  stringEnd = i
  if (load<u8>(i) !== QUOTE) return 0
  out = to + 1
  return i + 1
}
