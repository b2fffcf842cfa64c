/** The table of rows, as it is read and appended to. What is read is what was written, or the file is refused. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { ClockReading } from '../core/clock/clock-reading.ts'
import { damageOf } from './damage.ts'
import { checksumOf, isIntact, type StoredFigures } from './row-checksum.ts'
import type { Row } from './rows.ts'

/** Everything of a row but its columns and events. */
const FIGURES = 'position, count, wall, elapsed, columns_checksum, events_checksum, row_checksum'

/** The first event of the oldest row, when it arrived, and the position after the row. */
export interface Oldest extends ClockReading {
  position: number
  end: number
}

/** A row as it was read; the events are left out where nobody needs them. */
export interface StoredRow extends ClockReading {
  position: number
  count: number
  columns: Uint8Array
  events: Uint8Array | undefined
}

/** Reads, appends and deletes rows; every row that is read is checked. */
export class RowTable {
  readonly #db: DatabaseSync
  readonly #file: string
  readonly #insert: StatementSync
  /** Rows before this position have no checksum of their figures. */
  readonly #checkedFrom: number
  /** Position after the newest row that counts; what a failed commit has left may come after it. */
  end: number

  /**
   * @param file is named where it is damaged
   * @param end position after the newest row that counts; that of the newest row where it is left out
   */
  constructor(db: DatabaseSync, file: string, checkedFrom: number, end?: number) {
    this.#db = db
    this.#file = file
    this.#checkedFrom = checkedFrom
    this.#insert = db.prepare(`INSERT INTO rows (position, count, wall, elapsed, columns_checksum, events_checksum, columns, events, row_checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.end = end ?? this.storedEnd()
  }

  /** Adds a row, within a transaction; returns its checksum. */
  insert({ position, count, wall, elapsed, columns, events }: Row): number {
    const figures = { position, count, wall, elapsed, columns_checksum: crc32(columns), events_checksum: crc32(events) }
    const checksum = checksumOf(figures)
    this.#insert.run(position, count, wall, elapsed, figures.columns_checksum, figures.events_checksum, columns, events, checksum)
    return checksum
  }

  /** Deletes rows that do not count, within a transaction. */
  deleteLeftOvers(): void {
    this.#db.prepare('DELETE FROM rows WHERE position >= ?').run(this.end)
  }

  /** Position after the newest row, whether it counts or not; 0 where there is none. */
  storedEnd(): number {
    const row = this.#db.prepare('SELECT position + count AS "end" FROM rows ORDER BY position DESC LIMIT 1').get()
    return row?.end as number | undefined ?? 0
  }

  /** When the newest row arrived. */
  newest(): ClockReading | undefined {
    return this.#db.prepare('SELECT wall, elapsed FROM rows WHERE position < ? ORDER BY position DESC LIMIT 1').get(this.end) as ClockReading | undefined
  }

  oldest(): Oldest | undefined {
    return this.#db.prepare('SELECT position, position + count AS "end", wall, elapsed FROM rows WHERE position < ? ORDER BY position LIMIT 1').get(this.end) as Oldest | undefined
  }

  /** The checksum of the row that ends at a position, 0 if it has none; undefined where no row ends. */
  checksumAt(end: number): number | undefined {
    const row = this.#db.prepare('SELECT position + count AS "end", row_checksum FROM rows WHERE position < ? ORDER BY position DESC LIMIT 1').get(end)
    return row?.end === end ? row.row_checksum as number | null ?? 0 : undefined
  }

  /** The position of the row from which on the rows' events fill so many bytes; reads those rows' lengths only. */
  positionOfNewest(bytes: number): number {
    let position = this.end
    let left = bytes
    for (const row of this.#db.prepare('SELECT position, length(events) AS bytes FROM rows WHERE position < ? ORDER BY position DESC').iterate(this.end)) {
      position = row.position as number
      left -= row.bytes as number
      if (left <= 0) break
    }
    return position
  }

  /** The position of the first row that arrived after a time by either clock, or `end` where none has. O(rows before it). */
  positionAfter({ wall, elapsed }: ClockReading): number {
    for (const row of this.#db.prepare(`SELECT ${FIGURES} FROM rows WHERE position < ? ORDER BY position`).iterate(this.end)) {
      this.#check(row as unknown as StoredFigures)
      if ((row.wall as number) > wall || (row.elapsed as number) > elapsed) return row.position as number
    }
    return this.end
  }

  /**
   * Every row from a position on, in order, up to `end`, at which a row ends; events from `eventsFrom` on.
   * @throws RefusedError where a row is missing or is not what was written
   */
  * read(from: number, eventsFrom: number, end = this.end): Generator<StoredRow> {
    let expected: number | undefined
    const parts = [
      [`SELECT ${FIGURES}, columns FROM rows WHERE position >= ? AND position < ? ORDER BY position`, from, Math.min(eventsFrom, end)],
      [`SELECT ${FIGURES}, columns, events FROM rows WHERE position >= ? AND position < ? ORDER BY position`, Math.max(from, eventsFrom), end]
    ] as const
    for (const [sql, begin, limit] of parts) {
      for (const row of this.#db.prepare(sql).iterate(begin, limit)) {
        const { position, count, columns, events } = row as unknown as StoredRow
        this.#check(row as unknown as StoredFigures)
        if (expected !== undefined && position !== expected) throw this.#missing(expected, position)
        if (!isWritten(columns, row.columns_checksum) || (events !== undefined && !isWritten(events, row.events_checksum))) throw this.#wrong(position, count)
        expected = position + count
        yield row as unknown as StoredRow
      }
    }
    if (expected !== undefined && expected !== end) throw this.#missing(expected, end)
  }

  #check(row: StoredFigures): void {
    if (!isIntact(row, this.#checkedFrom)) throw this.#wrong(row.position, row.count)
  }

  #wrong(position: number, count: number): Error {
    return damageOf(this.#file, `the row of events ${position} to ${position + count - 1} is not what was written`)
  }

  #missing(from: number, to: number): Error {
    return damageOf(this.#file, `events ${from} to ${to - 1} are missing`)
  }
}

/** Whether a value is the bytes that were written. One bit makes a text of them, which has the same checksum. */
function isWritten(value: unknown, checksum: unknown): boolean {
  return value instanceof Uint8Array && crc32(value) === checksum
}
