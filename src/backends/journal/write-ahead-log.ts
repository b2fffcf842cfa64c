/**
 * The write-ahead log of the journal's database, as a file, and how it is made safe before it is used again. What a failed
 * sync has lost may still be shown by the page cache, and syncing once more does nothing for it; so the bytes of the valid
 * part are written again before anything is relied upon.
 */
import { closeSync, copyFileSync, fsyncSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { Checksum, FRAME_HEADER_BYTES, HEADER_BYTES, readHeader } from './log-frames.ts'

/** What a log holds. */
export interface LogContent {
  /** Bytes up to the end of the last whole commit. */
  validBytes: number
  /** Frames of commits. */
  frames: number
  /** Whether frames of the same log come after one that is not what was written: more than the end of the last write is gone. */
  isDamaged: boolean
}

/** Reads a log's frames in the way in which SQLite recovers it. O(bytes). */
export function readLog(log: Buffer): LogContent {
  const nothing = { validBytes: 0, frames: 0, isDamaged: log.length > HEADER_BYTES + FRAME_HEADER_BYTES }
  if (log.length < HEADER_BYTES) return { ...nothing, isDamaged: false }
  const header = readHeader(log)
  if (header === undefined) return nothing
  const { pageSize, salt, isBigEndian } = header
  const sums = new Checksum(isBigEndian)
  sums.continueFrom(log, 24)
  const frameBytes = FRAME_HEADER_BYTES + pageSize
  const content: LogContent = { validBytes: HEADER_BYTES, frames: 0, isDamaged: false }
  let at = HEADER_BYTES
  for (; at + frameBytes <= log.length && log.toString('latin1', at + 8, at + 16) === salt; at += frameBytes) {
    sums.add(log, at, 8)
    sums.add(log, at + FRAME_HEADER_BYTES, pageSize)
    if (!sums.equals(log, at + 16)) break
    if (log.readUInt32BE(at + 4) !== 0) {
      content.validBytes = at + frameBytes
      content.frames = (at + frameBytes - HEADER_BYTES) / frameBytes
    }
  }
  // A torn last write leaves one frame that is wrong; a second one after it was written by a commit that had succeeded.
  for (let next = at + frameBytes; next + FRAME_HEADER_BYTES <= log.length; next += frameBytes) {
    if (log.toString('latin1', next + 8, next + 16) === salt && log.readUInt32BE(next + 4) !== 0) content.isDamaged = true
  }
  return content
}

/**
 * Writes the valid part of a log again, takes the rest away and syncs it; to be called before SQLite opens the database, by
 * the only process that uses it. Of a damaged log a copy is left beside it.
 */
export function secureLog(file: string): LogContent {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { validBytes: 0, frames: 0, isDamaged: false }
    throw error
  }
  try {
    const log = Buffer.allocUnsafeSlow(fstatSync(descriptor).size)
    for (let at = 0; at < log.length;) {
      const read = readSync(descriptor, log, at, log.length - at, at)
      if (read === 0) break
      at += read
    }
    const content = readLog(log)
    if (content.isDamaged) {
      try {
        copyFileSync(file, `${file}.damaged`)
      } catch {
        // The copy is for a person to look at; without room for it the journal can be used all the same.
      }
    }
    for (let at = 0; at < content.validBytes;) at += writeSync(descriptor, log, at, content.validBytes - at, at)
    ftruncateSync(descriptor, content.validBytes)
    fsyncSync(descriptor)
    return content
  } finally {
    closeSync(descriptor)
  }
}
