/**
 * The lock of a journal's folder: an exclusive lock on a small database of its own, which the system lets go of when the
 * process ends, however it ends. It also holds a witness of how far the journal had come, so that a journal which has
 * become shorter (a backup put in its place, a tail lost with the power) is noticed.
 */
import { DatabaseSync } from 'node:sqlite'
import { RefusedError } from '../backend.ts'
import { describeError, isBusy } from './sqlite-error.ts'

/** Milliseconds to wait for a predecessor that is just ending. */
const PATIENCE = 2000

/** How far a journal had come. */
export interface Witness {
  epoch: string
  end: number
}

/** See above. */
export class FolderLock {
  readonly #db: DatabaseSync

  /** @throws RefusedError if the folder is in use or cannot be written */
  constructor(file: string, folder: string) {
    const db = new DatabaseSync(file, { timeout: PATIENCE })
    try {
      // In this mode the lock of the first transaction is kept until the end.
      db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS witness (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT, "end" INTEGER); COMMIT')
    } catch (error) {
      db.close()
      if (isBusy(error)) throw new RefusedError(`Another process uses the journal in ${folder}. Stop it, or set DATA_DIR to another folder.`)
      throw new RefusedError(`The lock ${file} cannot be taken: ${describeError(error)}.`)
    }
    this.#db = db
  }

  /** What the last process noted, if any did. */
  get witness(): Witness | undefined {
    return this.#db.prepare('SELECT epoch, "end" FROM witness').get() as Witness | undefined
  }

  /** Notes how far the journal has come; without any promise, since a full disk must not keep the journal from going on. */
  note({ epoch, end }: Witness): void {
    try {
      this.#db.prepare('INSERT OR REPLACE INTO witness VALUES (1, ?, ?)').run(epoch, end)
    } catch {
      // The older note still holds: it only notices less.
    }
  }

  release(): void {
    this.#db.close()
  }
}
