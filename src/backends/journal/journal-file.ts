/**
 * The journal's database file, as the writing thread sees it: opened, appended to, read again from its beginning,
 * shortened at its old end, and opened anew after a failure. Every call is synchronous and may wait for the disk.
 */
import { randomBytes } from 'node:crypto'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { RefusedError } from '../backend.ts'
import type { ClockReading } from '../core/clock/clock-reading.ts'
import { isBlank, prepareLayout } from './layout.ts'
import type { Witness } from './lock.ts'
import type { Row } from './rows.ts'

/** What an acknowledged event survives: power loss, or the end of the process only. */
export type Sync = 'full' | 'normal'

/** Milliseconds to wait for a lock that a person's program holds on the file. */
const PATIENCE = 2000

/** Bytes written from which on the write-ahead log is copied into the file. */
const CHECKPOINT_BYTES = 8 << 20

/** Bytes that the write-ahead log is cut to once it was longer and has been copied. */
const LOG_LIMIT = 64 << 20

/** Rows, and bytes in them, that one call to `trim` deletes at the most, and pages that it gives back. */
const TRIM_ROWS = 256
const TRIM_BYTES = 4 << 20
const VACUUM_PAGES = 512

/** Ends a transaction; a test passes one that fails. */
export type Commit = (db: DatabaseSync) => void

/** Where and how a file is kept. */
export interface FileOptions {
  file: string
  sync: Sync
  /** Names the run of the operating system; undefined where that cannot be told. */
  boot: string | undefined
  commit?: Commit
}

/** The first event of the oldest row, when it arrived, and the position behind the row. */
export interface Oldest extends ClockReading {
  position: number
  end: number
}

/** What was found in the file. */
export interface Found {
  epoch: string
  /** Position behind the newest event. */
  end: number
  /** When it arrived; zeros in an empty journal. */
  newest: ClockReading
  oldest: Oldest | undefined
}

/** A row as it was read; the events are left out where nobody needs them. */
export interface StoredRow extends ClockReading {
  position: number
  count: number
  columns: Uint8Array
  events: Uint8Array | undefined
}

/** See above. */
export class JournalFile {
  readonly #options: FileOptions
  readonly #commit: Commit
  #db: DatabaseSync
  #insert!: StatementSync
  /** Position behind the newest committed event. */
  #end = 0
  #epoch = ''
  /** About so many bytes were written to the write-ahead log since it was copied last. */
  #logged = 0

