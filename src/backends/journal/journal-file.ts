/**
 * The journal's database file, as the writing thread sees it: opened, appended to, read again from its beginning,
 * shortened at its old end, and opened anew after a failure. Every call is synchronous and may wait for the disk.
 */
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { RefusedError } from '../backend.ts'
import type { ClockReading } from '../core/clock/clock-reading.ts'
import { identityOf, syncFolder } from './folder.ts'
import { HighWaterMark } from './high-water-mark.ts'
import { historyOf } from './history.ts'
import { checkLayout, isBlank, prepareLayout } from './layout.ts'
import { checksumOf, type RowFigures } from './row-checksum.ts'
import type { Row } from './rows.ts'
import { isFull } from './sqlite-error.ts'
import { LogIndex, secureLog, type LogContent } from './write-ahead-log.ts'

/** What an acknowledged event survives: power loss, or the end of the process only. */
export type Sync = 'full' | 'normal'

/** Milliseconds to wait for a lock that a person's program holds on the file. */
const PATIENCE = 2000

/** Frames from which on the write-ahead log is copied into the file: 8 MiB. */
const CHECKPOINT_FRAMES = 512

/** Bytes that the write-ahead log is cut to once it was longer and has been copied. */
const LOG_LIMIT = 64 << 20

/** Rows, and bytes in them, that one call to `trim` deletes at the most, and pages that it gives back. */
const TRIM_ROWS = 256
const TRIM_BYTES = 4 << 20
const VACUUM_PAGES = 512

/** Everything of a row but its columns and events. */
const FIGURES = 'position, count, wall, elapsed, columns_checksum, events_checksum, row_checksum'

/** Ends a transaction; a test passes one that fails. */
export type Commit = (db: DatabaseSync) => void

/** Where and how a file is kept. */
export interface FileOptions {
  file: string
  sync: Sync
  /** Names the run of the operating system; undefined where that cannot be told. */
  boot: string | undefined
  /** The file of the high-water mark. */
  mark: string
  /** What the write-ahead log held before it was opened. */
  log: LogContent
  /** Whether the folder's lock was made anew. */
  isLockNew: boolean
  commit?: Commit
}

/** The first event of the oldest row, when it arrived, and the position after the row. */
export interface Oldest extends ClockReading {
  position: number
  end: number
}

/** What was found in the file. */
export interface Found {
  epoch: string
  /** Position after the newest event. */
  end: number
  /** When it arrived; zeros in an empty journal. */
  newest: ClockReading
  oldest: Oldest | undefined
  /** Why the epoch is a new one, or what was left out: one line; undefined where all is as it was. */
  notice: string | undefined
}

/** A row as it was read; the events are left out where nobody needs them. */
export interface StoredRow extends ClockReading {
  position: number
  count: number
  columns: Uint8Array
  events: Uint8Array | undefined
}

/** Whether a row that was read is the one that was written. */
export function isIntact(row: RowFigures & { row_checksum: number | null }, checkedFrom: number): boolean {
  return row.row_checksum === null ? row.position < checkedFrom : row.row_checksum === checksumOf(row)
}

/** A file that is open. */
export class JournalFile {
  readonly #options: FileOptions
  readonly #commit: Commit
  #db: DatabaseSync
  #insert!: StatementSync
  readonly #mark: HighWaterMark
  readonly #identity: string | undefined
  #index: LogIndex
  /** Position after the newest committed event. */
  #end = 0
  #checksum = 0
  #epoch = ''
  #notice: string | undefined
  /** Rows before this position have no checksum of their figures. */
  #checkedFrom = 0
  /** Whether it is noted in the file that it is in use; without room it is not. */
  #isBegun = false
  /** Frames of the write-ahead log when it was copied last. */
  #copied = 0

