/**
 * Which group an entry belongs to. The remainders are divided into shares, and each group has some that lie side by side; one
 * that is full, and has as many pages as it may, gives half of its shares to a new one.
 */
import { build, divide, grow, isFullOfLive, LEAST_PAGES, MOST_PAGES, pagesOf, preparePicks } from './group'
import { GROUPS, SHARES } from './memory'

const GROUP_BYTES: usize = 32
/** There are three shares at first, and room for 98,304. */
const MOST_SHIFT: u64 = 32
const LEAST_SHIFT: u64 = 17

/** Bits of a share's number that are left out for now. */
let shift: u64 = MOST_SHIFT
let groups: u32 = 0

/** Makes a group for each of the three shares. */
export function begin(): void {
  preparePicks()
  for (let number: u32 = 0; number < 3; number++) {
    store<u16>(SHARES + 2 * number, <u16>number)
    newGroup()
  }
}

/** Where the groups end, which lie one after the other. */
export function groupsEnd(): usize {
  return GROUPS + GROUP_BYTES * <usize>groups
}

export function groupAfter(group: usize): usize {
  return group + GROUP_BYTES
}

/**
 * The share of a remainder. The last share is twice as large as the first, and those between lie evenly between, so that
 * groups do not fill all at the same time: at every moment there is one that grows next.
 */
function shareOf(remainder: u64): usize {
  // x (4 - x), with 0 to 1 as 32 bits: its slope falls from 4 to 2, so as many remainders rise half as far at the end.
  const x = remainder >> 32
  return SHARES + 2 * <usize>((x << 2) - (x * x >> 32) >> shift)
}

/** The group of a remainder. */
export function groupOf(remainder: u64): usize {
  return GROUPS + GROUP_BYTES * <usize>load<u16>(shareOf(remainder))
}

/** Makes room in the full group of a remainder. */
export function makeRoom(remainder: u64): void {
  const group = groupOf(remainder)
  if (!isFullOfLive(group)) return
  if (pagesOf(group) < MOST_PAGES) grow(group)
  else split(group, remainder)
}

function newGroup(): usize {
  const group = groupsEnd()
  build(group, LEAST_PAGES)
  groups++
  return group
}

/** Gives half of the shares of a group to a new one, and the entries with them. */
function split(group: usize, remainder: u64): void {
  const other = newGroup() // before anything else changes: there may be no memory for it
  const number = <u16>((group - GROUPS) / GROUP_BYTES)
  let from = shareOf(remainder)
  while (from > SHARES && load<u16>(from - 2) === number) from -= 2
  let to = from
  while (to < sharesEnd() && load<u16>(to) === number) to += 2
  if (to - from === 2) {
    double()
    from = SHARES + 2 * (from - SHARES)
    to = from + 4
  }
  for (let share = from + (to - from >>> 2 << 1); share < to; share += 2) store<u16>(share, <u16>((other - GROUPS) / GROUP_BYTES))
  divide(group)
}

function sharesEnd(): usize {
  return SHARES + 2 * (3 << <usize>(MOST_SHIFT - shift))
}

/** Each share becomes two. */
function double(): void {
  if (shift === LEAST_SHIFT) throw new Error('the table is full')
  for (let share = sharesEnd(); share > SHARES;) {
    share -= 2
    store<u32>(SHARES + 2 * (share - SHARES), <u32>load<u16>(share) * 0x10001)
  }
  shift--
}
