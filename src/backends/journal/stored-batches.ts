/** The events of a journal that no process uses, as batches: for another store to take them over. */
import { join } from 'node:path'
import type { Batch } from '../batch.ts'
import { readBoot } from './boot.ts'
import { JOURNAL_FILE, LOCK_FILE, MARK_FILE } from './folder.ts'
import { JournalFile } from './journal-file.ts'
import { FolderLock } from './lock.ts'
import { slices } from './slices.ts'
import { secureLog } from './write-ahead-log.ts'

/**
 * Every event that arrived after a time, in order. The folder is locked meanwhile.
 * @param since milliseconds since 1970
 * @throws RefusedError where a process uses the folder, or the journal is damaged
 */
export function * storedBatches(directory: string, since: number): Generator<Batch> {
  const lock = new FolderLock(join(directory, LOCK_FILE), directory)
  try {
    const path = join(directory, JOURNAL_FILE)
    const log = secureLog(`${path}-wal`)
    const file = new JournalFile({ file: path, sync: 'full', boot: readBoot(), log, mark: join(directory, MARK_FILE), isLockNew: lock.isNew })
    try {
      const from = file.rows.positionAfter({ wall: since, elapsed: Infinity })
      for (const { batch } of slices(file.rows.read(from, from))) yield batch
      file.close()
    } finally {
      file.abandon()
    }
  } finally {
    lock.release()
  }
}