  /** @throws RefusedError where the file is not one that can be used */
  constructor(options: FileOptions, witness: Witness | undefined) {
    this.#options = options
    this.#commit = options.commit ?? ((db) => db.exec('COMMIT'))
    this.#db = new DatabaseSync(options.file, { timeout: PATIENCE })
    try {
      if (witness !== undefined && witness.end > 0 && isBlank(this.#db)) {
        throw new RefusedError(`${options.file} is missing or empty, but ${witness.end} events were kept in it. Put it or a backup back; or, to begin anew, delete lock.db beside it as well.`)
      }
      prepareLayout(this.#db, options.file)
      this.#prepare()
      this.#end = this.#storedEnd()
      this.#begin(witness)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** How far the journal has come. */
  get witness(): Witness {
    return { epoch: this.#epoch, end: this.#end }
  }

  /** What there is to be read again. */
  found(): Found {
    const newest = this.#db.prepare('SELECT wall, elapsed FROM rows ORDER BY position DESC LIMIT 1').get() as ClockReading | undefined
    return { epoch: this.#epoch, end: this.#end, newest: newest ?? { wall: 0, elapsed: 0 }, oldest: this.#oldest() }
  }

  /** The position of the row from which on the rows' events fill so many bytes; reads those rows' lengths only. */
  positionOfNewest(bytes: number): number {
    let position = this.#end
    let left = bytes
    for (const row of this.#db.prepare('SELECT position, length(events) AS bytes FROM rows ORDER BY position DESC').iterate()) {
      position = row.position as number
      left -= row.bytes as number
      if (left <= 0) break
    }
    return position
  }

  /** The position of the first row that arrived after a time by either clock. O(rows before it). */
  positionAfter({ wall, elapsed }: ClockReading): number {
    const row = this.#db.prepare('SELECT position FROM rows WHERE wall > ? OR elapsed > ? ORDER BY position LIMIT 1').get(wall, elapsed)
    return row === undefined ? this.#end : row.position as number
  }

  /**
   * Every row from a position on, in order; events from `eventsFrom` on.
   * @throws RefusedError where a row is missing or is not what was written
   */
  * read(from: number, eventsFrom: number): Generator<StoredRow> {
    let expected: number | undefined
    const parts = [
      ['SELECT position, count, wall, elapsed, columns_checksum, columns FROM rows WHERE position >= ? AND position < ? ORDER BY position', from, eventsFrom],
      ['SELECT position, count, wall, elapsed, columns_checksum, columns, events_checksum, events FROM rows WHERE position >= ? AND position < ? ORDER BY position', Math.max(from, eventsFrom), Number.MAX_SAFE_INTEGER]
    ] as const
    for (const [sql, begin, end] of parts) {
      for (const row of this.#db.prepare(sql).iterate(begin, end)) {
        const { position, count, columns, events } = row as unknown as StoredRow
        if (expected !== undefined && position !== expected) throw this.#damage(`events ${expected} to ${position - 1} are missing`)
        if (crc32(columns) !== row.columns_checksum || (events !== undefined && crc32(events) !== row.events_checksum)) {
          throw this.#damage(`the row of events ${position} to ${position + count - 1} is not what was written`)
        }
        expected = position + count
        yield row as unknown as StoredRow
      }
    }
    if (expected !== undefined && expected !== this.#end) throw this.#damage(`events ${expected} to ${this.#end - 1} are missing`)
  }

  /** Commits rows, all or none. */
  append(rows: readonly Row[]): void {
    this.#transact(() => {
      for (const { position, count, wall, elapsed, columns, events } of rows) {
        this.#insert.run(position, count, wall, elapsed, crc32(columns), crc32(events), columns, events)
        this.#logged += columns.length + events.length + 256
      }
    })
    const last = rows[rows.length - 1]
    this.#end = last.position + last.count
  }

  /** Copies the write-ahead log into the file if it has grown long; a reader may keep it from being wound back. */
  checkpoint(): boolean {
    if (this.#logged < CHECKPOINT_BYTES) return false
    this.#logged = 0
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    return true
  }

  /**
   * Deletes some of the oldest rows that arrived before a time by both clocks and end at or before a position, and gives
   * free pages back when there are more than the next rows are likely to need. Returns what is the oldest row now.
   */
  trim(before: ClockReading, position: number): Oldest | undefined {
    let end: number | undefined
    let rows = 0
    let bytes = 0
    for (const row of this.#db.prepare('SELECT position + count AS "end", wall, elapsed, length(events) AS bytes FROM rows ORDER BY position').iterate()) {
      if ((row.wall as number) >= before.wall || (row.elapsed as number) >= before.elapsed || (row.end as number) > position) break
      end = row.end as number
      bytes += row.bytes as number
      if (++rows >= TRIM_ROWS || bytes >= TRIM_BYTES) break
    }
    if (end !== undefined) this.#transact(() => this.#db.prepare('DELETE FROM rows WHERE position < ?').run(end))
    const free = this.#number('PRAGMA freelist_count')
    if (free > VACUUM_PAGES && free * 4 > this.#number('PRAGMA page_count')) this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`)
    this.#logged += bytes / 16
    return this.#oldest()
  }

  /**
   * Gives rows that were written at a later time than `wall`, which are from the future, that time [TIME-4]. Oldest first and
   * a few in each commit: ended in between, it can be done once more.
   */
  retime(wall: number): void {
    const select = this.#db.prepare('SELECT position, length(columns) + length(events) AS bytes FROM rows WHERE position >= ? ORDER BY position')
    const update = this.#db.prepare('UPDATE rows SET wall = ? WHERE position >= ? AND position <= ? AND wall > ?')
    let next = (this.#db.prepare('SELECT min(position) AS first FROM rows WHERE wall > ?').get(wall) as { first: number | null }).first
    while (next !== null) {
      const from = next
      let last = from
      let rows = 0
      let bytes = 0
      next = null
      for (const row of select.iterate(from)) {
        if (rows >= TRIM_ROWS || bytes >= TRIM_BYTES) {
          next = row.position as number
          break
        }
        last = row.position as number
        bytes += row.bytes as number
        rows++
      }
      this.#transact(() => update.run(wall, from, last, wall))
      this.#logged += bytes
      this.checkpoint()
    }
  }

  /**
   * After a failure: opens the file anew, takes out what the failed transaction may have left in it, and proves with a
   * commit of its own that writing works again. What a failed commit left behind is never relied upon.
   */
  reopen(): void {
    this.#close()
    this.#db = new DatabaseSync(this.#options.file, { timeout: PATIENCE })
    this.#prepare()
    const stored = this.#storedEnd()
    if (stored < this.#end) throw this.#damage(`events ${stored} to ${this.#end - 1} are missing`)
    this.#transact(() => {
      this.#db.prepare('DELETE FROM rows WHERE position >= ?').run(this.#end)
      this.#set('reopened', new Date().toISOString())
    })
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Notes that nothing is missing, and closes. */
  close(): void {
    this.#db.exec('PRAGMA synchronous = FULL')
    this.#transact(() => this.#set('clean', 'yes'))
    this.#close()
  }

  /** Closes as it is. */
  abandon(): void {
    this.#close()
  }

  #close(): void {
    try {
      this.#db.close()
    } catch {
      // It was closed already, or its last checkpoint failed: the write-ahead log keeps what was committed.
    }
  }

  #prepare(): void {
    this.#db.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${LOG_LIMIT}; PRAGMA synchronous = ${this.#options.sync}`)
    this.#insert = this.#db.prepare('INSERT INTO rows (position, count, wall, elapsed, columns_checksum, events_checksum, columns, events) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  }

  /**
   * Finds the epoch, or begins a new one where positions may have been lost: the journal is shorter than it was, or the
   * system may have gone down while commits were not synced.
   */
  #begin(witness: Witness | undefined): void {
    const meta = new Map(this.#db.prepare('SELECT name, value FROM meta').all().map(({ name, value }) => [name, value as string]))
    const epoch = meta.get('epoch')
    const { boot, sync } = this.#options
    const isShorter = witness !== undefined && witness.epoch === epoch && witness.end > this.#end
    const wentDown = meta.get('clean') === 'no' && meta.get('sync') === 'normal' && (boot === undefined || meta.get('boot') !== boot)
    this.#epoch = epoch === undefined || isShorter || wentDown ? randomBytes(6).toString('hex') : epoch
    // Synced whatever the mode: it says in which one the rows behind it were written.
    this.#db.exec('PRAGMA synchronous = FULL')
    this.#transact(() => {
      for (const [name, value] of Object.entries({ epoch: this.#epoch, sync, boot: boot ?? '', clean: 'no' })) this.#set(name, value)
    })
    this.#db.exec(`PRAGMA synchronous = ${sync}`)
  }

  #set(name: string, value: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value)
  }

  #transact(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#commit(this.#db)
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #storedEnd(): number {
    return this.#number('SELECT coalesce(max(position + count), 0) FROM (SELECT position, count FROM rows ORDER BY position DESC LIMIT 1)')
  }

  #oldest(): Oldest | undefined {
    return this.#db.prepare('SELECT position, position + count AS "end", wall, elapsed FROM rows ORDER BY position LIMIT 1').get() as Oldest | undefined
  }

  #number(sql: string): number {
    return Object.values(this.#db.prepare(sql).get()!)[0] as number
  }

  #damage(what: string): RefusedError {
    return new RefusedError(`${this.#options.file} is damaged: ${what}. Put a backup in its place, or recover what can be read with \`sqlite3 events.db .recover\`; nothing was changed.`)
  }
}
