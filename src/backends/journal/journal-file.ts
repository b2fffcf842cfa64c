/**
 * The journal's database file, as the writing thread sees it: opened, appended to, shortened at its old end, and opened anew
 * after a failure. Every call is synchronous and may wait for the disk.
 */
import { dirname, join } from 'node:path'
import { RefusedError } from '../backend.ts'
import type { ClockReading } from '../core/clock/clock-reading.ts'
import { dropCheckpoint, readHead, type CheckpointHead } from './checkpoint-file.ts'
import { SqliteConnection, type Commit, type Sync } from './connection.ts'
import { damageOf } from './damage.ts'
import { CHECKPOINT_FILE, identityOf, syncFolder } from './folder.ts'
import { HighWaterMark, isCurrent } from './high-water-mark.ts'
import { historyOf } from './history.ts'
import { checkLayout, isBlank, prepareLayout } from './layout.ts'
import { LogIndex } from './log-index.ts'
import { retimeRows, trimRows } from './row-changes.ts'
import { RowTable, type Oldest } from './row-table.ts'
import type { Row } from './rows.ts'
import { isFull } from './sqlite-error.ts'
import { secureLog, type LogContent } from './write-ahead-log.ts'

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
  /** A checkpoint of these very rows. */
  checkpoint: CheckpointHead | undefined
}

/** A file that is open. */
export class JournalFile {
  readonly #options: FileOptions
  #connection: SqliteConnection
  #rows: RowTable
  readonly #mark: HighWaterMark
  readonly #identity: string | undefined
  readonly #index: LogIndex
  #checksum = 0
  #epoch = ''
  #notice: string | undefined
  /** Whether it is noted in the file that it is in use; without room it is not. */
  #isBegun = false

  /** @throws RefusedError where the file is not one that can be used */
  constructor(options: FileOptions) {
    const { file } = options
    this.#options = options
    this.#mark = new HighWaterMark(options.mark)
    this.#index = new LogIndex(file)
    const marked = options.isLockNew ? 0 : this.#mark.found?.end ?? 0
    try {
      this.#connection = new SqliteConnection(file, options.sync, options.commit)
    } catch (error) {
      this.#mark.close()
      throw error
    }
    try {
      const { db } = this.#connection
      if (marked > 0 && isBlank(db)) {
        throw new RefusedError(`${file} is missing or empty, but ${marked} events were kept in it. Put it or a backup back; or, to begin anew, delete lock.db beside it as well.`)
      }
      prepareLayout(db, file)
      checkLayout(db, file)
      this.#rows = this.#prepare()
      this.#identity = identityOf(file)
      this.#open()
    } catch (error) {
      this.abandon()
      throw error
    }
  }

