/**
 * How many events each user had in one hour: a list of (user, count), in chunks. A user that comes back to an hour after
 * another one gets a second entry; when too many have, the list is folded.
 */

const CHUNK_BITS = 12
const CHUNK_ENTRIES = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_ENTRIES - 1

/** The users of one hour, each with how many events; entries are read by their number, from 0. */
export class HourCounts {
  #users: Uint32Array[] = []
  #counts: Uint32Array[] = []
  #length = 0

  /** Entries so far. */
  get length(): number {
    return this.#length
  }

  /** Adds an entry and returns its place. */
  append(user: number): number {
    const entry = this.#length++
    if (entry >>> CHUNK_BITS === this.#users.length) {
      this.#users.push(new Uint32Array(CHUNK_ENTRIES))
      this.#counts.push(new Uint32Array(CHUNK_ENTRIES))
    }
    this.#users[entry >>> CHUNK_BITS][entry & CHUNK_MASK] = user
    this.#counts[entry >>> CHUNK_BITS][entry & CHUNK_MASK] = 0
    return entry
  }

  /** Sets the events of an entry. */
  set(entry: number, count: number): void {
    this.#counts[entry >>> CHUNK_BITS][entry & CHUNK_MASK] = count
  }

  /** The user of an entry. */
  userAt(entry: number): number {
    return this.#users[entry >>> CHUNK_BITS][entry & CHUNK_MASK]
  }

  /** The events of an entry, as last set. */
  countAt(entry: number): number {
    return this.#counts[entry >>> CHUNK_BITS][entry & CHUNK_MASK]
  }

  /** Moves an entry to a place before it. */
  move(from: number, to: number): void {
    this.#users[to >>> CHUNK_BITS][to & CHUNK_MASK] = this.userAt(from)
    this.set(to, this.countAt(from))
  }

  /** Drops the entries from a place on. */
  truncate(length: number): void {
    this.#length = length
    this.#users.length = this.#counts.length = Math.ceil(length / CHUNK_ENTRIES)
  }
}
