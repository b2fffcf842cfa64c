/**
 * The rows of the journal as bytes: the reserved events of some batches side by side, as columns and as one run of
 * canonical JSON. Both are made where the batches are, so that the writing thread only hands them on.
 *
 * Columns of n events, little-endian as every platform of Node is: n times (float64, milliseconds since 1970), n ids (four
 * 32-bit words each), n lengths of their JSON (uint32), n lengths of their user ids (uint16), n types (uint8), and the
 * user ids' UTF-8.
 */
import { Verdict, type Batch } from '../batch.ts'
import type { ClockReading } from '../core/clock/clock-reading.ts'

/** Bytes of JSON and number of events from which on a row is closed; larger events and batches make more rows, not larger ones. */
const ROW_BYTES = 4 << 20
const ROW_EVENTS = 1 << 14

/** Memory is made in multiples of so many bytes, so that it serves other groups as well. */
const MEMORY_STEP = 1 << 18

/** Bytes that an event takes in the columns, without its user id. */
const COLUMN_BYTES = 31

const COMMA = 0x2c

/** What is committed as one row; see layout.ts. */
export interface Row {
  position: number
  count: number
  wall: number
  elapsed: number
  columns: Uint8Array
  events: Uint8Array
}

/** The columns of a row, as views. */
export interface Columns {
  times: Float64Array
  ids: Uint32Array
  lengths: Uint32Array
  userLengths: Uint16Array
  types: Uint8Array
  users: Uint8Array
}

/** How large a row will be. */
interface Size {
  count: number
  userBytes: number
  eventBytes: number
}

/** Views of the columns of `count` events; the bytes begin at a multiple of eight. */
export function viewColumns(bytes: Uint8Array, count: number): Columns {
  const { buffer, byteOffset: at } = bytes
  return {
    times: new Float64Array(buffer, at, count),
    ids: new Uint32Array(buffer, at + 8 * count, 4 * count),
    lengths: new Uint32Array(buffer, at + 24 * count, count),
    userLengths: new Uint16Array(buffer, at + 28 * count, count),
    types: new Uint8Array(buffer, at + 30 * count, count),
    users: new Uint8Array(buffer, at + COLUMN_BYTES * count, bytes.length - COLUMN_BYTES * count)
  }
}

/**
 * Packs the reserved events of batches, in order, into rows from a position on. All rows lie in one buffer, which is theirs
 * alone: `memory` if it is large enough. O(bytes).
 */
export function packRows(batches: readonly Batch[], position: number, { wall, elapsed }: ClockReading, memory: ArrayBuffer): Row[] {
  const sizes = measure(batches)
  const length = sizes.reduce((sum, size) => sum + roomOf(size), 0)
  const buffer = length <= memory.byteLength ? memory : new ArrayBuffer(Math.ceil(length / MEMORY_STEP) * MEMORY_STEP)
  const packer = new RowPacker()
  const rows: Row[] = []
  let at = 0
  let next = position
  for (const size of sizes) {
    const columnBytes = COLUMN_BYTES * size.count + size.userBytes
    const row: Row = {
      position: next,
      count: size.count,
      wall,
      elapsed,
      columns: new Uint8Array(buffer, at, columnBytes),
      events: new Uint8Array(buffer, at + columnBytes, size.eventBytes)
    }
    packer.fill(row, batches)
    rows.push(row)
    next += size.count
    at += roomOf(size)
  }
  return rows
}

function roomOf({ count, userBytes, eventBytes }: Size): number {
  return Math.ceil((COLUMN_BYTES * count + userBytes + eventBytes) / 8) * 8
}

function measure(batches: readonly Batch[]): Size[] {
  const sizes: Size[] = []
  let size: Size = { count: 0, userBytes: 0, eventBytes: -1 }
  for (const batch of batches) {
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdicts[i] !== Verdict.Accepted) continue
      if (size.eventBytes >= ROW_BYTES || size.count >= ROW_EVENTS) {
        sizes.push(size)
        size = { count: 0, userBytes: 0, eventBytes: -1 }
      }
      size.count++
      size.userBytes += batch.userEnd[i] - batch.userStart[i]
      size.eventBytes += batch.end[i] - batch.start[i] + 1
    }
  }
  if (size.count > 0) sizes.push(size)
  return sizes
}

/** Goes through batches event by event and fills one row after the other. */
class RowPacker {
  #batch = 0
  #event = 0

  fill(row: Row, batches: readonly Batch[]): void {
    const { times, ids, lengths, userLengths, types, users } = viewColumns(row.columns, row.count)
    let userAt = 0
    let eventAt = 0
    for (let k = 0; k < row.count;) {
      const batch = batches[this.#batch]
      // Events one byte apart are copied as one run, and the commas between them are written afterwards.
      let runStart = 0
      let runEnd = -2
      let runAt = 0
      for (; this.#event < batch.count && k < row.count; this.#event++) {
        const i = this.#event
        if (batch.verdicts[i] !== Verdict.Accepted) continue
        const length = batch.end[i] - batch.start[i]
        times[k] = batch.times[i]
        ids[4 * k] = batch.ids[4 * i]
        ids[4 * k + 1] = batch.ids[4 * i + 1]
        ids[4 * k + 2] = batch.ids[4 * i + 2]
        ids[4 * k + 3] = batch.ids[4 * i + 3]
        lengths[k] = length
        types[k] = batch.types[i]
        userLengths[k] = batch.userEnd[i] - batch.userStart[i]
        for (let from = batch.userStart[i]; from < batch.userEnd[i]; from++) users[userAt++] = batch.bytes[from]
        if (batch.start[i] !== runEnd + 1) {
          if (runEnd > 0) batch.bytes.copy(row.events, runAt, runStart, runEnd)
          runStart = batch.start[i]
          runAt = eventAt
        }
        runEnd = batch.end[i]
        eventAt += length + 1
        k++
      }
      if (runEnd > 0) batch.bytes.copy(row.events, runAt, runStart, runEnd)
      if (this.#event === batch.count) {
        this.#batch++
        this.#event = 0
      }
    }
    let at = 0
    for (let k = 0; k < row.count - 1; k++) {
      at += lengths[k]
      row.events[at++] = COMMA
    }
  }
}
