/**
 * Keyed hashing by tabulation (Zobrist 1970; Pătraşcu and Thorup, "The Power of Simple Tabulation Hashing", 2012): with
 * random tables, linear probing takes constant expected time, and nobody who cannot see the tables can make user
 * names collide. Hashes are signed, since V8 keeps those as plain integers everywhere.
 */
import { randomFillSync } from 'node:crypto'

const TABLES = 9

/** A hash function of its own: two instances hash the same key differently. */
export class KeyedHash {
  readonly #tables: Int32Array

  /** @param fill fills an array with random numbers; a test passes its own. */
  constructor(fill: (array: Int32Array) => void = randomFillSync) {
    this.#tables = new Int32Array(TABLES * 256)
    fill(this.#tables)
  }

  /** 32 bits from a run of bytes. O(length). */
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
