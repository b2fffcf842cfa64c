/**
 * A hash index from keys to small numbers, 8 bytes a slot: the whole 32-bit hash of a key beside its number, so that
 * growing reads no key and a search reads the slots alone until it has all but found what it looks for. It keeps no keys;
 * whoever owns them hashes and compares them. It lies in pages; one that is full splits in two, so that it grows by a page
 * at a time and memory once taken is neither moved nor given back.
 */
import { LineMemory } from './line-memory.ts'

/** A bucket is a line of the cache: the hashes of its eight slots, then their numbers + 1, which are 0 in empty slots. */
const SLOTS = 8
const BUCKET_WORDS = 2 * SLOTS
/** The last number of a bucket. Slots are filled from the front, so the bucket is full if this is not 0. */
const LAST = BUCKET_WORDS - 1

/** In a page, a bucket without room borrows from the next one; the last borrows from the first. */
const PAGE_BUCKETS = 1024
const PAGE_WORDS = PAGE_BUCKETS * BUCKET_WORDS
const PAGE_BYTES = 4 * PAGE_WORDS

/** A page splits when it would hold more: few buckets are full, so most searches end in the first. */
const MOST_ENTRIES = Math.floor(PAGE_BUCKETS * SLOTS * 0.8)

/** Pages whose memory is taken from the system together. */
const PAGES_TAKEN = 16

/** How many bits of a share's number there are at the most; the highest two are 0, 1 or 2 at first, three shares in all. */
const SHARE_BITS = 31

/**
 * See above. Every operation is O(1) expected; one that lets a page split takes the time of moving its 6,500 entries,
 * however large the index is.
 */
export class HashIndex {
  readonly #memory = new LineMemory(PAGES_TAKEN * PAGE_BYTES)
  #words = new Int32Array(0)
  /** The page of each share of the hashes; a page has one share or some that are neighbours. */
  #pages = new Uint16Array(3)
  /** Bits of a share's number that are left out for now. */
  #shift = SHARE_BITS - 2
  /** Entries in each page. */
  readonly #sizes: number[] = []
  #size = 0
  /** The slot where the search under way stands. */
  #found = 0
  /** What `preload` has read; kept so that the reads are not optimized away. */
  #preloaded = 0

  constructor() {
    this.#newPage()
  }

  /** Entries held. */
  get size(): number {
    return this.#size
  }

  /** Bytes of the slots. */
  get byteLength(): number {
    return this.#sizes.length * PAGE_BYTES
  }

