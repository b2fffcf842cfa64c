/**
 * The pages of a hash index, and which hashes belong to which. A page that is full splits in two and nothing else moves,
 * so the index grows by a page at a time, and memory once taken is neither moved nor given back.
 */
import { giveHalf, ownerOf } from '../shares/shares'
import { bucketIn, put, SLOTS } from './bucket'
import { PAGES, SIZES, WAITING } from './memory'

/** Buckets of a page. */
const BUCKETS: u32 = 1024
/** As much as WebAssembly's memory grows by at the least, and as much as a bucket's borrowing stays within. */
const PAGE_BYTES: usize = 1 << 16
/** A page splits when it would hold more: few buckets are full, so most searches end in the first. */
const MOST_ENTRIES: u32 = BUCKETS * SLOTS * 4 / 5
/** Pages whose memory is taken from the system together. */
const PAGES_TAKEN: i32 = 16

let pages: u32 = 0
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

/** The bucket to which a hash belongs. */
export function homeOf(hash: u32): usize {
  return bucketIn(PAGES + PAGE_BYTES * <usize>ownerOf(<u64>hash << 32), hash)
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

/** Gives half of the shares of this hash's page to a new one, and the entries with them. */
export function split(hash: u32): void {
  const page = ownerOf(<u64>hash << 32)
  giveHalf(<u64>hash << 32, newPage())
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
