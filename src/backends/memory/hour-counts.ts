/**
 * How many events each user had in one hour: an append-only list of (user, count), in chunks. A user that comes back to
 * an hour after another one gets a second entry; when too many have, the list is folded.
 */

const CHUNK_BITS = 12
const CHUNK_ENTRIES = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_ENTRIES - 1

/** See above. */
export class HourCounts {
  #users: Uint32Array[] = []
  #counts: Uint32Array[] = []
  #length = 0

  /** Entries so far. */
  get length(): number {
    return this.#length
  }

  /** Adds an entry with one event and returns its place. */
  append(user: number): number {
    const entry = this.#length++
    if (entry >>> CHUNK_BITS === this.#users.length) {
      this.#users.push(new Uint32Array(CHUNK_ENTRIES))
      this.#counts.push(new Uint32Array(CHUNK_ENTRIES))
    }
    this.#users[entry >>> CHUNK_BITS][entry & CHUNK_MASK] = user
    this.#counts[entry >>> CHUNK_BITS][entry & CHUNK_MASK] = 1
    return entry
  }

  /** Counts one more event for an entry. */
  increment(entry: number): void {
    this.#counts[entry >>> CHUNK_BITS][entry & CHUNK_MASK]++
  }

  /** The user of an entry. */
  userAt(entry: number): number {
    return this.#users[entry >>> CHUNK_BITS][entry & CHUNK_MASK]
  }

  /** The events of an entry. */
  countAt(entry: number): number {
    return this.#counts[entry >>> CHUNK_BITS][entry & CHUNK_MASK]
  }

  /** Whether the list is so much longer than one entry for each of `users` users that folding it is worth it. */
  isFoldDue(users: number): boolean {
    return this.#length >= Math.max(CHUNK_ENTRIES, users * 2)
  }

  /**
   * Joins the entries of each user into its first one and tells the place of each, so that memory follows the number of
   * users and not of events. O(length + userLimit), at most once for as many events.
   * @param userLimit one past the highest user number
   */
  fold(userLimit: number, moved: (user: number, entry: number) => void): void {
    const places = new Uint32Array(userLimit)
    let kept = 0
    for (let entry = 0; entry < this.#length; entry++) {
      const user = this.userAt(entry)
      const count = this.countAt(entry)
      if (places[user] === 0) {
        places[user] = ++kept
        this.#users[(kept - 1) >>> CHUNK_BITS][(kept - 1) & CHUNK_MASK] = user
        this.#counts[(kept - 1) >>> CHUNK_BITS][(kept - 1) & CHUNK_MASK] = count
        moved(user, kept - 1)
      } else {
        this.#counts[(places[user] - 1) >>> CHUNK_BITS][(places[user] - 1) & CHUNK_MASK] += count
      }
    }
    this.#length = kept
    this.#users.length = this.#counts.length = Math.ceil(kept / CHUNK_ENTRIES)
  }
}
