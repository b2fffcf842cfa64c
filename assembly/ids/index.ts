/**
 * A table of ids, each with the stamp of the generation that it came in, 64 bytes for seven. Of an id there is nothing but a
 * keyed hash: 64 bits of it, the remainder, are stored, and ten more choose the line. Compiled to WebAssembly, where the
 * seven slots of a line are compared in four steps.
 */
import { groupOf, makeRoom } from './directory'
import { count, firstLine, isFull, otherLine, place } from './group'
import { search } from './line'
import { FATES, HASHES, IDS, KEY, LINES } from './memory'
import { sipHash } from './siphash'

export { begin, restore, save } from './directory'
export { MOST_IDS, KEY, IDS, HASHES, FATES } from './memory'
export { setLive } from './line'
export { pageCount, pagesTaken } from './pages'
export { sweep } from './sweep'

/** What becomes of an id: these are numbers of `Verdict`. */
const ACCEPTED: u8 = 1
const DUPLICATE: u8 = 3

/** What looking ahead has read; kept so that the reads are not optimized away. */
export let read: u32 = 0
/** Ids that the last claim has added. */
export let taken: u32 = 0
/** Whether lines are still where they were found. */
let isLaidOut: bool = false

/** Hashes the first `ids` ids that were handed over. */
export function hash(ids: u32): void {
  for (let i: usize = 0; i < ids; i++) sipHash(KEY, IDS + 16 * i, HASHES + 16 * i)
}

function remainderAt(i: u32): u64 {
  return load<u64>(HASHES + 16 * <usize>i)
}

function homeAt(i: u32): usize {
  return load<u32>(HASHES + 16 * <usize>i, 8) & 1023
}

/**
 * Finds the lines of the first `hashes` hashes, and reads them, for nothing but to have them in the cache. None of the reads
 * waits for another, as searches would, so the memory answers many at a time.
 */
export function prefetch(hashes: u32): void {
  for (let i: u32 = 0; i < hashes; i++) {
    const remainder = remainderAt(i)
    store<u32>(LINES + 4 * <usize>i, firstLine(groupOf(remainder), remainder, homeAt(i)))
  }
  isLaidOut = true
  for (let i: u32 = 0; i < hashes; i++) {
    const first = firstLineAt(i)
    read ^= load<u32>(first) ^ load<u32>(otherLine(first, remainderAt(i)))
  }
}

/** The first line of the id `i`. */
function firstLineAt(i: u32): usize {
  if (isLaidOut) return load<u32>(LINES + 4 * <usize>i)
  const remainder = remainderAt(i)
  return firstLine(groupOf(remainder), remainder, homeAt(i))
}

function find(i: u32): usize {
  const remainder = remainderAt(i)
  const first = firstLineAt(i)
  const found = search(first, remainder, 0)
  return found !== 0 ? found : search(otherLine(first, remainder), remainder, 1)
}

/** The stamp of the id `i`, or 0. */
export function stampOf(i: u32): u32 {
  const found = find(i)
  return found === 0 ? 0 : load<u8>(found)
}

/** Gives the id `i` a stamp, 0 to take it out. Returns the one that it had; 0 and nothing happens where it is not held. */
export function restamp(i: u32, stamp: u32): u32 {
  const found = find(i)
  if (found === 0) return 0
  const before = load<u8>(found)
  store<u8>(found, <u8>stamp)
  if (stamp === 0) count(groupOf(remainderAt(i)), -1)
  return before
}

/**
 * Adds those of the ids `from .. to - 1` that are not held, with this stamp, and writes their fates; stops before one that would
 * be the first after `most`. Returns where that is, or `to`.
 */
export function claim(from: u32, to: u32, stamp: u32, most: u32): u32 {
  taken = 0
  for (let i = from; i < to; i++) {
    if (find(i) !== 0) {
      store<u8>(FATES + <usize>i, DUPLICATE)
      continue
    }
    if (taken === most) return i
    const remainder = remainderAt(i)
    let group = groupOf(remainder)
    if (isFull(group)) {
      makeRoom(remainder)
      isLaidOut = false
      group = groupOf(remainder)
    }
    place(group, firstLineAt(i), remainder, stamp)
    store<u8>(FATES + <usize>i, ACCEPTED)
    taken++
  }
  return to
}
