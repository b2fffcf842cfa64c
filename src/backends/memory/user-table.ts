/**
 * Every user that some window still counts, under a small number. A user is one record of 64 bytes, so that counting an
 * event touches one line of the cache: latest timestamp, totals of the windows, and the name itself where it is short.
 * The table grows by chunks of 16,384 users and never moves one.
 */
import { TIME_WINDOWS } from '../../../schemas/index.ts'
import { HashIndex } from './hash-index.ts'
import type { KeyedHash } from './keyed-hash.ts'
import { UserNames } from './user-names.ts'

/** Most users that a table can hold. */
export const MAX_USER_CAPACITY = 60_000_000

const CHUNK_BITS = 14
const CHUNK_USERS = 1 << CHUNK_BITS

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

if (TIME_WINDOWS.length > HOUR - TOTALS) throw new RangeError('a record has no room for so many windows')

/** The records of 16,384 users, seen as words, bytes and (for the latest timestamp, in words 0 and 1) doubles. */
class UserChunk {
  readonly words: Uint32Array
  readonly bytes: Buffer
  readonly lastSeen: Float64Array

  constructor() {
    const memory = new ArrayBuffer(CHUNK_USERS * RECORD_WORDS * 4)
    this.words = new Uint32Array(memory)
    this.bytes = Buffer.from(memory)
    this.lastSeen = new Float64Array(memory)
  }
}

/** See above. */
export class UserTable {
  readonly capacity: number
  readonly #hash: KeyedHash
  readonly #index = new HashIndex()
  readonly #names = new UserNames()
  readonly #chunks: UserChunk[] = []
  readonly #free: number[] = []
  #used = 0
  /** What `preload` has read; kept so that the reads are not optimized away. */
  #preloaded = 0

  constructor(capacity: number, hash: KeyedHash) {
    if (!(capacity >= 1 && capacity <= MAX_USER_CAPACITY)) throw new RangeError(`capacity must be 1 to ${MAX_USER_CAPACITY}`)
    this.capacity = capacity
    this.#hash = hash
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

  /**
   * Looks ahead: brings into the cache what looking for users with these hashes, and counting for them, will read. Makes a
   * guess at each one's number, which is right but for the rarest of cases; -1 for those who seem not to be known.
   */
  preload(hashes: Int32Array, guesses: Int32Array, from: number, to: number): void {
    this.#index.preload(hashes, from, to)
    let read = 0
    for (let i = from; i < to; i++) {
      const user = guesses[i] = this.#index.first(hashes[i])
      if (user >= 0) read ^= this.wordsOf(user)[this.recordOf(user)]
    }
    this.#preloaded ^= read
  }

  /**
   * The number of a known user, or -1.
   * @param guess a number that may be it, whatever has happened since it was
   */
  find(hash: number, bytes: Uint8Array, start: number, end: number, guess = -1): number {
    if (guess >= 0 && this.#isNamed(guess, bytes, start, end)) return guess
    for (let user = this.#index.first(hash); user >= 0; user = this.#index.next(hash)) {
      if (this.#isNamed(user, bytes, start, end)) return user
    }
    return -1
  }

  /** A number for a user that is not known, or -1 at capacity. */
  add(hash: number, bytes: Buffer, start: number, end: number, capacity = this.capacity): number {
    if (this.size >= capacity) return -1
    const user = this.#free.pop() ?? this.#used++
    if (user >>> CHUNK_BITS === this.#chunks.length) this.#chunks.push(new UserChunk())
    const words = this.wordsOf(user)
    const at = this.recordOf(user)
    words.fill(0, at, at + RECORD_WORDS)
    words[at + NAME_LENGTH] = end - start
    if (end - start > INLINE_BYTES) words[at + NAME] = this.#names.add(bytes, start, end)
    else bytes.copy(this.#chunks[user >>> CHUNK_BITS].bytes, (at + NAME) * 4, start, end)
    this.setLastSeen(user, -1)
    this.#index.insert(hash, user)
    return user
  }

  /** Forgets a user. */
  remove(user: number): void {
    const name = this.name(user)
    this.#index.remove(this.#hash.bytes(name, 0, name.length), user)
    const words = this.wordsOf(user)
    const at = this.recordOf(user)
    if (words[at + NAME_LENGTH] > INLINE_BYTES) this.#names.free(words[at + NAME])
    words.fill(0, at, at + RECORD_WORDS)
    this.#free.push(user)
  }

  /** The words among which a user's record lies. */
  wordsOf(user: number): Uint32Array {
    return this.#chunks[user >>> CHUNK_BITS].words
  }

  /** Where among them it begins. */
  recordOf(user: number): number {
    return (user & (CHUNK_USERS - 1)) * RECORD_WORDS
  }

  /** The user's latest timestamp, milliseconds since 1970; -1 before the first. */
  lastSeen(user: number): number {
    return this.#chunks[user >>> CHUNK_BITS].lastSeen[(user & (CHUNK_USERS - 1)) * (RECORD_WORDS / 2)]
  }

  /** Sets the latest timestamp. */
  setLastSeen(user: number, time: number): void {
    this.#chunks[user >>> CHUNK_BITS].lastSeen[(user & (CHUNK_USERS - 1)) * (RECORD_WORDS / 2)] = time
  }

  /** The user's events in a window; zero for a number that is not in use. */
  total(user: number, window: number): number {
    return this.wordsOf(user)[this.recordOf(user) + TOTALS + window]
  }

  /** The UTF-8 of a user's id; a view that lasts until the user is forgotten. */
  name(user: number): Buffer {
    const words = this.wordsOf(user)
    const at = this.recordOf(user)
    const length = words[at + NAME_LENGTH]
    if (length > INLINE_BYTES) return this.#names.get(words[at + NAME], length)
    return this.#chunks[user >>> CHUNK_BITS].bytes.subarray((at + NAME) * 4, (at + NAME) * 4 + length)
  }

  #isNamed(user: number, bytes: Uint8Array, start: number, end: number): boolean {
    const chunk = this.#chunks[user >>> CHUNK_BITS]
    const at = this.recordOf(user)
    const length = end - start
    if (chunk.words[at + NAME_LENGTH] !== length) return false
    if (length > INLINE_BYTES) return this.#names.equals(chunk.words[at + NAME], bytes, start, end)
    const name = (at + NAME) * 4
    for (let i = 0; i < length; i++) if (chunk.bytes[name + i] !== bytes[start + i]) return false
    return true
  }
}
