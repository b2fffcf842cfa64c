/**
 * Every user that some window still counts, under a small number: its name, its latest timestamp and how many events
 * each window holds of it. The table grows by chunks of 65,536 users and never moves one.
 */
import { TIME_WINDOWS } from '../../../schemas/index.ts'
import { HashIndex, INDEX_VALUE_LIMIT } from './hash-index.ts'
import type { KeyedHash } from './keyed-hash.ts'
import { UserNames } from './user-names.ts'

/** Most users that a table can hold. */
export const MAX_USER_CAPACITY = 60_000_000

const CHUNK_BITS = 16
const CHUNK_USERS = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_USERS - 1

/** The columns of 65,536 users. */
class UserChunk {
  /** Latest timestamp, milliseconds since 1970. */
  readonly lastSeen = new Float64Array(CHUNK_USERS)
  /** The hour of the user's newest entry in the hour counts, and the entry itself; saves looking it up. */
  readonly hour = new Int32Array(CHUNK_USERS)
  readonly entry = new Uint32Array(CHUNK_USERS)
  readonly name = new Uint32Array(CHUNK_USERS)
  readonly nameLength = new Uint16Array(CHUNK_USERS)
  /** Events in each window; zero in the longest one for a number that is not in use. */
  readonly totals = TIME_WINDOWS.map(() => new Uint32Array(CHUNK_USERS))
}

/** See above. */
export class UserTable {
  readonly capacity: number
  readonly #hash: KeyedHash
  readonly #index: HashIndex
  readonly #names = new UserNames()
  readonly chunks: UserChunk[] = []
  readonly #free: number[] = []
  #used = 0
  // The name that is being looked for.
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(capacity: number, hash: KeyedHash) {
    if (!(capacity >= 1 && capacity <= Math.min(MAX_USER_CAPACITY, INDEX_VALUE_LIMIT))) throw new RangeError(`capacity must be 1 to ${MAX_USER_CAPACITY}`)
    this.capacity = capacity
    this.#hash = hash
    this.#index = new HashIndex(this)
  }

  /** Users known. */
  get size(): number {
    return this.#index.size
  }

  /** One past the highest number ever in use. */
  get limit(): number {
    return this.#used
  }

  /** The hash of a user id, keyed as this table's is. */
  hash(bytes: Uint8Array, start: number, end: number): number {
    return this.#hash.bytes(bytes, start, end)
  }

  /** The number of a known user, or -1. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    return this.#index.find(hash)
  }

  /** A number for a user that is not known, or -1 at capacity. */
  add(hash: number, bytes: Uint8Array, start: number, end: number): number {
    if (this.size >= this.capacity) return -1
    const user = this.#free.pop() ?? this.#used++
    if (user >>> CHUNK_BITS === this.chunks.length) this.chunks.push(new UserChunk())
    const chunk = this.chunks[user >>> CHUNK_BITS]
    const at = user & CHUNK_MASK
    chunk.lastSeen[at] = -1
    chunk.hour[at] = -1
    chunk.name[at] = this.#names.add(bytes, start, end)
    chunk.nameLength[at] = end - start
    this.#index.insert(hash, user)
    return user
  }

  /** Forgets a user. */
  remove(user: number): void {
    this.#index.remove(this.hashOf(user), user)
    this.#names.free(this.chunks[user >>> CHUNK_BITS].name[user & CHUNK_MASK])
    this.#free.push(user)
  }

  /** The chunk that holds a user. */
  chunkOf(user: number): UserChunk {
    return this.chunks[user >>> CHUNK_BITS]
  }

  /** The user's place in its chunk. */
  placeOf(user: number): number {
    return user & CHUNK_MASK
  }

  /** The UTF-8 of a user's id; a view that lasts until the user is forgotten. */
  name(user: number): Buffer {
    const chunk = this.chunkOf(user)
    const at = user & CHUNK_MASK
    return this.#names.get(chunk.name[at], chunk.nameLength[at])
  }

  /** Part of the index's Keys. */
  hashOf(user: number): number {
    const name = this.name(user)
    return this.#hash.bytes(name, 0, name.length)
  }

  /** Part of the index's Keys. */
  matches(user: number): boolean {
    const chunk = this.chunkOf(user)
    const at = user & CHUNK_MASK
    return this.#names.equals(chunk.name[at], chunk.nameLength[at], this.#bytes, this.#start, this.#end)
  }
}
