/**
 * Remembers event ids for at least eight days, 16 bytes each in order of arrival plus about 10 of a hash index, so that
 * an id counts once [DEDUP-1, DEDUP-2]. The oldest are forgotten first, when their time is over or when there is no
 * more room [DEDUP-4]; both happen a few at a time.
 */
import { HashIndex } from './hash-index.ts'
import type { KeyedHash } from './keyed-hash.ts'

const MINUTE = 60_000

/** How long an id is remembered at the least, in minutes. */
export const HORIZON_MINUTES = 8 * 24 * 60

/** Most ids that an index can remember. */
export const MAX_DEDUP_CAPACITY = 67_000_000

/** Places in the ring of ids: over a chunk more than can be in use, so that head and tail never share one from behind. */
const RING = 2 ** 26
const CHUNK_BITS = 16
const CHUNK_IDS = 1 << CHUNK_BITS

/** When a stretch of ids arrived, by both clocks, in whole minutes. */
interface Arrival {
  /** Sequence number of the first id of the stretch. */
  first: number
  wall: number
  monotonic: number
}

/** See above. Every id has a sequence number, counted from 0 in order of arrival. */
export class DedupIndex {
  readonly capacity: number
  readonly #hash: KeyedHash
  readonly #index: HashIndex
  readonly #chunks: (Uint32Array | undefined)[] = new Array(RING / CHUNK_IDS)
  #spare: Uint32Array | undefined
  /** The arrivals of all ids from `#live` on, oldest first. */
  readonly #arrivals: Arrival[] = []
  /** The newest id that was forgotten before its time. */
  #lost: Arrival | undefined
  /** Next sequence number. */
  #head = 0
  /** First id that still counts as known. */
  #live = 0
  /** First id that still takes room; those before `#live` are removed piecewise. */
  #tail = 0
  #wall = 0
  #monotonic = 0
  // The id that is being looked for.
  #a = 0
  #b = 0
  #c = 0
  #d = 0
  #probe = 0

  constructor(capacity: number, hash: KeyedHash) {
    if (!(capacity >= 1 && capacity <= MAX_DEDUP_CAPACITY)) throw new RangeError(`capacity must be 1 to ${MAX_DEDUP_CAPACITY}`)
    this.capacity = capacity
    this.#hash = hash
    this.#index = new HashIndex(this)
  }

  /** Ids that count as known. */
  get size(): number {
    return this.#head - this.#live
  }

