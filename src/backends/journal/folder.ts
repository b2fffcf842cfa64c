/** The folder of a journal: its files' names, how it is made, synced with all above it that was missing, and watched for being taken away. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Names of the files in it. */
export const JOURNAL_FILE = 'events.db'
export const LOCK_FILE = 'lock.db'
export const MARK_FILE = 'high-water-mark'
export const CHECKPOINT_FILE = 'checkpoint'

/**
 * Makes a folder, and what is missing above it, one after the other: some file systems never end a recursive mkdir. The names
 * of all of them are synced, else they may be gone with the power, and everything in them; also those that were there, since
 * an earlier start may have made them and failed to sync.
 */
export function makeFolder(folder: string): void {
  const path = resolve(folder)
  const missing: string[] = []
  for (let above = path; !existsSync(above); above = dirname(above)) missing.unshift(above)
  for (const made of missing) mkdirSync(made)
  for (let above = dirname(path); ; above = dirname(above)) {
    try {
      syncFolder(above)
    } catch (error) {
      // A folder that this user may not read was not made by this service.
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
    if (above === dirname(above)) return
  }
}

/** Syncs the names in a folder. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Which file a name stands for; undefined where there is none. */
export function identityOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`
}
