/**
 * The pages of a hash index, and which hashes belong to which. A page that is full splits in two and nothing else moves,
 * so the index grows by a page at a time, and memory once taken is neither moved nor given back.
 */
import { bucketIn, put, SLOTS } from './bucket'
import { PAGES, SHARES, SIZES, WAITING } from './memory'

/** Buckets of a page. */
const BUCKETS: u32 = 1024
/** As much as WebAssembly's memory grows by at the least, and as much as a bucket's borrowing stays within. */
const PAGE_BYTES: usize = 1 << 16
/** A page splits when it would hold more: few buckets are full, so most searches end in the first. */
const MOST_ENTRIES: u32 = BUCKETS * SLOTS * 4 / 5
const MOST_SHIFT: u32 = 29
const LEAST_SHIFT: u32 = 14
/** Pages whose memory is taken from the system together. */
const PAGES_TAKEN: i32 = 16

let pages: u32 = 0
/** Bits of a share's number that are left out for now; of its 31 the highest two are 0, 1 or 2. There is room for 98,304 shares. */
let shift: u32 = MOST_SHIFT
let entries: u32 = 0

/** Entries held. */
export function size(): u32 {
  return entries
}

/** Pages in use. */
export function pageCount(): u32 {
  return pages
}

/** Makes the first page, which all three shares belong to. */
export function begin(): void {
  newPage()
}

/**
 * Which share of the hashes this one is in. The last share is twice as large as the first, and those between lie evenly
 * between, so that pages do not fill all at the same time: at every moment there is one that splits next.
 */
function shareOf(hash: u32): usize {
  // x (4 - x), with 0 to 1 as 16 bits: its slope falls from 4 to 2, so as many hashes rise half as far at the end.
  const x = hash >>> 16
  return SHARES + 2 * ((x << 15) - (x * x >>> 3) >>> shift)
}

/** The bucket to which a hash belongs. */
export function homeOf(hash: u32): usize {
  return bucketIn(PAGES + PAGE_BYTES * <usize>load<u16>(shareOf(hash)), hash)
}

/** Whether one more entry fits into the page of a bucket. */
export function hasRoom(bucket: usize): bool {
  return load<u16>(sizeAt(bucket)) < MOST_ENTRIES
}

/** Counts an entry that has come to the page of this bucket, or left it. */
export function count(bucket: usize, change: i32): void {
  const at = sizeAt(bucket)
  store<u16>(at, <u16>(load<u16>(at) + change))
  entries += change
}

function sizeAt(bucket: usize): usize {
  return SIZES + 2 * ((bucket - PAGES) / PAGE_BYTES)
}

function newPage(): u32 {
  const end = PAGES + PAGE_BYTES * <usize>(pages + 1)
  if (end > PAGE_BYTES * <usize>memory.size() && memory.grow(PAGES_TAKEN) < 0) throw new Error('no memory for the index')
  return pages++
}

/** Gives half of the shares of the page of this bucket to a new one, and the entries with them. */
export function split(bucket: usize): void {
  const page = <u16>((bucket - PAGES) / PAGE_BYTES)
  let from: usize = SHARES
  while (load<u16>(from) !== page) from += 2
  let to = from
  while (to < sharesEnd() && load<u16>(to) === page) to += 2
  if (to - from === 2) {
    double()
    from = SHARES + 2 * (from - SHARES)
    to = from + 4
  }
  const other = <u16>newPage()
  for (let share = from + (to - from >>> 2 << 1); share < to; share += 2) store<u16>(share, other)
  const old = PAGES + PAGE_BYTES * <usize>page
  memory.copy(WAITING, old, PAGE_BYTES)
  memory.fill(old, 0, PAGE_BYTES)
  entries -= load<u16>(sizeAt(old))
  store<u16>(sizeAt(old), 0)
  for (let waiting: usize = WAITING; waiting < WAITING + PAGE_BYTES; waiting += 8 * SLOTS) {
    for (let at = waiting; at < waiting + 4 * SLOTS; at += 4) {
      const number = load<u32>(at, 4 * SLOTS)
      if (number === 0) break
      const hash = load<u32>(at)
      const home = homeOf(hash)
      put(home, hash, number)
      count(home, 1)
    }
  }
}

function sharesEnd(): usize {
  return SHARES + 2 * (3 << (MOST_SHIFT - shift))
}

/** Each share becomes two. */
function double(): void {
  if (shift === LEAST_SHIFT) throw new Error('the index is full')
  for (let share = sharesEnd(); share > SHARES;) {
    share -= 2
    store<u32>(SHARES + 2 * (share - SHARES), <u32>load<u16>(share) * 0x10001)
  }
  shift--
}
