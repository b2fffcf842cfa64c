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

  /** Whether the list is so much longer than one entry for each of `users` users that folding it is worth it. */
  isFoldDue(users: number): boolean {
    return this.#length >= Math.max(CHUNK_ENTRIES, users * 2)
  }

  /**
   * Joins the entries of each user into its first one, so that memory follows the number of users and not of events.
   * O(length + userLimit), at most once for as many events.
   * @param userLimit one past the highest user number
   */
  fold(userLimit: number): void {
    const places = new Uint32Array(userLimit)
    const length = this.#length
    this.#length = 0
    for (let entry = 0; entry < length; entry++) {
      const user = this.userAt(entry)
      const count = this.countAt(entry)
      if (places[user] === 0) {
        // The list is no longer than what has been read of it, so nothing unread is overwritten.
        this.set(this.append(user), count)
        places[user] = this.#length
      } else {
        this.set(places[user] - 1, this.countAt(places[user] - 1) + count)
      }
    }
    this.#users.length = this.#counts.length = Math.ceil(this.#length / CHUNK_ENTRIES)
  }
}
