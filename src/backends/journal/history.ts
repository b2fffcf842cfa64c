/**
 * Which history a journal belongs to. Cursors name it by an epoch, and a new one begins whenever it cannot be shown that every
 * position that was handed out is still what it was, and only then.
 */
import { randomBytes } from 'node:crypto'
import { isCurrent, type Mark } from './high-water-mark.ts'
import type { LogContent } from './write-ahead-log.ts'

/** What is known when a journal is opened. */
export interface Evidence {
  /** What the database says of itself. */
  epoch: string | undefined
  isClean: boolean
  sync: string | undefined
  /** Whether a mark was kept before. */
  isMarked: boolean
  /** Position after its newest row. */
  end: number
  /** The checksum of the row that ends at a position; undefined where there is none. */
  checksumAt: (end: number) => number | undefined
  mark: Mark | undefined
  /** Whether the lock was made anew, though the journal is not new. */
  isLockNew: boolean
  log: LogContent
  identity: string | undefined
  boot: string | undefined
}

/** The epoch to go on with, and why it is a new one. */
export interface History {
  epoch: string
  /** One line for a person; undefined where the history goes on, or the journal is new. */
  reason?: string
}

/** Decides which epoch a journal goes on with. */
export function historyOf(evidence: Evidence): History {
  const { epoch } = evidence
  if (epoch === undefined) return { epoch: newEpoch() }
  const reason = doubtOf(evidence)
  return reason === undefined ? { epoch } : { epoch: newEpoch(), reason }
}

function newEpoch(): string {
  return randomBytes(6).toString('hex')
}

/** What speaks against the history going on. */
function doubtOf({ epoch, isClean, sync, isMarked, end, checksumAt, mark, isLockNew, log, identity, boot }: Evidence): string | undefined {
  if (isLockNew && end > 0) return 'lock.db was deleted'
  if (mark !== undefined && mark.epoch === epoch && end < mark.end) {
    return `${mark.end - end} acknowledged events are missing, positions ${end} to ${mark.end - 1}${log.isDamaged ? ': the write-ahead log is damaged' : ''}`
  }
  if (log.isDamaged) return 'the write-ahead log is damaged, and what came after the damage is left out'
  if (mark === undefined) return isClean && !isMarked ? undefined : 'the file that says how far it had come is missing or damaged'
  if (mark.epoch !== epoch) return 'it is of another history than the one that was used last'
  if (mark.end > 0 && checksumAt(mark.end) !== mark.checksum) return 'its newest row is not the one that was written last'
  // After the end of the process alone the mark is exact, and so it is after an orderly stop.
  if (isCurrent(mark, boot)) return undefined
  if (sync !== 'full') return 'the system went down while commits were not synced'
  if (mark.identity !== identity) return 'it is another file than the one that was used last'
  return log.frames === 0 ? 'its write-ahead log is missing' : undefined
}