  /**
   * Reads the buckets where the hashes `from .. to - 1` belong, for nothing but to have them in the cache. None of the
   * reads waits for another, as searches would, so the memory answers many at a time.
   */
  preload(hashes: Int32Array, from: number, to: number): void {
    const words = this.#words
    let read = 0
    for (let i = from; i < to; i++) read ^= words[this.#home(hashes[i])]
    this.#preloaded ^= read
  }

  /**
   * Writes the first number under each of the hashes `from .. to - 1`, or -1. For hashes that are most often found: where in
   * its bucket one is cannot be foretold, so here the eight are compared without a branch.
   */
  firstOfEach(hashes: Int32Array, numbers: Int32Array, from: number, to: number): void {
    const words = this.#words
    for (let i = from; i < to; i++) {
      const hash = hashes[i]
      const at = this.#home(hash)
      const matches = zero(words[at] ^ hash) | zero(words[at + 1] ^ hash) << 1 | zero(words[at + 2] ^ hash) << 2 | zero(words[at + 3] ^ hash) << 3 |
        zero(words[at + 4] ^ hash) << 4 | zero(words[at + 5] ^ hash) << 5 | zero(words[at + 6] ^ hash) << 6 | zero(words[at + 7] ^ hash) << 7
      // The last match has its number if it is not an empty slot's, of which there are none before a used one.
      const number = matches === 0 ? 0 : words[at + SLOTS + 31 - Math.clz32(matches)]
      numbers[i] = number !== 0 ? number - 1 : this.first(hash)
    }
  }

  /** The first number under a hash, or -1. Numbers of other keys come up too, if their keys have the same 32 bits. */
  first(hash: number): number {
    return this.#search(hash, this.#home(hash))
  }

  /** The next number under the hash that `first` was asked for, or -1; nothing has changed in between. */
  next(hash: number): number {
    const words = this.#words
    const bucket = this.#found & -BUCKET_WORDS
    const found = slotOf(words, hash, this.#found + 1, bucket + SLOTS)
    if (found >= 0) return words[(this.#found = found) + SLOTS] - 1
    return words[bucket + LAST] === 0 ? -1 : this.#search(hash, following(bucket))
  }

  /** Adds a number, from 0 to 2^31 - 2. */
  insert(hash: number, value: number): void {
    let page = this.#pages[this.#shareOf(hash)]
    if (this.#sizes[page] >= MOST_ENTRIES) {
      this.#split(page)
      page = this.#pages[this.#shareOf(hash)]
    }
    put(this.#words, page * PAGE_WORDS | home(hash), hash, value + 1)
    this.#sizes[page]++
    this.#size++
  }

  /** Takes out exactly this number; nothing happens where it is not held. */
  remove(hash: number, value: number): void {
    const words = this.#words
    let bucket = this.#home(hash)
    for (;;) {
      for (let at = bucket + SLOTS; at < bucket + BUCKET_WORDS; at++) {
        if (words[at] === value + 1) {
          close(words, bucket, at)
          this.#sizes[this.#pages[this.#shareOf(hash)]]--
          this.#size--
          return
        }
      }
      if (words[bucket + LAST] === 0) return
      bucket = following(bucket)
    }
  }

  /**
   * Which share of the hashes this one is in. The last share is twice as large as the first, and those between lie evenly
   * between, so that pages do not fill all at the same time: at every moment there is one that splits next.
   */
  #shareOf(hash: number): number {
    // x (4 - x), with 0 to 1 as 16 bits: its slope falls from 4 to 2, so as many hashes rise half as far at the end.
    const x = hash >>> 16
    return (x << 15) - (Math.imul(x, x) >>> 3) >>> this.#shift
  }

  /** The bucket to which a hash belongs. */
  #home(hash: number): number {
    return this.#pages[this.#shareOf(hash)] * PAGE_WORDS | home(hash)
  }

  #search(hash: number, from: number): number {
    const words = this.#words
    for (let at = from; ; at = following(at)) {
      // Written out, because most searches are in vain, and the processor foretells eight times no.
      if (words[at] === hash || words[at + 1] === hash || words[at + 2] === hash || words[at + 3] === hash ||
          words[at + 4] === hash || words[at + 5] === hash || words[at + 6] === hash || words[at + 7] === hash) {
        const found = slotOf(words, hash, at, at + SLOTS)
        if (found >= 0) return words[(this.#found = found) + SLOTS] - 1
      }
      if (words[at + LAST] === 0) return -1
    }
  }

  #newPage(): number {
    const page = this.#sizes.push(0) - 1
    if (this.#memory.reach(this.byteLength)) this.#words = new Int32Array(this.#memory.buffer)
    return page
  }

  /** Gives half of the shares of a page to a new one, and the entries with them. */
  #split(page: number): void {
    let from = this.#pages.indexOf(page)
    let to = this.#pages.lastIndexOf(page) + 1
    if (to - from === 1) {
      this.#shift--
      this.#pages = Uint16Array.from({ length: this.#pages.length * 2 }, (_, i) => this.#pages[i >>> 1])
      from *= 2
      to = from + 2
    }
    const other = this.#newPage()
    this.#pages.fill(other, from + to >>> 1, to)
    const words = this.#words
    const old = words.slice(page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
    words.fill(0, page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
    this.#sizes[page] = 0
    for (let bucket = 0; bucket < PAGE_WORDS; bucket += BUCKET_WORDS) {
      for (let at = bucket; at < bucket + SLOTS && old[at + SLOTS] !== 0; at++) {
        const to = this.#pages[this.#shareOf(old[at])]
        put(words, to * PAGE_WORDS | home(old[at]), old[at], old[at + SLOTS])
        this.#sizes[to]++
      }
    }
  }
}

/** Where in its page the bucket lies to which a hash belongs; its share says little of these bits. */
function home(hash: number): number {
  return (hash & (PAGE_BUCKETS - 1)) * BUCKET_WORDS
}

/** 1 for zero, 0 for any other word. */
function zero(word: number): number {
  return (word - 1 & ~word) >>> 31
}

/** The first used slot with this hash in a part of a bucket, or -1; an empty one may still have the hash that was in it. */
function slotOf(words: Int32Array, hash: number, from: number, end: number): number {
  for (let at = from; at < end && words[at + SLOTS] !== 0; at++) if (words[at] === hash) return at
  return -1
}

/** The bucket behind one in its page. */
function following(bucket: number): number {
  return bucket & -PAGE_WORDS | (bucket + BUCKET_WORDS) & (PAGE_WORDS - 1)
}

/** Puts an entry into the first empty slot. */
function put(words: Int32Array, bucket: number, hash: number, number: number): void {
  let at = bucket
  while (words[at + LAST] !== 0) at = following(at)
  // The first empty slot, by halves and without a branch, which the processor could not foretell; numbers are positive.
  at += -words[at + SLOTS + 3] >>> 31 << 2
  at += -words[at + SLOTS + 1] >>> 31 << 1
  at += -words[at + SLOTS] >>> 31
  words[at] = hash
  words[at + SLOTS] = number
}

/** Empties a slot, given by its number's place, and lets those behind it that would no longer be found move up. */
function close(words: Int32Array, bucket: number, at: number): void {
  for (;;) {
    const donor = words[bucket + LAST] === 0 ? -1 : borrower(words, bucket)
    if (donor < 0) break
    words[at] = words[donor]
    words[at - SLOTS] = words[donor - SLOTS]
    at = donor
    bucket = donor & -BUCKET_WORDS
  }
  let last = bucket + LAST
  while (words[last] === 0) last--
  words[at] = words[last]
  words[at - SLOTS] = words[last - SLOTS]
  words[last] = 0
}

/** The place of an entry in the buckets behind a full one that would be in it had it had room, or -1. */
function borrower(words: Int32Array, full: number): number {
  let distance = 0
  for (let bucket = following(full); ; bucket = following(bucket)) {
    distance += BUCKET_WORDS
    for (let at = bucket; at < bucket + SLOTS && words[at + SLOTS] !== 0; at++) {
      if (((bucket - home(words[at])) & (PAGE_WORDS - 1)) >= distance) return at + SLOTS
    }
    if (words[bucket + LAST] === 0) return -1
  }
}
