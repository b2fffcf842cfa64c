/** A set of ids, as compact as the table of all of them. An id that is not in it is taken for one that is with the same next to no chance. */
import { IdShard } from './id-shard.ts'

const STAMP = 1

/** One set. Operations are about the ids that were taken last. */
export class IdSet {
  readonly #shard = new IdShard()
  #from = 0

  constructor() {
    this.#shard.setLive(STAMP, STAMP)
  }

  /** See `IdShard`. */
  get image(): Uint8Array {
    return this.#shard.image
  }

  /** See `IdShard`. */
  takeImage(bytes: number, fill: (memory: Uint8Array) => Promise<void>): Promise<void> {
    return this.#shard.takeImage(bytes, fill)
  }

  /** Takes the ids `from .. to - 1`, a stride at the most, and brings what they need into the cache. */
  take(ids: Uint32Array, from: number, to: number): void {
    this.#from = from
    this.#shard.hash(ids, from, to)
    this.#shard.prefetch(to - from)
  }

  /** Whether the id `i`, one of those taken, is in the set. */
  has(i: number): boolean {
    return this.#shard.stampOf(i - this.#from) !== 0
  }

  add(i: number): void {
    this.#shard.claim(i - this.#from, i - this.#from + 1, STAMP, 1)
  }

  delete(i: number): void {
    this.#shard.restamp(i - this.#from, 0)
  }
}
