/** What an error of SQLite means to a journal (https://sqlite.org/rescode.html). */

const BUSY = 5
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

/** Whether there is no room. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === FULL
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
