/** What an error of SQLite means to a journal (https://sqlite.org/rescode.html). */

import { rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

const { ENOSPC, EDQUOT } = constants.errno

/** Bytes of a write that finds out whether there is room. */
const PROBE_BYTES = 64 << 10

const BUSY = 5
const IO_ERROR = 10
const CORRUPT = 11
const FULL = 13
const NOT_A_DATABASE = 26

/** The primary result code; undefined for any other error. */
function codeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}

/** Whether somebody else holds the lock. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === BUSY
}

/**
 * Whether there is no room.
 * @param folder where a write is tried: SQLite calls a quota that is used up an I/O error
 */
export function isFull(error: unknown, folder?: string): boolean {
  const code = codeOf(error)
  return code === FULL || (code === IO_ERROR && folder !== undefined && !hasRoom(folder))
}

/** Whether reading failed, which says nothing of what is in the file. */
export function isReadError(error: unknown): boolean {
  return codeOf(error) === IO_ERROR
}

function hasRoom(folder: string): boolean {
  const file = join(folder, `room-${process.pid}`)
  try {
    writeFileSync(file, Buffer.alloc(PROBE_BYTES, 1))
    return true
  } catch (error) {
    // By its number: Node has no name for EDQUOT.
    return ![ENOSPC, EDQUOT].includes(-((error as NodeJS.ErrnoException).errno ?? 0))
  } finally {
    rmSync(file, { force: true })
  }
}

/** Whether the file does not hold what it should. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error)
  return code === CORRUPT || code === NOT_A_DATABASE
}

/** One line for the log. */
export function describeError(error: unknown): string {
  const { message, errcode } = error as { message?: string, errcode?: number }
  return errcode === undefined ? String(message ?? error) : `${message} (SQLite ${errcode})`
}
