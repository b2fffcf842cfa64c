/**
 * Ids, each with the stamp of a generation, in as many memories as they need: one of WebAssembly's ends at 4 GiB.
 *
 * How likely an id that is not known is taken for one that is: both must be in the same of 2^s shards (s bits), have the same
 * remainder (64 bits), and the same line by their first choice within its page (10 bits). These are different bits of a keyed
 * hash of 128; the page and the second choice follow from the remainder and add nothing. A shard has at most 2^28 ids, so
 * the chance is at most 2^28 / 2^74 = 2^-46 = 1.4e-14 for each new id, at any capacity; with a billion ids it is 2^30 / 2^76, the same.
 */
import { HASH_WORDS, IdShard, STRIDE } from './id-shard.ts'

/** Most ids of a shard: 3.6 GB, at the 13.5 bytes that an id takes at the worst. */
const SHARD_IDS = 2 ** 28

/** How many shards so many ids need; a power of two. */
export function shardsFor(ids: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(ids / SHARD_IDS)))
}

/** The shards as one. Operations are about the ids that were taken last. */
export class IdTable {
  readonly #shards: IdShard[]
  /** Of each id that was taken: its shard, and its place among what that was handed over. */
  readonly #shardOf = new Uint8Array(STRIDE)
  readonly #placeOf = new Uint8Array(STRIDE)
  /** Of each shard: how many it was handed over, and how many of these have been claimed. */
  readonly #counts: number[]
  readonly #claimed: number[]
  #from = 0
  #count = 0

  /** @param shards a power of two, 256 at the most */
  constructor(shards: number) {
    this.#shards = Array.from({ length: shards }, () => new IdShard())
    this.#counts = new Array<number>(shards).fill(0)
    this.#claimed = new Array<number>(shards).fill(0)
  }

  /** Bytes taken from the system. */
  get byteLength(): number {
    return this.#shards.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** Lines that hold ids. */
  get lines(): number {
    return this.#shards.reduce((sum, { lines }) => sum + lines, 0)
  }

  /** The image of each shard, see `IdShard`. */
  get images(): Uint8Array[] {
    return this.#shards.map((shard) => shard.image)
  }

  /** Becomes the table that has such images; their bytes say how many there are. */
  async takeImages(bytes: readonly number[], fill: (memory: Uint8Array) => Promise<void>): Promise<void> {
    if (bytes.length !== this.#shards.length) throw new RangeError('this is the image of a table with another number of shards')
    for (const [s, shard] of this.#shards.entries()) await shard.takeImage(bytes[s], fill)
  }

  /** See `IdShard`. */
  setLive(first: number, last: number): void {
    for (const shard of this.#shards) shard.setLive(first, last)
  }

  /** Takes the ids `from .. to - 1`, a STRIDE at the most, and brings what they need into the cache. */
  take(ids: Uint32Array, from: number, to: number): void {
    const [first] = this.#shards
    this.#from = from
    this.#count = to - from
    first.hash(ids, from, to)
    if (this.#shards.length === 1) this.#counts[0] = to - from
    else this.#deal(first.hashes)
    this.#claimed.fill(0)
    for (let s = 0; s < this.#shards.length; s++) this.#shards[s].prefetch(this.#counts[s])
  }

  /** Adds, with this stamp, those of the ids that are not known, as far as it was not done yet, and `most` at the most. Returns how many. */
  claim(stamp: number, most: number): number {
    let left = most
    for (let s = 0; s < this.#shards.length; s++) {
      this.#claimed[s] = this.#shards[s].claim(this.#claimed[s], this.#counts[s], stamp, left)
      left -= this.#shards[s].added
    }
    return most - left
  }

  /** Whether all ids have been claimed. */
  get isDone(): boolean {
    for (let s = 0; s < this.#shards.length; s++) if (this.#claimed[s] < this.#counts[s]) return false
    return true
  }

  /** Writes what became of the ids, once all have been claimed. */
  writeVerdicts(verdicts: Uint8Array): void {
    if (this.#shards.length === 1) {
      verdicts.set(this.#shards[0].fates.subarray(0, this.#count), this.#from)
      return
    }
    for (let i = 0; i < this.#count; i++) verdicts[this.#from + i] = this.#shards[this.#shardOf[i]].fates[this.#placeOf[i]]
  }

  /** The stamp of the id `i`, one of those taken; 0 where it is not known. */
  stampOf(i: number): number {
    if (this.#shards.length === 1) return this.#shards[0].stampOf(i - this.#from)
    return this.#shards[this.#shardOf[i - this.#from]].stampOf(this.#placeOf[i - this.#from])
  }

  /** Gives the id `i`, one of those taken, another stamp, 0 to take it out. Returns the one that it had, 0 where it is not known. */
  restamp(i: number, stamp: number): number {
    if (this.#shards.length === 1) return this.#shards[0].restamp(i - this.#from, stamp)
    return this.#shards[this.#shardOf[i - this.#from]].restamp(this.#placeOf[i - this.#from], stamp)
  }

  /** The shard whose lines are walked through at present. */
  #swept = 0

  /** See `IdShard`. */
  sweep(lines: number): boolean {
    if (!this.#shards[this.#swept].sweep(lines)) return false
    this.#swept = (this.#swept + 1) % this.#shards.length
    return this.#swept === 0
  }

  /** Hands the hashes over to their shards, in the order in which they are. Those of the first shard are in its memory already, and move forward. */
  #deal(hashes: Uint32Array): void {
    this.#counts.fill(0)
    const mask = this.#shards.length - 1
    for (let i = 0, at = 0; i < this.#count; i++, at += HASH_WORDS) {
      const s = hashes[at + HASH_WORDS - 1] >>> 24 & mask
      const place = this.#counts[s]++
      this.#shardOf[i] = s
      this.#placeOf[i] = place
      const to = this.#shards[s].hashes
      for (let word = 0; word < HASH_WORDS; word++) to[HASH_WORDS * place + word] = hashes[at + word]
    }
  }
}
