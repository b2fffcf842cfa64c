/** What the main thread and the writing thread tell each other. */
import type { ClockReading } from '../core/clock/clock-reading.ts'
import type { Sync } from './connection.ts'
import type { Found } from './journal-file.ts'
import type { Slice } from './slices.ts'
import type { Oldest } from './row-table.ts'
import type { Row } from './rows.ts'

/** How the writing thread is started. */
export interface WriterOptions {
  directory: string
  sync: Sync
  /** Bytes of the event log, so many of the newest events are read again. */
  logBytes: number
  /** What is older than this by both clocks need not be read again: milliseconds. */
  horizon: number
  /** The present time by the clock of the service. */
  wall: number
}

/** What the main thread asks for. */
export type WriterRequest =
  /** One more slice of the replay, in which rows before a position are read for the log alone. */
  | { type: 'replay', countedTo: number }
  | { type: 'commit', rows: Row[] }
  /** Rows of a later time than this are from the future, and get it. [TIME-4] */
  | { type: 'retime', wall: number }
  | { type: 'trim', before: ClockReading, position: number }
  /** A failure is known here; try until it works again. */
  | { type: 'recover' }
  | { type: 'close' }

/** Why nothing can be written. */
export type WriteFault = 'full' | 'unavailable'

/** What the writing thread answers. */
export type WriterAnswer =
  /** The journal is of no use as it is, or not any more; the thread ends. */
  | { type: 'refused', message: string }
  | { type: 'opened', found: Found }
  | { type: 'slice', slice: Slice }
  | { type: 'replayed' }
  /** With the memory in which the rows lay. */
  | { type: 'committed', memory: ArrayBuffer }
  /** Nothing that was asked for and not answered counts, and nothing will be done before 'recover' is asked for. */
  | { type: 'failed', code: WriteFault, detail: string }
  | { type: 'recovered' }
  /** What there is to be read again now. */
  | { type: 'retimed', found: Found }
  | { type: 'trimmed', oldest: Oldest | undefined, failed?: string }
  | { type: 'warning', detail: string }
