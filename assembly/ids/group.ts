/**
 * A group is five to eight pages that share their entries. Each entry has two lines of a page where it may be, and is in the
 * one that was emptier; where both are full, one of their entries is moved to its other line. So pages are filled evenly
 * enough to use nearly nine tenths of their slots, and more without a search for room.
 *
 * The number of the first line within its page is chosen by bits that are not stored, all else by the remainder. So the group
 * can grow, and entries be moved, and still an entry's place tells ten bits more than what is stored.
 */
import { groupOf } from './directory'
import { choiceIn, clear, empty, freeIn, LINE_BYTES, liveIn, put, remainderIn, SLOTS, stampIn } from './line'
import { MOST_WAITING, PAGE_BYTES, PAGES, PICKS, WAITING, WAITING_BYTES } from './memory'
import { freePage, newPage } from './pages'

export const LEAST_PAGES: u32 = 5
export const MOST_PAGES: u32 = 8
/** A multiple of every number of pages. */
const PICKED: u32 = 840

const LINES: u32 = 1024
const PAGE_SLOTS: u32 = LINES * SLOTS
/** Slots of a page in use from which on its group is to have a further one, and how many of them must be so after all that is over has been cleared. */
const FULL: u32 = PAGE_SLOTS * 88 / 100
const FULL_OF_LIVE: u32 = PAGE_SLOTS * 86 / 100

/** Entries that are exchanged one after the other to find a free slot. Even ten are next to never. */
const MOST_STEPS: u32 = 10_000

/** From a group to how many slots have a stamp, and to its number of pages; the pages' numbers, 16 bits each, are first. */
const COUNT: usize = 16
const SIZE: usize = 20

/** Fills the table by which pages are picked. Of n + 1 pages each gives up as much as the last one gets. */
export function preparePicks(): void {
  for (let i: u32 = 0; i < PICKED; i++) store<u8>(PICKS + i, <u8>(i % LEAST_PAGES))
  for (let pages = LEAST_PAGES; pages < MOST_PAGES; pages++) {
    const row = PICKS + PICKED * (pages - LEAST_PAGES)
    for (let page: u32 = 0; page < pages; page++) {
      let seen: u32 = 0
      for (let i: u32 = 0; i < PICKED; i++) {
        if (load<u8>(row + i) !== page) continue
        store<u8>(row + PICKED + i, <u8>(++seen % (pages + 1) === 0 ? pages : page))
      }
    }
  }
}

/** Which of so many pages a remainder picks. */
function pick(pages: u32, remainder: u64): u32 {
  return load<u8>(PICKS + PICKED * (pages - LEAST_PAGES) + ((<u32>remainder & 0xffff) * PICKED >>> 16))
}

/** The other of the two lines of an entry that is, or would be, in this one. */
export function otherLine(line: usize, remainder: u64): usize {
  return line ^ (<usize>(remainder >> 16) & LINES - 1) * LINE_BYTES
}

/** A page of a group, by its place among them. */
export function pageAt(group: usize, k: u32): usize {
  return PAGES + PAGE_BYTES * <usize>load<u16>(group + 2 * k)
}

/** The first line of an entry. `home` is its number within the page. */
export function firstLine(group: usize, remainder: u64, home: usize): usize {
  return pageAt(group, pick(pagesOf(group), remainder)) + LINE_BYTES * home
}

export function pagesOf(group: usize): u32 {
  return load<u32>(group, SIZE)
}

/** Makes a group of so many new pages. */
export function build(group: usize, pages: u32): void {
  for (let k: u32 = 0; k < pages; k++) store<u16>(group + 2 * k, newPage())
  store<u32>(group, 0, COUNT)
  store<u32>(group, pages, SIZE)
}

/** Counts entries that have come to slots without a stamp, or left slots without one. */
export function count(group: usize, change: i32): void {
  store<u32>(group, load<u32>(group, COUNT) + change, COUNT)
}

export function isFull(group: usize): bool {
  return load<u32>(group, COUNT) >= FULL * pagesOf(group)
}

/** Clears what is over out of a group. Returns whether it is full all the same. */
export function isFullOfLive(group: usize): bool {
  for (let k: u32 = 0; k < pagesOf(group); k++) {
    const page = pageAt(group, k)
    for (let line = page; line < page + PAGE_BYTES; line += LINE_BYTES) count(group, -<i32>clear(line))
  }
  return load<u32>(group, COUNT) >= FULL_OF_LIVE * pagesOf(group)
}

