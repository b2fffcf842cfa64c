/**
 * Slices of the replay: rows read from the file and put together into batches that the core restores at once. Neighbouring rows of
 * one minute become one slice, since nothing in the core tells times of arrival more finely than that, so that a journal
 * of single events is read about as fast as one of large batches.
 */
import { Batch } from '../batch.ts'
import type { ClockReading } from '../core/clock/clock-reading.ts'
import type { StoredRow } from './row-table.ts'
import { viewColumns } from './rows.ts'

/** Events, and bytes, from which on a slice is closed. */
const SLICE_EVENTS = 8192
const SLICE_BYTES = 4 << 20

const MINUTE = 60_000
const COMMA = 0x2c

/** Some events on their way to the core, and when they arrived. */
export interface Slice extends ClockReading {
  position: number
  /** Whether `bytes` holds the events, and not only the user ids. */
  logged: boolean
  /** Whether a checkpoint counts them already. */
  isCounted: boolean
  batch: Batch
}

/** Puts rows together into slices. */
export function * slices(rows: Iterable<StoredRow>, isCounted = false): Generator<Slice> {
  let gathered: StoredRow[] = []
  let count = 0
  let bytes = 0
  for (const row of rows) {
    const first = gathered[0]
    if (first !== undefined && (count >= SLICE_EVENTS || bytes >= SLICE_BYTES || !isAlike(first, row))) {
      yield join(gathered, isCounted)
      gathered = []
      count = bytes = 0
    }
    gathered.push(row)
    count += row.count
    bytes += row.columns.length + (row.events?.length ?? 0)
  }
  if (gathered.length > 0) yield join(gathered, isCounted)
}

function isAlike(a: StoredRow, b: StoredRow): boolean {
  return minute(a.wall) === minute(b.wall) && minute(a.elapsed) === minute(b.elapsed) && (a.events === undefined) === (b.events === undefined)
}

function minute(time: number): number {
  return Math.floor(time / MINUTE)
}

function join(rows: readonly StoredRow[], isCounted: boolean): Slice {
  const { position } = rows[0]
  const { wall, elapsed, events } = rows[rows.length - 1]
  const count = rows.reduce((sum, row) => sum + row.count, 0)
  const views = rows.map((row) => viewColumns(row.columns, row.count))
  const userBytes = views.reduce((sum, { users }) => sum + users.length, 0)
  const eventBytes = rows.reduce((sum, row) => sum + (row.events === undefined ? 0 : row.events.length + 1), 0)
  const batch = new Batch(count)
  batch.count = count
  batch.bytes = Buffer.from(new ArrayBuffer(userBytes + eventBytes))
  let k = 0
  let userAt = 0
  let eventAt = userBytes
  rows.forEach((row, r) => {
    const { ids, types, times, lengths, userLengths, users } = views[r]
    batch.ids.set(ids, 4 * k)
    batch.types.set(types, k)
    batch.times.set(times, k)
    batch.bytes.set(users, userAt)
    if (row.events !== undefined) {
      batch.bytes.set(row.events, eventAt)
      batch.bytes[eventAt + row.events.length] = COMMA
    }
    for (let i = 0; i < row.count; i++, k++) {
      batch.userStart[k] = userAt
      batch.userEnd[k] = userAt += userLengths[i]
      batch.start[k] = eventAt
      batch.end[k] = eventAt + lengths[i]
      eventAt += lengths[i] + 1
    }
  })
  return { position, wall, elapsed, logged: events !== undefined, isCounted, batch }
}
