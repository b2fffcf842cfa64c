/**
 * How many events each user had in one hour: a list of (user, count), in chunks. A user that comes back to an hour after
 * another one gets a second entry; when too many have, the list is folded.
 */

const CHUNK_BITS = 12
const CHUNK_ENTRIES = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_ENTRIES - 1

/** The users of one hour, each with how many events; entries are read by their number, from 0. */
export class HourCounts {
  /** Counted from 1970. */
  readonly hour: number
  /** Pairs of a user and its count, side by side: with events of a week they are anywhere, and each costs one line of the cache. */
  readonly #chunks: Uint32Array[] = []
  #length = 0

  constructor(hour: number) {
    this.hour = hour
  }

  /** Entries so far. */
  get length(): number {
    return this.#length
  }

  /** Adds an entry of one event and returns its place. */
  append(user: number): number {
    const entry = this.#length++
    if (entry >>> CHUNK_BITS === this.#chunks.length) this.#chunks.push(new Uint32Array(2 * CHUNK_ENTRIES))
    const chunk = this.#chunks[entry >>> CHUNK_BITS]
    const at = (entry & CHUNK_MASK) * 2
    chunk[at] = user
    chunk[at + 1] = 1
    return entry
  }

  /** Sets the events of an entry. */
  set(entry: number, count: number): void {
    this.#chunks[entry >>> CHUNK_BITS][(entry & CHUNK_MASK) * 2 + 1] = count
  }

  /** The user of an entry. */
  userAt(entry: number): number {
    return this.#chunks[entry >>> CHUNK_BITS][(entry & CHUNK_MASK) * 2]
  }

  /** The events of an entry, as last set. */
  countAt(entry: number): number {
    return this.#chunks[entry >>> CHUNK_BITS][(entry & CHUNK_MASK) * 2 + 1]
  }

  /** Moves an entry to a place before it. */
  move(from: number, to: number): void {
    const at = (to & CHUNK_MASK) * 2
    const chunk = this.#chunks[to >>> CHUNK_BITS]
    chunk[at] = this.userAt(from)
    chunk[at + 1] = this.countAt(from)
  }

  /** Drops the entries from a place on. */
  truncate(length: number): void {
    this.#length = length
    this.#chunks.length = Math.ceil(length / CHUNK_ENTRIES)
  }
}