  /** @throws RefusedError where the file is not one that can be used */
  constructor(options: FileOptions) {
    this.#options = options
    this.#commit = options.commit ?? ((db) => db.exec('COMMIT'))
    this.#mark = new HighWaterMark(options.mark)
    this.#index = new LogIndex(options.file)
    const marked = options.isLockNew ? 0 : this.#mark.found?.end ?? 0
    try {
      this.#db = new DatabaseSync(options.file, { timeout: PATIENCE })
    } catch (error) {
      this.#mark.close()
      throw error
    }
    try {
      if (marked > 0 && isBlank(this.#db)) {
        throw new RefusedError(`${options.file} is missing or empty, but ${marked} events were kept in it. Put it or a backup back; or, to begin anew, delete lock.db beside it as well.`)
      }
      prepareLayout(this.#db, options.file)
      checkLayout(this.#db, options.file)
      this.#prepare()
      this.#identity = identityOf(options.file)
      this.#open()
    } catch (error) {
      this.#close()
      this.#mark.close()
      throw error
    }
  }

  /** Whether events can be appended; if not, `reopen` tries again. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /** Whether the name in the folder still stands for the file that was opened. */
  get isInPlace(): boolean {
    return identityOf(this.#options.file) === this.#identity
  }

  /** What there is to be read again. */
  found(): Found {
    const newest = this.#db.prepare('SELECT wall, elapsed FROM rows ORDER BY position DESC LIMIT 1').get() as ClockReading | undefined
    const oldest = this.#oldest()
    const first = Number(this.#meta().get('first'))
    if (oldest !== undefined && oldest.position !== first) throw this.#damage(`events ${first} to ${oldest.position - 1} are missing`)
    return { epoch: this.#epoch, end: this.#end, newest: newest ?? { wall: 0, elapsed: 0 }, oldest, notice: this.#notice }
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
    for (const row of this.#db.prepare(`SELECT ${FIGURES} FROM rows ORDER BY position`).iterate()) {
      this.#check(row as unknown as RowFigures & { row_checksum: number | null })
      if ((row.wall as number) > wall || (row.elapsed as number) > elapsed) return row.position as number
    }
    return this.#end
  }

  /**
   * Every row from a position on, in order; events from `eventsFrom` on.
   * @throws RefusedError where a row is missing or is not what was written
   */
  * read(from: number, eventsFrom: number): Generator<StoredRow> {
    let expected: number | undefined
    const parts = [
      [`SELECT ${FIGURES}, columns FROM rows WHERE position >= ? AND position < ? ORDER BY position`, from, eventsFrom],
      [`SELECT ${FIGURES}, columns, events FROM rows WHERE position >= ? AND position < ? ORDER BY position`, Math.max(from, eventsFrom), Number.MAX_SAFE_INTEGER]
    ] as const
    for (const [sql, begin, end] of parts) {
      for (const row of this.#db.prepare(sql).iterate(begin, end)) {
        const { position, count, columns, events } = row as unknown as StoredRow
        this.#check(row as unknown as RowFigures & { row_checksum: number | null })
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
    let checksum = 0
    this.#transact(() => {
      for (const { position, count, wall, elapsed, columns, events } of rows) {
        const figures = { position, count, wall, elapsed, columns_checksum: crc32(columns), events_checksum: crc32(events) }
        checksum = checksumOf(figures)
        this.#insert.run(position, count, wall, elapsed, figures.columns_checksum, figures.events_checksum, columns, events, checksum)
      }
    })
    const last = rows[rows.length - 1]
    this.#end = last.position + last.count
    this.#checksum = checksum
    this.#note()
  }

  /** Copies the write-ahead log into the file if it has grown long; a reader may keep it from being begun anew. */
  checkpoint(): void {
    const frames = this.#index.frames()
    if (frames < this.#copied) this.#copied = 0 // it has been begun anew
    if (frames - this.#copied < CHECKPOINT_FRAMES) return
    this.#copied = frames
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }

  /** A commit has failed: what it may have left in the file counts for nothing. */
  failed(): void {
    this.#note({ isExact: true })
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
    if (end !== undefined) {
      this.#transact(() => {
        this.#db.prepare('DELETE FROM rows WHERE position < ?').run(end)
        this.#set('first', String(end))
      })
    }
    const free = this.#number('PRAGMA freelist_count')
    if (free > VACUUM_PAGES && free * 4 > this.#number('PRAGMA page_count')) this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`)
    return this.#oldest()
  }

  /**
   * Gives rows that were written at a later time than `wall`, which are from the future, that time [TIME-4]. Oldest first and
   * a few in each commit: ended in between, it can be done once more.
   */
  retime(wall: number): void {
    const select = this.#db.prepare('SELECT position, length(columns) + length(events) AS bytes FROM rows WHERE position >= ? ORDER BY position')
    const update = this.#db.prepare(`UPDATE rows SET wall = ?1, row_checksum = checksum_of_row(position, count, ?1, elapsed, columns_checksum, events_checksum)
      WHERE position >= ?2 AND position <= ?3 AND wall > ?1`)
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
      this.#transact(() => update.run(wall, from, last))
      this.checkpoint()
    }
  }

  /**
   * After a failure: opens the file anew, takes out what the failed transaction may have left in it, and proves with a
   * commit of its own that writing works again. What a failed commit left behind is never relied upon.
   */
  reopen(): void {
    if (!this.isInPlace) throw new RefusedError(`${this.#options.file} was deleted or replaced while the service ran. Put it back, or restart the service.`)
    this.#close()
    // SQLite takes what the log shows for durable and would copy it into the database, in front of what was lost.
    secureLog(`${this.#options.file}-wal`)
    this.#db = new DatabaseSync(this.#options.file, { timeout: PATIENCE })
    this.#prepare()
    const stored = this.#storedEnd()
    if (stored < this.#end) throw this.#damage(`events ${stored} to ${this.#end - 1} are missing`)
    this.#transact(() => {
      this.#db.prepare('DELETE FROM rows WHERE position >= ?').run(this.#end)
      this.#set('reopened', new Date().toISOString())
    })
    // The log may be a new file; that its name could not be synced SQLite does not say.
    syncFolder(dirname(this.#options.file))
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    if (!this.#isBegun) this.#begin()
    this.#checksum = this.#checksumAt(this.#end) ?? 0
    this.#note()
  }

  /** Notes that nothing is missing, and closes. */
  close(): void {
    this.#db.exec('PRAGMA synchronous = FULL')
    this.#transact(() => this.#set('clean', 'yes'))
    this.#close()
    this.#note({ isExact: true, isOpen: false }, true)
  }

  /** Closes as it is. */
  abandon(): void {
    this.#close()
    this.#mark.close()
  }

  #close(): void {
    this.#index.close()
    try {
      this.#db.close()
    } catch {
      // It was closed already, or its last checkpoint failed: the write-ahead log keeps what was committed.
    }
  }

  #prepare(): void {
    this.#db.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${LOG_LIMIT}; PRAGMA synchronous = ${this.#options.sync}`)
    this.#db.function('checksum_of_row', { deterministic: true, varargs: true }, (...figures) => {
      const [position, count, wall, elapsed, columns, events] = figures as number[]
      return checksumOf({ position, count, wall, elapsed, columns_checksum: columns, events_checksum: events })
    })
    this.#insert = this.#db.prepare(`INSERT INTO rows (position, count, wall, elapsed, columns_checksum, events_checksum, columns, events, row_checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#copied = 0
  }

  /** Takes out what a failed commit has left, finds the epoch or begins a new one, and notes that the file is in use. */
  #open(): void {
    const meta = this.#meta()
    const { boot, log, isLockNew } = this.#options
    const mark = isLockNew ? undefined : this.#mark.found
    this.#checkedFrom = Number(meta.get('checked_from'))
    const stored = this.#storedEnd()
    // After the end of the system the mark may be older than commits that were synced, unless the stop was an orderly one.
    const isCurrent = mark !== undefined && (!mark.isOpen || (boot !== undefined && mark.boot === boot))
    const hasLeftOvers = isCurrent && mark.isExact && mark.epoch === meta.get('epoch') && stored > mark.end
    this.#end = hasLeftOvers ? mark.end : stored
    this.#checksum = this.#checksumAt(this.#end) ?? 0
    const { epoch, reason } = historyOf({
      epoch: meta.get('epoch'),
      isClean: meta.get('clean') === 'yes',
      sync: meta.get('sync'),
      isMarked: meta.get('marked') === 'yes',
      end: this.#end,
      checksumAt: (end) => this.#checksumAt(end),
      mark,
      isLockNew,
      log,
      identity: this.#identity,
      boot
    })
    this.#epoch = epoch
    this.#notice = reason
    try {
      this.#begin()
    } catch (error) {
      if (!isFull(error)) throw error // without room what is there can still be read
    }
  }

  /** Notes in the file and beside it that it is in use; synced whatever the mode, since it says in which one rows were written. */
  #begin(): void {
    const { boot, sync } = this.#options
    this.#db.exec('PRAGMA synchronous = FULL')
    this.#transact(() => {
      this.#db.prepare('DELETE FROM rows WHERE position >= ?').run(this.#end)
      for (const [name, value] of Object.entries({ epoch: this.#epoch, sync, boot: boot ?? '', clean: 'no', marked: 'yes' })) this.#set(name, value)
    })
    this.#db.exec(`PRAGMA synchronous = ${sync}`)
    this.#note({}, true)
    this.#isBegun = true
  }

  /** Writes the high-water mark. */
  #note(how: { isExact?: boolean, isOpen?: boolean } = {}, synced = false): void {
    this.#mark.write({
      epoch: this.#epoch,
      end: this.#end,
      checksum: this.#checksum,
      identity: this.#identity ?? '',
      boot: this.#options.boot ?? '',
      isOpen: how.isOpen ?? true,
      isExact: how.isExact ?? false
    }, synced)
  }

  #meta(): Map<string, string> {
    return new Map(this.#db.prepare('SELECT name, value FROM meta').all().map(({ name, value }) => [name as string, value as string]))
  }

  /** The checksum of the row that ends at a position. */
  #checksumAt(end: number): number | undefined {
    const row = this.#db.prepare('SELECT row_checksum FROM rows WHERE position < ? ORDER BY position DESC LIMIT 1').get(end)
    const isEnd = this.#db.prepare('SELECT position + count AS "end" FROM rows WHERE position < ? ORDER BY position DESC LIMIT 1').get(end)?.end === end
    return isEnd ? row?.row_checksum as number | null ?? 0 : undefined
  }

  #check(row: RowFigures & { row_checksum: number | null }): void {
    if (!isIntact(row, this.#checkedFrom)) throw this.#damage(`the row of events ${row.position} to ${row.position + row.count - 1} is not what was written`)
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
    return new RefusedError(`${this.#options.file} is damaged: ${what}. Put a backup in its place, or copy what can still be read of its table rows with the sqlite3 program; nothing was changed.`)
  }
}
