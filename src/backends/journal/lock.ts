/**
 * The lock of a journal's folder: an exclusive lock on a small database of its own, which the system lets go of when the
 * process ends, however it ends.
 */
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { RefusedError } from '../backend.ts'
import { describeError, isBusy } from './sqlite-error.ts'

/** Milliseconds to wait for a predecessor that is just ending. */
const PATIENCE = 2000

/** Held as long as the process uses the folder. */
export class FolderLock {
  readonly #db: DatabaseSync
  /** Whether there was no lock before: the folder is new, or somebody has deleted it. */
  readonly isNew: boolean

  /** @throws RefusedError if the folder is in use or cannot be written */
  constructor(file: string, folder: string) {
    const db = new DatabaseSync(file, { timeout: PATIENCE })
    try {
      // In this mode the lock of the first transaction is kept until the end.
      db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
      this.isNew = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!.n === 0
      db.exec('CREATE TABLE IF NOT EXISTS witness (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT, "end" INTEGER); COMMIT')
    } catch (error) {
      db.close()
      if (isBusy(error)) throw inUse(folder)
      throw new RefusedError(`The lock ${file} cannot be taken: ${describeError(error)}.`)
    }
    this.#db = db
  }

  release(): void {
    this.#db.close()
  }
}

/**
 * Locks a folder of which nothing is changed, not even the lock. Where there is none, or one that is damaged, nothing is
 * locked: no service can hold it then.
 * @returns lets go of it
 * @throws RefusedError if the folder is in use
 */
export function lockToRead(file: string, folder: string): () => void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return () => {}
  const db = new DatabaseSync(file, { timeout: PATIENCE })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    if (isBusy(error)) {
      db.close()
      throw inUse(folder)
    }
  }
  return () => db.close()
}

function inUse(folder: string): RefusedError {
  return new RefusedError(`Another process uses the journal in ${folder}. Stop it, or set DATA_DIR to another folder.`)
}
