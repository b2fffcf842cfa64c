/**
 * A line is one of the cache: the remainders of its seven entries, the stamps of these, a byte each, and a byte that says
 * which of them are in the second of the two lines where they may be. A stamp of 0, or of a generation that is over, is that
 * of a free slot.
 */

export const SLOTS: u32 = 7
export const LINE_BYTES: usize = 64
/** From a line to its stamps and choices, and to the half of it that a vector reads them with. */
const STAMPS: usize = 56
const CHOICES: usize = 63
const LAST: usize = 48
const ALL: u32 = (1 << SLOTS) - 1
/** The byte of the choices, among those that are read with the stamps. */
const CHOICE_BYTE: u64 = 0xff << 56

/** The oldest stamp that lives, and how many come after it. */
let oldest: u8 = 0
let span: u8 = 0

/** Says which stamps live: all from `first` on, over 255 to 1, to `last`; none if both are 0. */
export function setLive(first: u32, last: u32): void {
  oldest = <u8>first
  span = <u8>(last - first)
}

function lives(stamps: v128): v128 {
  const inRange = i8x16.le_u(i8x16.sub(stamps, i8x16.splat(oldest)), i8x16.splat(span))
  return v128.and(inRange, i8x16.ne(stamps, i8x16.splat(0)))
}

/** The slots in use, a bit each. */
export function liveIn(line: usize): u32 {
  return i8x16.bitmask(lives(v128.load(line, LAST))) >>> 8 & ALL
}

/** The free slots, a bit each. */
export function freeIn(line: usize): u32 {
  return liveIn(line) ^ ALL
}

/** The place of a remainder that is in this line by its first choice (0) or its second (1), or 0: the address of its stamp. */
export function search(line: usize, remainder: u64, choice: u32): usize {
  const wanted = i64x2.splat(remainder)
  const equal = i64x2.bitmask(i64x2.eq(v128.load(line), wanted)) |
    i64x2.bitmask(i64x2.eq(v128.load(line, 16), wanted)) << 2 |
    i64x2.bitmask(i64x2.eq(v128.load(line, 32), wanted)) << 4 |
    i64x2.bitmask(i64x2.eq(v128.load(line, LAST), wanted)) << 6
  if ((equal & ALL) === 0) return 0
  const found = equal & liveIn(line) & (<u32>load<u8>(line, CHOICES) ^ choice - 1)
  return found === 0 ? 0 : line + STAMPS + ctz(found)
}

/** Puts an entry into a slot. Returns 1 if the slot had a stamp of 0, and 0 if it was used before. */
export function put(line: usize, slot: u32, remainder: u64, stamp: u32, choice: u32): u32 {
  const before = load<u8>(line + slot, STAMPS)
  store<u64>(line + 8 * slot, remainder)
  store<u8>(line + slot, <u8>stamp, STAMPS)
  store<u8>(line, <u8>(<u32>load<u8>(line, CHOICES) & ~(1 << slot) | choice << slot), CHOICES)
  return u32(before === 0)
}

export function remainderIn(line: usize, slot: u32): u64 {
  return load<u64>(line + 8 * slot)
}

export function stampIn(line: usize, slot: u32): u32 {
  return load<u8>(line + slot, STAMPS)
}

export function choiceIn(line: usize, slot: u32): u32 {
  return <u32>load<u8>(line, CHOICES) >>> slot & 1
}

/** Takes an entry out. */
export function empty(line: usize, slot: u32): void {
  store<u8>(line + slot, 0, STAMPS)
}

/** Gives the slots of generations that are over a stamp of 0. Returns how many did not have it before. */
export function clear(line: usize): u32 {
  const stamps = v128.load(line, LAST)
  const kept = v128.or(lives(stamps), i64x2(-1, CHOICE_BYTE))
  const dead = i8x16.bitmask(v128.andnot(i8x16.ne(stamps, i8x16.splat(0)), kept))
  if (dead === 0) return 0
  v128.store(line, v128.and(stamps, kept), LAST)
  return popcnt(dead)
}
