/** The checksum of a row's figures, so that a bit that has flipped in a position, a count or a time is noticed. */
import { crc32 } from 'node:zlib'
import type { ClockReading } from '../core/clock/clock-reading.ts'

/** What a row has beside its columns and events. */
export interface RowFigures extends ClockReading {
  position: number
  count: number
  columns_checksum: number
  events_checksum: number
}

/** The same with the checksum that was written; rows of an older layout have none. */
export interface StoredFigures extends RowFigures {
  row_checksum: number | null
}

/** CRC-32 over all figures of a row, among them the checksums of its columns and events. */
export function checksumOf({ position, count, wall, elapsed, columns_checksum: columns, events_checksum: events }: RowFigures): number {
  return crc32(`${position} ${count} ${wall} ${elapsed} ${columns} ${events}`)
}

/**
 * Whether a row's figures are what was written.
 * @param checkedFrom rows before this position may have no checksum
 */
export function isIntact(figures: StoredFigures, checkedFrom: number): boolean {
  return figures.row_checksum === null ? figures.position < checkedFrom : figures.row_checksum === checksumOf(figures)
}
