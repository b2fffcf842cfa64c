/** Which group an entry belongs to. One that is full, and has as many pages as it may, gives half of its entries to a new one. */
import { giveHalf, loadShares, ownerOf, saveShares, SHARES } from '../shares/shares'
import { build, divide, grow, isFullOfLive, LEAST_PAGES, MOST_PAGES, pagesOf, preparePicks } from './group'
import { GROUPS, STATE } from './memory'
import { loadPages, savePages } from './pages'

const GROUP_BYTES: usize = 32

let groups: u32 = 0

/** Makes a group for each of the three shares; is called once, before all else. */
export function begin(): void {
  preparePicks()
  for (let number: u32 = 0; number < 3; number++) {
    store<u16>(SHARES + 2 * number, <u16>number)
    newGroup()
  }
}

/** Writes to the memory what is kept outside of it, so that a copy of the memory is the whole table. */
export function save(): void {
  saveShares(STATE)
  savePages(STATE + 8)
  store<u32>(STATE + 20, groups)
}

/** Takes over a table whose memory has been copied into this one, in the place of `begin`. */
export function restore(): void {
  loadShares(STATE)
  loadPages(STATE + 8)
  groups = load<u32>(STATE + 20)
}

/** Where the groups end, which lie one after the other. */
export function groupsEnd(): usize {
  return GROUPS + GROUP_BYTES * <usize>groups
}

export function groupAfter(group: usize): usize {
  return group + GROUP_BYTES
}

/** The group of a remainder. */
export function groupOf(remainder: u64): usize {
  return GROUPS + GROUP_BYTES * <usize>ownerOf(remainder)
}

/** Makes room in the full group of a remainder. */
export function makeRoom(remainder: u64): void {
  const group = groupOf(remainder)
  if (!isFullOfLive(group)) return
  if (pagesOf(group) < MOST_PAGES) grow(group)
  else split(group, remainder)
}

function newGroup(): u32 {
  build(groupsEnd(), LEAST_PAGES)
  return groups++
}

/** Gives half of a group, that of this remainder, to a new one. */
function split(group: usize, remainder: u64): void {
  giveHalf(remainder, newGroup()) // made before anything else changes: there may be no memory for it
  divide(group)
}
