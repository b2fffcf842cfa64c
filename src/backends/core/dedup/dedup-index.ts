/**
 * Remembers event ids for at least eight days, 16 bytes each in order of arrival plus about 14 of a hash index, so that
 * an id counts once [DEDUP-1, DEDUP-2]. The oldest are forgotten first, when their time is over or when there is no
 * more room [DEDUP-4]; both happen a few at a time.
 */
import { Verdict, type Batch } from '../../batch.ts'
import type { ClockReading } from '../clock/clock-reading.ts'
import { Arrivals } from './arrivals.ts'
import { HashIndex } from './hash-index.ts'

/** Most ids that an index can remember. */
export const MAX_DEDUP_CAPACITY = 67_000_000

/** Places in the ring of ids: over a chunk more than can be in use, so that head and tail never share one. */
const RING = 2 ** 26
const CHUNK_BITS = 15
const CHUNK_IDS = 1 << CHUNK_BITS

/** Most ids that are claimed or freed together, so that their slots can be prefetched. */
export const STRIDE = 256

/** All ids that are remembered. Every id has a sequence number, counted from 0 in order of arrival. */
export class DedupIndex {
  readonly capacity: number
  readonly #index = new HashIndex()
  readonly #chunks: (Uint32Array | undefined)[] = new Array(RING / CHUNK_IDS)
  #spare: Uint32Array | undefined
  /** Of all ids from `#live` on. */
  readonly #arrivals = new Arrivals()
  /** Next sequence number. */
  #head = 0
  /** First id that still counts as known. */
  #live = 0
  /** First id that still takes room; those before `#live` are removed piecewise. */
  #tail = 0

  constructor(capacity: number) {
    if (!(capacity >= 1 && capacity <= MAX_DEDUP_CAPACITY)) throw new RangeError(`capacity must be 1 to ${MAX_DEDUP_CAPACITY}`)
    this.capacity = capacity
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
    return this.#arrivals.horizonMinutes
  }

  /** Sets the time at which ids arrive from now on. Never goes back. */
  setTime(now: ClockReading): void {
    this.#arrivals.setTime(now)
  }

