/** Changes of rows that are there: old ones are deleted, and ones from the future get the present time; a few in each commit. */
import type { ClockReading } from '../core/clock/clock-reading.ts'
import type { SqliteConnection } from './connection.ts'

/** Rows, and bytes in them, that one commit changes at the most, and pages that are given back at a time. */
const CHANGED_ROWS = 256
const CHANGED_BYTES = 4 << 20
const VACUUM_PAGES = 512

/**
 * Deletes some of the oldest rows that arrived before a time by both clocks and end at or before a position, and gives
 * free pages back when there are more than the next rows are likely to need.
 */
export function trimRows(connection: SqliteConnection, before: ClockReading, position: number): void {
  const { db } = connection
  let end: number | undefined
  let rows = 0
  let bytes = 0
  for (const row of db.prepare('SELECT position + count AS "end", wall, elapsed, length(events) AS bytes FROM rows ORDER BY position').iterate()) {
    if ((row.wall as number) >= before.wall || (row.elapsed as number) >= before.elapsed || (row.end as number) > position) break
    end = row.end as number
    bytes += row.bytes as number
    if (++rows >= CHANGED_ROWS || bytes >= CHANGED_BYTES) break
  }
  if (end !== undefined) {
    connection.transact(() => {
      db.prepare('DELETE FROM rows WHERE position < ?').run(end)
      connection.set('first', String(end))
    })
  }
  const free = connection.number('PRAGMA freelist_count')
  if (free > VACUUM_PAGES && free * 4 > connection.number('PRAGMA page_count')) db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`)
}

/**
 * Gives rows that were written at a later time than `wall`, which are from the future, that time [TIME-4]. Oldest first:
 * ended in between, it can be done once more.
 * @param committed called after each commit
 */
export function retimeRows(connection: SqliteConnection, wall: number, committed: () => void): void {
  const { db } = connection
  const select = db.prepare('SELECT position, length(columns) + length(events) AS bytes FROM rows WHERE position >= ? ORDER BY position')
  const update = db.prepare(`UPDATE rows SET wall = ?1, row_checksum = checksum_of_row(position, count, ?1, elapsed, columns_checksum, events_checksum)
    WHERE position >= ?2 AND position <= ?3 AND wall > ?1`)
  let next = (db.prepare('SELECT min(position) AS first FROM rows WHERE wall > ?').get(wall) as { first: number | null }).first
  while (next !== null) {
    const from = next
    let last = from
    let rows = 0
    let bytes = 0
    next = null
    for (const row of select.iterate(from)) {
      if (rows >= CHANGED_ROWS || bytes >= CHANGED_BYTES) {
        next = row.position as number
        break
      }
      last = row.position as number
      bytes += row.bytes as number
      rows++
    }
    connection.transact(() => update.run(wall, from, last))
    committed()
  }
}
