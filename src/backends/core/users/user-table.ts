/**
 * Every user that some window still counts, under a small number. A user is one record of 64 bytes, so that counting an
 * event touches one line of the cache: latest timestamp, totals of the windows, and the name itself where it is short.
 * Records never move; the table grows by those of 16,384 users at a time.
 */
import { TIME_WINDOWS } from '../../../../schemas/index.ts'
import type { Batch } from '../../batch.ts'
import { HashIndex } from './hash-index.ts'
import { viewOf, type KeyedHash } from './keyed-hash.ts'
import { LineMemory } from './line-memory.ts'
import type { UserColumns } from './user-columns.ts'
import { UserNames } from './user-names.ts'

/** Most users that a table can hold. */
export const MAX_USER_CAPACITY = 60_000_000

/** Users by which the table grows. */
const USERS_TAKEN = 1 << 14

/** 32-bit words of a record, and which of them is what. */
export const RECORD_WORDS = 16
/** The first of one total a window. */
export const TOTALS = 2
/** The hour of the user's newest entry in the hour counts, … */
export const HOUR = 5
/** … the place of that entry, … */
export const ENTRY = 6
/** … and its count, which is written into the entry only when the user goes on to another hour. */
export const HOUR_COUNT = 7
const NAME_LENGTH = 8
/** A reference into the names, or the name's own bytes if there are at most INLINE_BYTES. */
const NAME = 9
const INLINE_BYTES = (RECORD_WORDS - NAME) * 4
const RECORD_BYTES = 4 * RECORD_WORDS

if (TIME_WINDOWS.length > HOUR - TOTALS) throw new RangeError('a record has no room for so many windows')

/** All users that are known. Their numbers are used again once they are forgotten. */
export class UserTable {
  readonly capacity: number
  readonly #hash: KeyedHash
  readonly #index = new HashIndex()
  readonly #names = new UserNames()
  readonly #free: number[] = []
  readonly #memory = new LineMemory(USERS_TAKEN * RECORD_BYTES)
  /** The records, seen as words, bytes and (for the latest timestamp, in words 0 and 1) doubles. */
  #words = new Uint32Array(0)
  #bytes = new DataView(this.#words.buffer)
  #lastSeen = new Float64Array(0)
  /** Numbers that were ever in use, and users that there are now. */
  #used = 0
  #size = 0
  /** What `prefetch` has read; kept so that the reads are not optimized away. */
  #prefetched = 0

  constructor(capacity: number, hash: KeyedHash) {
    if (!(capacity >= 1 && capacity <= MAX_USER_CAPACITY)) throw new RangeError(`capacity must be 1 to ${MAX_USER_CAPACITY}`)
    this.capacity = capacity
    this.#hash = hash
  }

  /** Users known. */
  get size(): number {
    return this.#size
  }

  /** One past the highest number ever in use. */
  get limit(): number {
    return this.#used
  }

  /** The records; `recordOf` says where each begins. Another array whenever a user has been added. */
  get words(): Uint32Array {
    return this.#words
  }

  /** The hash of a user id, keyed as this table's is. */
  hash(bytes: DataView, start: number, end: number): number {
    return this.#hash.bytes(bytes, start, end)
  }

