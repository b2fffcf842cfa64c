/** Where a reader begins: what it asked for, if that can be told whole, else the head of the log. [LIVE-2] */
import { LostCursorError, type EventStore, type LostReason } from '../backends/backend.ts'

/** A place to read on from. */
export interface Position {
  cursor: string
  /** Whether it is the place that was asked for; undefined if none was. */
  recovered?: boolean
  /** What was asked for and cannot be told any more, and why. */
  lost?: { after: string, reason: LostReason }
}

/**
 * The place behind `after`; `earliest` is the one before the oldest retained event. Without it, or if it is lost, the
 * head of the log: never part of what was asked for.
 * @throws InvalidCursorError
 */
export function findPosition(store: EventStore, after: string | undefined): Position {
  if (after === undefined) return { cursor: store.cursor() }
  if (after === 'earliest') return { cursor: store.earliest(), recovered: true }
  try {
    store.assertReadable(after)
    return { cursor: after, recovered: true }
  } catch (error) {
    if (!(error instanceof LostCursorError)) throw error
    return { cursor: store.cursor(), recovered: false, lost: { after, reason: error.reason } }
  }
}
