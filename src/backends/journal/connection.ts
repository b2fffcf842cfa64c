/** A connection to the journal's database: how it is set up, its transactions, and what the journal says of itself in `meta`. */
import { DatabaseSync } from 'node:sqlite'
import { checksumOf } from './row-checksum.ts'

/** What an acknowledged event survives: power loss, or the end of the process only. */
export type Sync = 'full' | 'normal'

/** Ends a transaction; a test passes one that fails. */
export type Commit = (db: DatabaseSync) => void

/** Milliseconds to wait for a lock that a person's program holds on the file. */
const PATIENCE = 2000

/** Bytes that the write-ahead log is cut to once it was longer and has been copied. */
const LOG_LIMIT = 64 << 20

/** One open connection to the database, with transactions that are rolled back when they fail. */
export class SqliteConnection {
  readonly db: DatabaseSync
  readonly #sync: Sync
  readonly #commit: Commit

  /** Opens the file, and makes it where it is missing. Nothing is written or read yet. */
  constructor(file: string, sync: Sync, commit: Commit = (db) => db.exec('COMMIT')) {
    this.db = new DatabaseSync(file, { timeout: PATIENCE })
    this.#sync = sync
    this.#commit = commit
  }

  /** Sets up what the connection needs to write; to be called once the layout is there. */
  prepare(): void {
    this.db.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${LOG_LIMIT}; PRAGMA synchronous = ${this.#sync}`)
    this.db.function('checksum_of_row', { deterministic: true, varargs: true }, (...figures) => {
      const [position, count, wall, elapsed, columns, events] = figures as number[]
      return checksumOf({ position, count, wall, elapsed, columns_checksum: columns, events_checksum: events })
    })
  }

  /** Does some work wholly or not at all. */
  transact(work: () => void): void {
    this.db.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#commit(this.db)
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK')
      throw error
    }
  }

  /** The same, and its commit is synced whatever the mode. */
  transactSynced(work: () => void): void {
    this.db.exec('PRAGMA synchronous = FULL')
    this.transact(work)
    this.db.exec(`PRAGMA synchronous = ${this.#sync}`)
  }

  /** What the journal says of itself. */
  meta(): Map<string, string> {
    return new Map(this.db.prepare('SELECT name, value FROM meta').all().map(({ name, value }) => [name as string, value as string]))
  }

  /** Notes something of that, within a transaction. */
  set(name: string, value: string): void {
    this.db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value)
  }

  /** The number that a query or pragma gives. */
  number(sql: string): number {
    return Object.values(this.db.prepare(sql).get()!)[0] as number
  }

  /** Closes it; the last one that closes copies the write-ahead log into the file. Once is enough, and more do no harm. */
  close(): void {
    try {
      this.db.close()
    } catch {
      // It was closed already, or its last checkpoint failed: the write-ahead log keeps what was committed.
    }
  }
}