  /** Bytes of ids and index. */
  get byteLength(): number {
    let chunks = this.#spare === undefined ? 0 : 1
    for (const chunk of this.#chunks) if (chunk !== undefined) chunks++
    return chunks * CHUNK_IDS * 16 + this.#index.byteLength
  }

  /** For how many minutes every id has been remembered at the least: HORIZON_MINUTES unless room ran out. */
  get horizonMinutes(): number {
    if (this.#lost === undefined) return HORIZON_MINUTES
    return Math.max(0, Math.min(HORIZON_MINUTES, this.#wall - this.#lost.wall, this.#monotonic - this.#lost.monotonic))
  }

  /**
   * Sets the time, in milliseconds by both clocks, and forgets what is due: an id's time is over when eight days have
   * passed by either clock, so that a jump of one cannot cut it short [TIME-3]. Frees at most `budget` ids' room.
   */
  advance(wall: number, monotonic: number, budget: number): void {
    this.#wall = Math.max(this.#wall, Math.floor(wall / MINUTE))
    this.#monotonic = Math.max(this.#monotonic, Math.floor(monotonic / MINUTE))
    while (this.#arrivals.length > 0 && this.#isOver(this.#arrivals[0])) {
      this.#arrivals.shift()
      this.#live = this.#arrivals.length > 0 ? this.#arrivals[0].first : this.#head
    }
    if (this.#lost !== undefined && this.#isOver(this.#lost)) this.#lost = undefined
    for (let left = Math.min(budget, this.#live - this.#tail); left > 0; left--) this.#free()
  }

  /** Sequence number of the next id. */
  get next(): number {
    return this.#head
  }

  /** Whether the id at `ids[at .. at + 3]` is known. A following `add` adds this id. */
  has(ids: Uint32Array, at: number): boolean {
    return this.#find(ids, at) >= 0
  }

  /** The sequence number of the id at `ids[at .. at + 3]`, or -1. A following `add` adds this id. */
  sequenceOf(ids: Uint32Array, at: number): number {
    const place = this.#find(ids, at)
    return place < 0 ? -1 : this.#sequenceAt(place)
  }

  /** Adds the id that `has` has just not found. At capacity the oldest makes room. */
  add(): void {
    if (this.#head - this.#tail >= this.capacity) {
      if (this.#tail === this.#live) this.#forgetEarly()
      this.#free()
    }
    const last = this.#arrivals.at(-1)
    if (last === undefined || last.wall !== this.#wall || last.monotonic !== this.#monotonic) {
      this.#arrivals.push({ first: this.#head, wall: this.#wall, monotonic: this.#monotonic })
    }
    const place = this.#head % RING
    const chunk = this.#chunks[place >>> CHUNK_BITS] ??= this.#newChunk()
    const at = (place & (CHUNK_IDS - 1)) * 4
    chunk[at] = this.#a
    chunk[at + 1] = this.#b
    chunk[at + 2] = this.#c
    chunk[at + 3] = this.#d
    this.#head++
    this.#index.insert(this.#probe, place)
  }

  /** Takes back the newest ids, those from sequence number `from` on. O(ids taken back). */
  retract(from: number): void {
    const head = Math.max(from, this.#tail)
    while (this.#head > head) {
      const place = --this.#head % RING
      this.#index.remove(this.hashOf(place), place)
    }
    this.#live = Math.min(this.#live, head)
    while (this.#arrivals.length > 0 && this.#arrivals.at(-1)!.first >= head) this.#arrivals.pop()
  }

  /** Part of the index's Keys. */
  hashOf(place: number): number {
    const chunk = this.#chunks[place >>> CHUNK_BITS]!
    const at = (place & (CHUNK_IDS - 1)) * 4
    return this.#hash.words(chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3])
  }

  /** Part of the index's Keys. An id whose time is over is not found, whether it still takes room or not. */
  matches(place: number): boolean {
    const chunk = this.#chunks[place >>> CHUNK_BITS]!
    const at = (place & (CHUNK_IDS - 1)) * 4
    if (chunk[at + 3] !== this.#d || chunk[at + 2] !== this.#c || chunk[at + 1] !== this.#b || chunk[at] !== this.#a) return false
    return this.#sequenceAt(place) >= this.#live
  }

  #find(ids: Uint32Array, at: number): number {
    this.#a = ids[at]
    this.#b = ids[at + 1]
    this.#c = ids[at + 2]
    this.#d = ids[at + 3]
    this.#probe = this.#hash.words(this.#a, this.#b, this.#c, this.#d)
    return this.#index.find(this.#probe)
  }

  /** The sequence number of the id that lies at a place of the ring. */
  #sequenceAt(place: number): number {
    return this.#tail + (place - this.#tail % RING + RING) % RING
  }

  #isOver(arrival: Arrival): boolean {
    return this.#wall > arrival.wall + HORIZON_MINUTES && this.#monotonic > arrival.monotonic + HORIZON_MINUTES
  }

  #forgetEarly(): void {
    this.#lost = { ...this.#arrivals[0] }
    this.#live++
    if (this.#arrivals.length > 1 ? this.#arrivals[1].first === this.#live : this.#live === this.#head) this.#arrivals.shift()
  }

  /** Frees the room of the oldest id. */
  #free(): void {
    const place = this.#tail % RING
    this.#index.remove(this.hashOf(place), place)
    this.#tail++
    const at = place >>> CHUNK_BITS
    if ((place & (CHUNK_IDS - 1)) === CHUNK_IDS - 1) {
      this.#spare = this.#chunks[at]
      this.#chunks[at] = undefined
    }
  }

  #newChunk(): Uint32Array {
    const chunk = this.#spare ?? new Uint32Array(CHUNK_IDS * 4)
    this.#spare = undefined
    return chunk
  }
}
