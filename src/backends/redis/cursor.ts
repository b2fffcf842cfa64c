/**
 * The text form of a cursor over partitions: a name of the history, and for each partition its epoch and a position, as
 * variable-length numbers in base64url.
 */
import { InvalidCursorError } from '../backend.ts'

/** Bytes of the name of a history. */
export const HISTORY_BYTES = 6

/** Most partitions: cursors of so many fit into CURSOR_MAX_LENGTH characters. */
export const MAX_PARTITIONS = 64

/** First byte of every cursor of this kind. */
const VERSION = 2

/** A position in one partition's log. */
export interface LogPosition {
  /** Another one after every start and every promotion of a server, since both may lose positions. */
  epoch: number
  /** Events before it. */
  position: number
}

/** Whether a position comes before another in one partition's log. */
export function isBefore(a: LogPosition, b: LogPosition): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.position < b.position)
}

/** Writes a cursor. */
export function formatCursor(history: Buffer, positions: readonly LogPosition[]): string {
  const bytes: number[] = [VERSION, ...history]
  for (const { epoch, position } of positions) {
    writeNumber(bytes, epoch)
    writeNumber(bytes, position)
  }
  return Buffer.from(bytes).toString('base64url')
}

/**
 * Reads a cursor. Undefined: one of another history, or of another number of partitions.
 * @throws InvalidCursorError
 */
export function parseCursor(text: string, history: Buffer, partitions: number): LogPosition[] | undefined {
  if (isForeign(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text) throw new InvalidCursorError('this is not a cursor of this service')
  if (bytes[0] !== VERSION || bytes.length < 1 + HISTORY_BYTES + 2) throw new InvalidCursorError('this is not a cursor of this service')
  const positions: LogPosition[] = []
  const reader = { at: 1 + HISTORY_BYTES }
  while (reader.at < bytes.length) positions.push({ epoch: readNumber(bytes, reader), position: readNumber(bytes, reader) })
  if (!bytes.subarray(1, 1 + HISTORY_BYTES).equals(history) || positions.length !== partitions) return undefined
  return positions
}

/** Whether a text is a cursor of a store in one process. */
function isForeign(text: string): boolean {
  return /^[0-9a-f]{12}\.[0-9a-z]+$/.test(text)
}

function writeNumber(bytes: number[], value: number): void {
  while (value >= 128) {
    bytes.push(value % 128 + 128)
    value = Math.floor(value / 128)
  }
  bytes.push(value)
}

function readNumber(bytes: Buffer, reader: { at: number }): number {
  let value = 0
  for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
    const byte = bytes[reader.at++]
    if (byte === undefined) break
    value += byte % 128 * factor
    if (byte < 128) return value
  }
  throw new InvalidCursorError('this is not a cursor of this service')
}