  /** The rows, to be read; another table after each `reopen`. */
  get rows(): RowTable {
    return this.#rows
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
    const oldest = this.#rows.oldest()
    const first = Number(this.#connection.meta().get('first'))
    if (oldest !== undefined && oldest.position !== first) throw this.#damage(`events ${first} to ${oldest.position - 1} are missing`)
    return {
      epoch: this.#epoch,
      end: this.#rows.end,
      newest: this.#rows.newest() ?? { wall: 0, elapsed: 0 },
      oldest,
      notice: this.#notice,
      checkpoint: this.#findCheckpoint()
    }
  }

  /** Commits rows, all or none. */
  append(rows: readonly Row[]): void {
    let checksum = 0
    this.#connection.transact(() => {
      for (const row of rows) checksum = this.#rows.insert(row)
    })
    const last = rows[rows.length - 1]
    this.#rows.end = last.position + last.count
    this.#checksum = checksum
    this.#note()
  }

  /** Copies the write-ahead log into the file if it has grown long; a reader may keep it from being begun anew. */
  copyLog(): void {
    if (this.#index.isLong()) this.#connection.db.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }

  /** A commit has failed: what it may have left in the file counts for nothing. */
  failed(): void {
    this.#note({ isExact: true })
  }

  /** Deletes some of the oldest rows, see `trimRows`. Returns what is the oldest row now. */
  trim(before: ClockReading, position: number): Oldest | undefined {
    trimRows(this.#connection, before, position)
    return this.#rows.oldest()
  }

  /** Gives rows from the future the time `wall`, see `retimeRows`. [TIME-4] */
  retime(wall: number): void {
    dropCheckpoint(this.#checkpoint) // it may count them by their former time
    retimeRows(this.#connection, wall, () => this.copyLog())
  }

  /**
   * After a failure: opens the file anew, takes out what the failed transaction may have left in it, and proves with a
   * commit of its own that writing works again. What a failed commit left behind is never relied upon.
   */
  reopen(): void {
    const { file, sync, commit } = this.#options
    if (!this.isInPlace) throw new RefusedError(`${file} was deleted or replaced while the service ran. Put it back, or restart the service.`)
    this.#close()
    // SQLite takes what the log shows for durable and would copy it into the database, in front of what was lost.
    secureLog(`${file}-wal`)
    this.#connection = new SqliteConnection(file, sync, commit)
    this.#rows = this.#prepare(this.#rows.end)
    const { end } = this.#rows
    const stored = this.#rows.storedEnd()
    if (stored < end) throw this.#damage(`events ${stored} to ${end - 1} are missing`)
    this.#connection.transact(() => {
      this.#rows.deleteLeftOvers()
      this.#connection.set('reopened', new Date().toISOString())
    })
    // The log may be a new file; that its name could not be synced SQLite does not say.
    syncFolder(dirname(file))
    this.#connection.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    if (!this.#isBegun) this.#begin()
    this.#checksum = this.#rows.checksumAt(end) ?? 0
    this.#note()
  }

  /** Notes that nothing is missing, and closes. */
  close(): void {
    this.#connection.transactSynced(() => this.#connection.set('clean', 'yes'))
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
    this.#connection.close()
  }

  #prepare(end?: number): RowTable {
    this.#connection.prepare()
    return new RowTable(this.#connection.db, this.#options.file, Number(this.#connection.meta().get('checked_from')), end)
  }

  /** Takes out what a failed commit has left, finds the epoch or begins a new one, and notes that the file is in use. */
  #open(): void {
    const meta = this.#connection.meta()
    const { boot, log, isLockNew } = this.#options
    const mark = isLockNew ? undefined : this.#mark.found
    if (mark !== undefined && isCurrent(mark, boot) && mark.isExact && mark.epoch === meta.get('epoch')) this.#rows.end = Math.min(this.#rows.end, mark.end)
    this.#checksum = this.#rows.checksumAt(this.#rows.end) ?? 0
    const { epoch, reason } = historyOf({
      epoch: meta.get('epoch'),
      isClean: meta.get('clean') === 'yes',
      sync: meta.get('sync'),
      isMarked: meta.get('marked') === 'yes',
      end: this.#rows.end,
      checksumAt: (end) => this.#rows.checksumAt(end),
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
    this.#connection.transactSynced(() => {
      this.#rows.deleteLeftOvers()
      for (const [name, value] of Object.entries({ epoch: this.#epoch, sync, boot: boot ?? '', clean: 'no', marked: 'yes' })) this.#connection.set(name, value)
    })
    this.#note({}, true)
    this.#isBegun = true
  }

  /** The checkpoint, if it is one of these very rows; any other is deleted. */
  #findCheckpoint(): CheckpointHead | undefined {
    const head = this.#notice === undefined ? readHead(this.#checkpoint) : undefined
    if (head !== undefined && head.epoch === this.#epoch && head.position <= this.#rows.end && this.#rows.checksumAt(head.position) === head.checksum) {
      return head
    }
    dropCheckpoint(this.#checkpoint)
    return undefined
  }

  get #checkpoint(): string {
    return join(dirname(this.#options.file), CHECKPOINT_FILE)
  }

  /** Writes the high-water mark. */
  #note(how: { isExact?: boolean, isOpen?: boolean } = {}, synced = false): void {
    this.#mark.write({
      epoch: this.#epoch,
      end: this.#rows.end,
      checksum: this.#checksum,
      identity: this.#identity ?? '',
      boot: this.#options.boot ?? '',
      isOpen: how.isOpen ?? true,
      isExact: how.isExact ?? false
    }, synced)
  }

  #damage(what: string): RefusedError {
    return damageOf(this.#options.file, what)
  }
}
