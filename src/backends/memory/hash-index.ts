/**
 * A hash index from keys to small numbers, 8 bytes a slot: the whole 32-bit hash of a key beside its number, so that
 * growing reads no key and a search reads the slots alone until it has all but found what it looks for. It keeps no keys;
 * whoever owns them hashes and compares them. It lies in many segments, each with linear probing, that grow one at a time
 * and at moments spread evenly, never the whole table at once.
 */

const SEGMENT_BITS = 9
const SEGMENTS = 1 << SEGMENT_BITS
/** The bits of a hash that say where in its segment an entry belongs; those above choose the segment. */
const PLACE_BITS = 32 - SEGMENT_BITS
const PLACE_MASK = (1 << PLACE_BITS) - 1
const PLACE_SHARE = 2 ** -PLACE_BITS
const SMALLEST = 32

/** A segment grows when it is fuller than this: searches stay within a cache line or two. */
const MOST_LOAD = 0.75
const GROWTH = 1.5

/** A slot is two words: the hash, and the number + 1, which is 0 in an empty slot. */
const SLOT_WORDS = 2
const EMPTY = 0

/**
 * See above. Every operation is O(1) expected; one that lets a segment grow takes the time of moving a 512th of all
 * entries, in order.
 */
export class HashIndex {
  // The moments of growth are spread by the segments' sizes, which run from one step of growth to the next.
  readonly #segments = Array.from({ length: SEGMENTS }, (_, i) => new Int32Array(SLOT_WORDS * Math.round(SMALLEST * GROWTH ** (i / SEGMENTS))))
  readonly #sizes = new Int32Array(SEGMENTS)
  #size = 0
  /** Where the search under way stands. */
  #found = 0
  /** The free slot where the last search ended in vain, while nothing has changed since, and the hash it was for. */
  #free = -1
  #freeFor = 0
  /** What `preload` has read; kept so that the reads are not optimized away. */
  #preloaded = 0

  /** Entries held. */
  get size(): number {
    return this.#size
  }

  /** Bytes of the slots. O(segments). */
  get byteLength(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.byteLength, 0)
  }

  /**
   * Reads the slots where the hashes `from .. to - 1` belong, for nothing but to have them in the cache. None of the
   * reads waits for another, as searches would, so the memory answers many at a time.
   */
  preload(hashes: Int32Array, from: number, to: number): void {
    let read = 0
    for (let i = from; i < to; i++) {
      const segment = this.#segments[hashes[i] >>> PLACE_BITS]
      read ^= segment[home(segment, hashes[i])]
    }
    this.#preloaded ^= read
  }

  /** The first number under a hash, or -1. Numbers of other keys come up too, if their keys have the same 32 bits. */
  first(hash: number): number {
    const segment = this.#segments[hash >>> PLACE_BITS]
    return this.#search(segment, hash, home(segment, hash))
  }

  /** The next number under the hash that `first` was asked for, or -1; nothing has changed in between. */
  next(hash: number): number {
    const segment = this.#segments[hash >>> PLACE_BITS]
    return this.#search(segment, hash, following(segment, this.#found))
  }

  /** Adds a number, from 0 to 2^31 - 2. */
  insert(hash: number, value: number): void {
    const s = hash >>> PLACE_BITS
    if (this.#sizes[s] >= (this.#segments[s].length >>> 1) * MOST_LOAD) this.#grow(s)
    const segment = this.#segments[s]
    const at = this.#free >= 0 && this.#freeFor === hash ? this.#free : freeSlot(segment, hash)
    segment[at] = hash
    segment[at + 1] = value + 1
    this.#sizes[s]++
    this.#size++
    this.#free = -1
  }

  /** Takes out exactly this number; nothing happens where it is not held. */
  remove(hash: number, value: number): void {
    const segment = this.#segments[hash >>> PLACE_BITS]
    let at = home(segment, hash)
    while (segment[at + 1] !== value + 1) {
      if (segment[at + 1] === EMPTY) return
      at = following(segment, at)
    }
    close(segment, at)
    this.#free = -1
    this.#sizes[hash >>> PLACE_BITS]--
    this.#size--
  }

  #search(segment: Int32Array, hash: number, from: number): number {
    let at = from
    while (segment[at + 1] !== EMPTY) {
      if (segment[at] === hash) {
        this.#found = at
        return segment[at + 1] - 1
      }
      at = following(segment, at)
    }
    this.#free = at
    this.#freeFor = hash
    return -1
  }

  #grow(s: number): void {
    const old = this.#segments[s]
    const larger = this.#segments[s] = new Int32Array(SLOT_WORDS * Math.ceil((old.length >>> 1) * GROWTH))
    // Both lie in the order of hashes, but for what probing has moved, so this reads and writes from end to end.
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at + 1] === EMPTY) continue
      const to = freeSlot(larger, old[at])
      larger[to] = old[at]
      larger[to + 1] = old[at + 1]
    }
    this.#free = -1
    old.buffer.transfer(0) // frees it now; the garbage collector might take its time
  }
}

/** Where an entry with this hash belongs: larger places go to larger hashes, whatever the size of the segment. */
function home(segment: Int32Array, hash: number): number {
  const slots = segment.length >>> 1
  return ((hash & PLACE_MASK) * slots * PLACE_SHARE | 0) * SLOT_WORDS
}

function following(segment: Int32Array, at: number): number {
  const next = at + SLOT_WORDS
  return next === segment.length ? 0 : next
}

/** The first free slot for a hash. */
function freeSlot(segment: Int32Array, hash: number): number {
  let at = home(segment, hash)
  while (segment[at + 1] !== EMPTY) at = following(segment, at)
  return at
}

/** Empties a slot and lets those behind it move up that would no longer be found (Knuth, TAOCP 3, 6.4, algorithm R). */
function close(segment: Int32Array, gap: number): void {
  for (let at = following(segment, gap); segment[at + 1] !== EMPTY; at = following(segment, at)) {
    const distance = at - home(segment, segment[at])
    const fromGap = at - gap
    // Distances run round the end of the segment. Who belongs behind the gap stays.
    if ((distance < 0 ? distance + segment.length : distance) < (fromGap < 0 ? fromGap + segment.length : fromGap)) continue
    segment[gap] = segment[at]
    segment[gap + 1] = segment[at + 1]
    gap = at
  }
  segment[gap + 1] = EMPTY
}
