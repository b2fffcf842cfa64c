/**
 * A bucket is a line of the cache: the hashes of its eight slots, then their numbers + 1, which are 0 in empty slots. Slots
 * are filled from the front. A bucket without room borrows from the next one of its page, the last one from the first.
 */

export const SLOTS: u32 = 8
/** From a hash to its number. */
const NUMBER: usize = 4 * SLOTS
/** The last number of a bucket, which is full if this is not 0. */
const LAST: usize = 8 * SLOTS - 4
const BUCKET_BYTES: usize = 8 * SLOTS
const PAGE_MASK: usize = (1 << 16) - 1

/** The bucket of a page where a hash belongs; the bits by which pages are chosen say little of these. */
export function bucketIn(page: usize, hash: u32): usize {
  return page + <usize>(hash & 1023) * BUCKET_BYTES
}

function following(bucket: usize): usize {
  return bucket & ~PAGE_MASK | (bucket + BUCKET_BYTES) & PAGE_MASK
}

/** Which of eight words are this one, a bit each. */
function matches(words: usize, word: u32): u32 {
  const wanted = i32x4.splat(word)
  return i32x4.bitmask(i32x4.eq(v128.load(words), wanted)) | i32x4.bitmask(i32x4.eq(v128.load(words, 16), wanted)) << 4
}

/** Whether all slots are used. */
export function isFull(bucket: usize): bool {
  return load<u32>(bucket, LAST) !== 0
}

/** The slot of the first entry with a hash, in this bucket or those that it borrows from; 0 if there is none. */
export function search(bucket: usize, hash: u32): usize {
  let at = bucket
  for (;;) {
    const found = matches(at, hash)
    if (found !== 0) {
      // An empty slot may still have the hash that was in it, but there is none before a used one.
      const slot = at + 4 * <usize>ctz(found)
      if (load<u32>(slot, NUMBER) !== 0) return slot
    }
    if (!isFull(at)) break
    at = following(at)
  }
  return 0
}

/** The slot of the next entry with the hash of this one, or 0. */
export function searchNext(slot: usize, hash: u32): usize {
  const bucket = slot & ~(BUCKET_BYTES - 1)
  const after: u32 = matches(bucket, hash) & (<u32>-2 << <u32>((slot - bucket) / 4))
  if (after !== 0) {
    const next = bucket + 4 * <usize>ctz(after)
    if (load<u32>(next, NUMBER) !== 0) return next
  }
  return isFull(bucket) ? search(following(bucket), hash) : 0
}

/** The number + 1 of a slot. */
export function numberIn(slot: usize): u32 {
  return load<u32>(slot, NUMBER)
}

/** Puts an entry into the first empty slot. */
export function put(bucket: usize, hash: u32, number: u32): void {
  let at = bucket
  while (isFull(at)) at = following(at)
  const slot = at + 4 * <usize>ctz(matches(at + NUMBER, 0))
  store<u32>(slot, hash)
  store<u32>(slot, number, NUMBER)
}

/** Takes out the entry with exactly this number + 1; false where there is none. */
export function take(bucket: usize, number: u32): bool {
  let at = bucket
  let found = matches(at + NUMBER, number)
  while (found === 0 && isFull(at)) {
    at = following(at)
    found = matches(at + NUMBER, number)
  }
  if (found !== 0) empty(at + 4 * <usize>ctz(found))
  return found !== 0
}

/** Empties a slot, and lets those after it that would no longer be found move up. (Knuth, TAOCP 3, 6.4, algorithm R) */
function empty(slot: usize): void {
  let to = slot
  let bucket = slot & ~(BUCKET_BYTES - 1)
  while (isFull(bucket)) {
    const from = borrower(bucket)
    if (from === 0) break
    move(from, to)
    to = from
    bucket = from & ~(BUCKET_BYTES - 1)
  }
  const last = bucket + 4 * <usize>((isFull(bucket) ? SLOTS : ctz(matches(bucket + NUMBER, 0))) - 1)
  move(last, to)
  store<u32>(last, 0, NUMBER)
}

function move(from: usize, to: usize): void {
  store<u32>(to, load<u32>(from))
  store<u32>(to, load<u32>(from, NUMBER), NUMBER)
}

/** The slot of an entry in the buckets after a full one that would be in it had it had room, or 0. */
function borrower(full: usize): usize {
  let distance: usize = 0
  let bucket = full
  do {
    bucket = following(bucket)
    distance += BUCKET_BYTES
    for (let slot = bucket; slot < bucket + NUMBER && load<u32>(slot, NUMBER) !== 0; slot += 4) {
      if ((bucket - bucketIn(0, load<u32>(slot)) & PAGE_MASK) >= distance) return slot
    }
  } while (isFull(bucket))
  return 0
}