/** Puts an entry into the emptier of its lines. Returns whether one of them had room. */
function putInto(group: usize, first: usize, second: usize, remainder: u64, stamp: u32): bool {
  const inFirst = freeIn(first)
  const inSecond = freeIn(second)
  if ((inFirst | inSecond) === 0) return false
  if (popcnt(inFirst) >= popcnt(inSecond)) count(group, put(first, ctz(inFirst), remainder, stamp, 0))
  else count(group, put(second, ctz(inSecond), remainder, stamp, 1))
  return true
}

/** Puts an entry into one of its lines, the first of which is given. */
export function place(group: usize, first: usize, remainder: u64, stamp: u32): void {
  for (let steps: u32 = 0; steps < MOST_STEPS; steps++) {
    const second = otherLine(first, remainder)
    if (putInto(group, first, second, remainder, stamp)) return
    let slot = moveOne(group, first)
    if (slot < SLOTS) {
      put(first, slot, remainder, stamp, 0)
      return
    }
    slot = moveOne(group, second)
    if (slot < SLOTS) {
      put(second, slot, remainder, stamp, 1)
      return
    }
    // All lines around are full: one of the entries has to go on looking in this one's stead.
    const choice = steps & 1
    const line = choice === 0 ? first : second
    slot = steps % SLOTS
    const inTheWay = remainderIn(line, slot)
    const itsStamp = stampIn(line, slot)
    first = choiceIn(line, slot) === 0 ? line : otherLine(line, inTheWay)
    put(line, slot, remainder, stamp, choice)
    remainder = inTheWay
    stamp = itsStamp
  }
  throw new Error('a group has no room')
}

/** Moves an entry of a full line to its other line, if one of these has room. Returns the slot where it was, or SLOTS. */
function moveOne(group: usize, line: usize): u32 {
  for (let slot: u32 = 0; slot < SLOTS; slot++) {
    const remainder = remainderIn(line, slot)
    const other = otherLine(line, remainder)
    const free = freeIn(other)
    if (free === 0) continue
    count(group, put(other, ctz(free), remainder, stampIn(line, slot), 1 - choiceIn(line, slot)))
    return slot
  }
  return SLOTS
}

/** Adds a page, and moves there what picks it from now on. Nothing that is over is in the group. */
export function grow(group: usize): void {
  const pages = pagesOf(group)
  store<u16>(group + 2 * pages, newPage())
  store<u32>(group, pages + 1, SIZE)
  rearrange(group, pages)
}

/**
 * Moves to another group, which is new, what belongs there, and leaves as few pages to this one. Nothing that is over is in the
 * group.
 */
export function divide(group: usize): void {
  store<u32>(group, LEAST_PAGES, SIZE)
  rearrange(group, MOST_PAGES)
  for (let k = LEAST_PAGES; k < MOST_PAGES; k++) freePage(load<u16>(group + 2 * k))
}

/** Moves what is in the first so many pages of a group, and belongs to another page from now on. */
function rearrange(group: usize, pages: u32): void {
  for (let k: u32 = 0; k < pages; k++) {
    const page = pageAt(group, k)
    for (let offset: usize = 0; offset < PAGE_BYTES; offset += LINE_BYTES) {
      const line = page + offset
      for (let live = liveIn(line); live !== 0; live &= live - 1) {
        const slot = ctz(live)
        const remainder = remainderIn(line, slot)
        const to = groupOf(remainder)
        const target = pageAt(to, pick(pagesOf(to), remainder))
        if (target !== page) move(group, line, slot, to, target + offset)
      }
    }
  }
  settle()
}

/** Entries that wait until all others have moved. */
let waiting: u32 = 0

/** Moves an entry to the line of the same number in another page, or lets it wait where that is full. */
function move(group: usize, line: usize, slot: u32, to: usize, target: usize): void {
  const remainder = remainderIn(line, slot)
  const stamp = stampIn(line, slot)
  const choice = choiceIn(line, slot)
  empty(line, slot)
  count(group, -1)
  const free = freeIn(target)
  if (free !== 0) {
    count(to, put(target, ctz(free), remainder, stamp, choice))
    return
  }
  const first = choice === 0 ? target : otherLine(target, remainder)
  if (waiting === MOST_WAITING) {
    place(to, first, remainder, stamp)
    return
  }
  const at = WAITING + WAITING_BYTES * <usize>(waiting++)
  store<u64>(at, remainder)
  store<u32>(at, to, 8)
  store<u32>(at, first, 12)
  store<u32>(at, stamp, 16)
}

/** Places what waits. */
function settle(): void {
  for (; waiting > 0; waiting--) {
    const at = WAITING + WAITING_BYTES * <usize>(waiting - 1)
    place(load<u32>(at, 8), load<u32>(at, 12), load<u64>(at), load<u32>(at, 16))
  }
}