  /** Forgets what is due, and frees at most `budget` ids' room. */
  expire(budget: number): void {
    this.#live = this.#arrivals.expire(this.#head) ?? this.#live
    for (let left = Math.min(budget, this.#live - this.#tail); left > 0; left -= STRIDE) this.#free(Math.min(STRIDE, left))
  }

  /** Sequence number of the next id. */
  get next(): number {
    return this.#head
  }

  /** Adds the ids of the events `from .. to - 1` that are not known, a STRIDE at the most; says in the verdicts, Accepted or Duplicate, which were. */
  claim({ ids, verdicts }: Batch, from: number, to: number): void {
    this.#index.prefetch(ids, from, to)
    let i = from
    while (i < to) {
      const room = this.capacity - this.#head + this.#tail
      const place = this.#head % RING
      const most = Math.min(to, i + room, i + CHUNK_IDS - place % CHUNK_IDS)
      const end = this.#index.claim(i, most, place)
      this.#write(ids, i, end)
      verdicts.fill(Verdict.Accepted, i, end)
      i = end
      if (i === most && room > 0) continue
      // Either there is an id with this one's hash, or none can come without another's being forgotten.
      const hash = this.#index.hashAt(i)
      if (this.#find(hash, ids, i * 4) >= 0) {
        verdicts[i++] = Verdict.Duplicate
      } else if (room > 0) {
        this.#add(hash, ids, i * 4)
        verdicts[i++] = Verdict.Accepted
      } else {
        this.#evict()
        this.#index.prefetch(ids, i, to)
      }
    }
  }

  /** Whether an id is known. */
  has(ids: Uint32Array, at: number): boolean {
    return this.#find(this.#index.hashOf(ids, at), ids, at) >= 0
  }

  /** The sequence number of an id, or -1. */
  sequenceOf(ids: Uint32Array, at: number): number {
    const place = this.#find(this.#index.hashOf(ids, at), ids, at)
    return place < 0 ? -1 : this.#sequenceAt(place)
  }

  /** The sequence number of an id, or -1; the lowest of one that was added more than once. */
  oldestSequenceOf(ids: Uint32Array, at: number): number {
    const hash = this.#index.hashOf(ids, at)
    let oldest = -1
    for (let place = this.#index.first(hash); place >= 0; place = this.#index.next(hash)) {
      const sequence = this.#isAt(place, ids, at) ? this.#sequenceAt(place) : -1
      if (sequence >= this.#live && (oldest < 0 || sequence < oldest)) oldest = sequence
    }
    return oldest
  }

  /** Adds an id that is not known, or one that is, to be remembered from now on. At capacity the oldest is evicted. */
  add(ids: Uint32Array, at: number): void {
    this.#add(this.#index.hashOf(ids, at), ids, at)
  }

  #add(hash: number, ids: Uint32Array, at: number): void {
    if (this.#head - this.#tail >= this.capacity) this.#evict()
    this.#index.insert(hash, this.#head % RING)
    this.#write(ids, at / 4, at / 4 + 1)
  }

  /** Puts the ids `from .. to - 1` into the ring, all in one chunk, as the newest. */
  #write(ids: Uint32Array, from: number, to: number): void {
    if (from === to) return
    this.#arrivals.add(this.#head)
    const place = this.#head % RING
    const chunk = this.#chunks[place >>> CHUNK_BITS] ??= this.#newChunk()
    chunk.set(ids.subarray(from * 4, to * 4), (place & (CHUNK_IDS - 1)) * 4)
    this.#head += to - from
  }

  /** Takes back the newest ids, those from sequence number `from` on. O(ids taken back). */
  retract(from: number): void {
    const head = Math.max(from, this.#tail)
    while (this.#head > head) {
      const place = --this.#head % RING
      this.#index.remove(this.#hashAt(place), place)
    }
    this.#live = Math.min(this.#live, head)
    this.#arrivals.retract(head)
  }

  /** The place of an id; one whose time is over is not found, whether it still takes room or not. */
  #find(hash: number, ids: Uint32Array, at: number): number {
    for (let place = this.#index.first(hash); place >= 0; place = this.#index.next(hash)) {
      if (this.#isAt(place, ids, at) && this.#sequenceAt(place) >= this.#live) return place
    }
    return -1
  }

  #isAt(place: number, ids: Uint32Array, at: number): boolean {
    const chunk = this.#chunks[place >>> CHUNK_BITS]!
    const slot = (place & (CHUNK_IDS - 1)) * 4
    return chunk[slot + 3] === ids[at + 3] && chunk[slot + 2] === ids[at + 2] && chunk[slot + 1] === ids[at + 1] && chunk[slot] === ids[at]
  }

  #hashAt(place: number): number {
    return this.#index.hashOf(this.#chunks[place >>> CHUNK_BITS]!, (place & (CHUNK_IDS - 1)) * 4)
  }

  /** The sequence number of the id that lies at a place of the ring. */
  #sequenceAt(place: number): number {
    return this.#tail + (place - this.#tail % RING + RING) % RING
  }

  /** Frees the room of the oldest ids, of more than one where that is next to nothing. */
  #evict(): void {
    const count = Math.max(1, Math.min(STRIDE, this.capacity >>> 16))
    while (this.#live < this.#tail + count) this.#forgetEarly()
    this.#free(count)
  }

  #forgetEarly(): void {
    this.#live++
    this.#arrivals.forgetOldest(this.#live, this.#head)
  }

  /** Frees the room of the oldest ids, at most a STRIDE of them. */
  #free(count: number): void {
    for (let left = count; left > 0;) {
      const place = this.#tail % RING
      const chunk = this.#chunks[place >>> CHUNK_BITS]!
      const first = place & (CHUNK_IDS - 1)
      const now = Math.min(left, CHUNK_IDS - first)
      this.#index.prefetch(chunk, first, first + now)
      for (let i = 0; i < now; i++) this.#index.remove(this.#index.hashAt(first + i), place + i)
      this.#tail += now
      left -= now
      if (first + now < CHUNK_IDS) continue
      this.#spare = chunk
      this.#chunks[place >>> CHUNK_BITS] = undefined
    }
  }

  #newChunk(): Uint32Array {
    const chunk = this.#spare ?? new Uint32Array(CHUNK_IDS * 4)
    this.#spare = undefined
    return chunk
  }
}