  /**
   * Hashes the users of the events `from .. to - 1` of a batch and writes hash and number of each into the columns, -1 where
   * it is not known. Brings into the cache what finding them and counting for them reads; the reads of one do not wait for
   * those of another, so the memory answers many at a time.
   * @param bytes those of the batch
   */
  prefetch({ userStart, userEnd }: Batch, bytes: DataView, { hashes, users }: UserColumns, from: number, to: number): void {
    for (let i = from; i < to; i++) hashes[i] = this.#hash.bytes(bytes, userStart[i], userEnd[i])
    // The first number under a hash is its user's but for the rarest of cases.
    this.#index.firstOfEach(hashes, users, from, to)
    this.#touch(users, from, to)
    for (let i = from; i < to; i++) {
      if (users[i] >= 0 && !this.#isNamed(users[i], bytes, userStart[i], userEnd[i])) users[i] = this.find(hashes[i], bytes, userStart[i], userEnd[i])
    }
  }

  /** The number of a known user, or -1. */
  find(hash: number, bytes: DataView, start: number, end: number): number {
    for (let user = this.#index.first(hash); user >= 0; user = this.#index.next(hash)) {
      if (this.#isNamed(user, bytes, start, end)) return user
    }
    return -1
  }

  /** A number for a user that is not known, or -1 at capacity. */
  add(hash: number, bytes: DataView, start: number, end: number, capacity = this.capacity): number {
    if (this.#size >= capacity) return -1
    const user = this.#free.pop() ?? this.#used++
    if (this.#memory.reach((user + 1) * RECORD_BYTES)) this.#look()
    const words = this.#words
    const at = this.recordOf(user)
    const name = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)
    words.fill(0, at, at + RECORD_WORDS)
    words[at + NAME_LENGTH] = name.length
    if (name.length > INLINE_BYTES) words[at + NAME] = this.#names.add(name)
    else new Uint8Array(words.buffer).set(name, (at + NAME) * 4)
    this.setLastSeen(user, -1)
    this.#index.insert(hash, user)
    this.#size++
    return user
  }

  /** Forgets a user. */
  remove(user: number): void {
    const name = this.name(user)
    this.#index.remove(this.#hash.bytes(viewOf(name), 0, name.length), user)
    const words = this.#words
    const at = this.recordOf(user)
    if (words[at + NAME_LENGTH] > INLINE_BYTES) this.#names.free(words[at + NAME])
    words.fill(0, at, at + RECORD_WORDS)
    this.#free.push(user)
    this.#size--
  }

  /** Where among the words a user's record begins. */
  recordOf(user: number): number {
    return user * RECORD_WORDS
  }

  /** The user's latest timestamp, milliseconds since 1970; -1 before the first. */
  lastSeen(user: number): number {
    return this.#lastSeen[user * (RECORD_WORDS / 2)]
  }

  /** Sets the latest timestamp. */
  setLastSeen(user: number, time: number): void {
    this.#lastSeen[user * (RECORD_WORDS / 2)] = time
  }

  /** The user's events in a window; zero for a number that is not in use. */
  total(user: number, window: number): number {
    return this.#words[this.recordOf(user) + TOTALS + window]
  }

  /** The UTF-8 of a user's id; a view that lasts until users are added or forgotten. */
  name(user: number): Buffer {
    const at = this.recordOf(user)
    const length = this.#words[at + NAME_LENGTH]
    if (length > INLINE_BYTES) return this.#names.get(this.#words[at + NAME], length)
    return Buffer.from(this.#memory.buffer, (at + NAME) * 4, length)
  }

  /** Negative if the first user's id comes before the second's, in the order of their bytes. */
  compareNames(a: number, b: number): number {
    const words = this.#words
    const [atA, atB] = [this.recordOf(a), this.recordOf(b)]
    const [lengthA, lengthB] = [words[atA + NAME_LENGTH], words[atB + NAME_LENGTH]]
    if (lengthA > INLINE_BYTES || lengthB > INLINE_BYTES) return Buffer.compare(this.name(a), this.name(b))
    // What lies after a short name is zero, which no byte of a name is.
    for (let word = NAME; word < RECORD_WORDS; word++) {
      const difference = this.#bytes.getUint32((atA + word) * 4) - this.#bytes.getUint32((atB + word) * 4)
      if (difference !== 0) return difference
    }
    return 0
  }

  #touch(users: Int32Array, from: number, to: number): void {
    const words = this.#words
    let read = 0
    for (let i = from; i < to; i++) if (users[i] >= 0) read ^= words[users[i] * RECORD_WORDS]
    this.#prefetched ^= read
  }

  #isNamed(user: number, bytes: DataView, start: number, end: number): boolean {
    const at = user * RECORD_WORDS
    const length = end - start
    if (this.#words[at + NAME_LENGTH] !== length) return false
    if (length > INLINE_BYTES) return this.name(user).equals(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length))
    const own = this.#bytes
    let place = (at + NAME) * 4
    let i = start
    for (; i + 4 <= end; i += 4, place += 4) if (own.getInt32(place) !== bytes.getInt32(i)) return false
    for (; i < end; i++, place++) if (own.getUint8(place) !== bytes.getUint8(i)) return false
    return true
  }

  #look(): void {
    const { buffer } = this.#memory
    this.#words = new Uint32Array(buffer)
    this.#bytes = new DataView(buffer)
    this.#lastSeen = new Float64Array(buffer)
  }
}
