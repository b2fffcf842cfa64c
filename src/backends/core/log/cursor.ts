/** The text form of a cursor: the epoch that names a history, and a position in its order of arrival. */
import { InvalidCursorError } from '../../backend.ts'

/** Twelve hexadecimal digits, and a position in base 36 without leading zeros. */
const CURSOR = /^([0-9a-f]{12})\.(0|[1-9a-z][0-9a-z]{0,9})$/

/** A cursor's two parts. */
export interface ParsedCursor {
  epoch: string
  position: number
}

/** Writes a cursor. */
export function formatCursor(epoch: string, position: number): string {
  return `${epoch}.${position.toString(36)}`
}

/** @throws InvalidCursorError */
export function parseCursor(text: string): ParsedCursor {
  const match = CURSOR.exec(text)
  if (match === null) throw new InvalidCursorError('this is not a cursor of this service')
  return { epoch: match[1], position: Number.parseInt(match[2], 36) }
}
