/**
 * Keyed hashing by tabulation (Zobrist 1970; Pătraşcu and Thorup, "The Power of Simple Tabulation Hashing", 2012): with
 * random tables, linear probing takes constant expected time, and nobody who cannot see the tables can make ids or
 * user names collide. Hashes are signed, since V8 keeps those as plain integers everywhere.
 */
import { randomFillSync } from 'node:crypto'

const TABLES = 16

/** A hash function of its own: two instances hash the same key differently. */
export class KeyedHash {
  readonly #tables: Int32Array

  /** @param fill fills an array with random numbers; a test passes its own. */
  constructor(fill: (array: Int32Array) => void = randomFillSync) {
    this.#tables = new Int32Array(TABLES * 256)
    fill(this.#tables)
  }

  /** 32 bits from the four words at `words[at .. at + 3]`. */
  words(words: Uint32Array, at: number): number {
    const t = this.#tables
    const a = words[at]
    const b = words[at + 1]
    const c = words[at + 2]
    const d = words[at + 3]
    return t[a & 255] ^ t[256 | (a >>> 8 & 255)] ^ t[512 | (a >>> 16 & 255)] ^ t[768 | a >>> 24] ^
      t[1024 | (b & 255)] ^ t[1280 | (b >>> 8 & 255)] ^ t[1536 | (b >>> 16 & 255)] ^ t[1792 | b >>> 24] ^
      t[2048 | (c & 255)] ^ t[2304 | (c >>> 8 & 255)] ^ t[2560 | (c >>> 16 & 255)] ^ t[2816 | c >>> 24] ^
      t[3072 | (d & 255)] ^ t[3328 | (d >>> 8 & 255)] ^ t[3584 | (d >>> 16 & 255)] ^ t[3840 | d >>> 24]
  }

  /** 32 bits from a stretch of bytes. O(length). */
  bytes(bytes: DataView, start: number, end: number): number {
    const t = this.#tables
    let h = end - start
    let i = start
    for (; i + 4 <= end; i += 4) {
      h ^= bytes.getInt32(i, true)
      h = t[h & 255] ^ t[256 | (h >>> 8 & 255)] ^ t[512 | (h >>> 16 & 255)] ^ t[768 | h >>> 24]
    }
    for (; i < end; i++) h = t[1024 | ((h ^ bytes.getUint8(i)) & 255)] ^ (h >>> 8)
    return t[1280 | (h & 255)] ^ t[1536 | (h >>> 8 & 255)] ^ t[1792 | (h >>> 16 & 255)] ^ t[2048 | h >>> 24]
  }
}

/** The bytes of an array as a view, of which four can be read at once wherever they begin. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
