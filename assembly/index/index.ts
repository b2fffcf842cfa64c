/**
 * A hash index from keys to small numbers, 8 bytes a slot: the whole 32-bit hash of a key beside its number, so that growing
 * reads no key and a search reads the slots alone until it has all but found what it looks for. It keeps no keys; whoever
 * owns them compares them. Compiled to WebAssembly, where the eight slots of a bucket are compared in two steps.
 */
import { numberIn, put, search, searchNext, take } from './bucket'
import { HASHES, NUMBERS } from './memory'
import { count, hasRoom, homeOf, split } from './pages'

export { MOST_KEYS, HASHES, NUMBERS } from './memory'
export { begin, pageCount, size } from './pages'

/** The slot where the search under way stands. */
let found: usize = 0
/** What looking ahead has read; kept so that the reads are not optimized away. */
export let read: u32 = 0

/** The first number under a hash, or -1. Numbers of other keys come up too, if their keys have the same 32 bits. */
export function first(hash: u32): i32 {
  found = search(homeOf(hash), hash)
  return found === 0 ? -1 : numberIn(found) - 1
}

/** The next number under the hash that `first` was asked for, or -1; nothing has changed in between. */
export function next(hash: u32): i32 {
  found = searchNext(found, hash)
  return found === 0 ? -1 : numberIn(found) - 1
}

/** Adds a number, from 0 to 2^31 - 2. */
export function insert(hash: u32, number: u32): void {
  let home = homeOf(hash)
  if (!hasRoom(home)) {
    split(hash)
    home = homeOf(hash)
  }
  put(home, hash, number + 1)
  count(home, 1)
}

/** Takes out exactly this number; nothing happens where it is not held. */
export function remove(hash: u32, number: u32): void {
  const home = homeOf(hash)
  if (take(home, number + 1)) count(home, -1)
}

/**
 * Reads the buckets where the first `hashes` hashes belong, for nothing but to have them in the cache. None of the reads waits
 * for another, as searches would, so the memory answers many at a time.
 */
export function prefetch(hashes: u32): void {
  for (let i: usize = 0; i < hashes; i++) read ^= load<u32>(homeOf(load<u32>(HASHES + 4 * i)))
}

/** Writes the first number under each of the first `hashes` hashes, or -1. */
export function firstOfEach(hashes: u32): void {
  for (let i: usize = 0; i < hashes; i++) store<i32>(NUMBERS + 4 * i, first(load<u32>(HASHES + 4 * i)))
}
