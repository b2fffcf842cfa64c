/** A filter made ready for looking at many events: types as a table, users as hashes that rule out nearly all others. */
import { EVENT_TYPES, type Event } from '../../../../schemas/index.ts'
import type { Filter } from '../../backend.ts'
import { HIDDEN, type Segment } from './segment.ts'

/** Made once for a filter object, and used for every read by it. */
export class PreparedFilter {
  readonly #types: Uint8Array | undefined
  readonly #users: ReadonlySet<string> | undefined
  readonly #hashes: Set<number> | undefined

  /** @param hashUser the hash that segments carry */
  constructor(filter: Filter, hashUser: (user: string) => number) {
    if (filter.types !== undefined) {
      this.#types = new Uint8Array(EVENT_TYPES.length)
      for (const type of filter.types) this.#types[type] = 1
    }
    if (filter.users !== undefined) {
      this.#users = filter.users
      this.#hashes = new Set([...filter.users].map(hashUser))
    }
  }

  /** Whether event `i` of a segment matches. Two users may share a hash, so a hit is read to be sure. */
  matches(segment: Segment, i: number): boolean {
    if (segment.types[i] === HIDDEN || (this.#types !== undefined && this.#types[segment.types[i]] === 0)) return false
    if (this.#hashes === undefined) return true
    if (!this.#hashes.has(segment.userHashes[i])) return false
    const event = JSON.parse(segment.bytes.toString('utf8', segment.offsets[i], segment.offsets[i + 1] - 1)) as Event
    return this.#users!.has(event.user_id)
  }
}
