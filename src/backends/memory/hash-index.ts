/**
 * A hash index from keys to small numbers that grows a piece at a time: linear hashing (Litwin 1980) over segments of
 * 64 KiB with linear probing inside each. It keeps no keys, only numbers, 4 bytes a slot; whoever owns the keys hashes
 * and compares them. Growing splits one segment (about a millisecond at worst), never the whole table.
 */

/** The owner of the keys. */
export interface Keys {
  /** The hash of the key that a number stands for. */
  hashOf(value: number): number
  /** Whether a number stands for the key that is being looked for. */
  matches(value: number): boolean
}

/** Numbers that an index can hold are below this. */
export const INDEX_VALUE_LIMIT = 2 ** 26 - 2

const SEGMENT_BITS = 14
const SEGMENT_SLOTS = 1 << SEGMENT_BITS
const SLOT_MASK = SEGMENT_SLOTS - 1
/** Entries a segment on average. A segment whose turn to split has not come holds up to twice as many. */
const MEAN_LOAD = Math.floor(SEGMENT_SLOTS * 0.4)
/** Slots in use, dead ones included, at which a segment is cleaned before it takes more. */
const FULL = Math.floor(SEGMENT_SLOTS * 0.9)
const MAX_SEGMENTS = 1 << 14

/** A slot holds the six upper bits of the hash and value + 1. */
const VALUE_MASK = 0x3ffffff
const EMPTY = 0
const DEAD = 0xffffffff

/** See above. Every operation is O(1) expected. */
export class HashIndex {
  readonly #keys: Keys
  readonly #segments: Uint32Array[] = [new Uint32Array(SEGMENT_SLOTS)]
  /** Slots in use of each segment, dead ones included. */
  readonly #used: number[] = [0]
  readonly #scratch = new Uint32Array(SEGMENT_SLOTS)
  /** Segments at the beginning of the present round of splits; a power of two. */
  #round = 1
  #size = 0

  constructor(keys: Keys) {
    this.#keys = keys
  }

  /** Entries held. */
  get size(): number {
    return this.#size
  }

  /** Bytes of the slots. */
  get byteLength(): number {
    return this.#segments.length * SEGMENT_SLOTS * 4
  }

  /** The number whose key matches, or -1. */
  find(hash: number): number {
    const segment = this.#segments[this.#segmentOf(hash)]
    for (let i = hash & SLOT_MASK; ; i = (i + 1) & SLOT_MASK) {
      const slot = segment[i]
      if (slot === EMPTY) return -1
      if ((slot ^ hash) >>> 26 === 0 && slot !== DEAD && this.#keys.matches((slot & VALUE_MASK) - 1)) return (slot & VALUE_MASK) - 1
    }
  }

  /** Adds a number; the caller knows that its key is not there. */
  insert(hash: number, value: number): void {
    while (this.#used[this.#segmentOf(hash)] >= FULL) this.#relieve(this.#segmentOf(hash))
    this.#put(this.#segmentOf(hash), hash, ((hash & ~VALUE_MASK) | (value + 1)) >>> 0)
    this.#size++
    if (this.#size > this.#segments.length * MEAN_LOAD && this.#segments.length < MAX_SEGMENTS) this.#split()
  }

  /** Takes out exactly this number; nothing happens where it is not held. */
  remove(hash: number, value: number): void {
    const at = this.#segmentOf(hash)
    const segment = this.#segments[at]
    const wanted = ((hash & ~VALUE_MASK) | (value + 1)) >>> 0
    let i = hash & SLOT_MASK
    while (segment[i] !== wanted) {
      if (segment[i] === EMPTY) return
      i = (i + 1) & SLOT_MASK
    }
    this.#size--
    segment[i] = DEAD
    if (segment[(i + 1) & SLOT_MASK] !== EMPTY) return
    // Nobody probes past this slot any more, so it and the dead ones before it are free again.
    for (; segment[i] === DEAD; i = (i - 1) & SLOT_MASK) {
      segment[i] = EMPTY
      this.#used[at]--
    }
  }

  #segmentOf(hash: number): number {
    const wide = (hash >>> SEGMENT_BITS) & (this.#round * 2 - 1)
    return wide < this.#segments.length ? wide : wide & (this.#round - 1)
  }

  #put(at: number, hash: number, slot: number): void {
    const segment = this.#segments[at]
    let i = hash & SLOT_MASK
    while (segment[i] !== EMPTY && segment[i] !== DEAD) i = (i + 1) & SLOT_MASK
    if (segment[i] === EMPTY) this.#used[at]++
    segment[i] = slot
  }

  /** Makes room in a full segment: dead slots first, splits until it is its turn otherwise. */
  #relieve(at: number): void {
    this.#spread(at)
    if (this.#used[at] < FULL) return
    if (this.#segments.length >= MAX_SEGMENTS) throw new RangeError('the index is full')
    this.#split()
  }

  #split(): void {
    const at = this.#segments.length - this.#round
    this.#segments.push(new Uint32Array(SEGMENT_SLOTS))
    this.#used.push(0)
    this.#spread(at)
    if (this.#segments.length === this.#round * 2) this.#round *= 2
  }

  /** Puts every live entry of a segment where it belongs now. O(SEGMENT_SLOTS). */
  #spread(at: number): void {
    const segment = this.#segments[at]
    this.#scratch.set(segment)
    segment.fill(EMPTY)
    this.#used[at] = 0
    for (let i = 0; i < SEGMENT_SLOTS; i++) {
      const slot = this.#scratch[i]
      if (slot === EMPTY || slot === DEAD) continue
      const hash = this.#keys.hashOf((slot & VALUE_MASK) - 1)
      this.#put(this.#segmentOf(hash), hash, slot)
    }
  }
}
