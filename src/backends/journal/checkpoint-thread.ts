/**
 * The thread that makes one checkpoint: it counts the rows as a start would, from the checkpoint before on, in a core of its own, so that
 * what is written is what a start would come to, and the service itself does nothing for it. Rows are read a few at a time, since
 * the write-ahead log cannot be begun anew while a statement is being read.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { Clock } from '../backend.ts'
import { MemoryCore } from '../core/core.ts'
import type { Capacities } from '../core/intake.ts'
import { readHead, withImage, writeCheckpoint, type CheckpointHead } from './checkpoint-file.ts'
import { CHECKPOINT_FILE, JOURNAL_FILE } from './folder.ts'
import { HORIZON } from './retention.ts'
import { RowTable } from './row-table.ts'
import { slices } from './slices.ts'

/** What is to be made. */
export interface CheckpointTask extends Capacities {
  directory: string
  epoch: string
  /** Position after the last row that is to be counted. */
  position: number
}

/** Positions of which rows are read with one statement. */
const READ_EVENTS = 1 << 16

/** Bytes of late ids that are carried on; where there are more the rows are counted anew, which forgets those that are over. */
const MOST_LATE_BYTES = 64 << 20

const task = workerData as CheckpointTask
const file = join(task.directory, CHECKPOINT_FILE)
const db = new DatabaseSync(join(task.directory, JOURNAL_FILE), { readOnly: true, timeout: 2000 })
const { value: checkedFrom } = db.prepare("SELECT value FROM meta WHERE name = 'checked_from'").get()!
const rows = new RowTable(db, JOURNAL_FILE, Number(checkedFrom), task.position)
parentPort!.postMessage(await make())
db.close()

/** Makes it; returns its bytes, or undefined where an image would not tell everything. */
async function make(): Promise<number | undefined> {
  const checksum = rows.checksumAt(task.position)
  const newest = rows.newest()
  if (checksum === undefined || checksum === 0 || newest === undefined) throw new Error('no row that can be told from another ends there')
  const clock: Clock = { wall: () => newest.wall, monotonic: () => 0, uptime: () => 0 }
  const core = new MemoryCore(clock, { ...task, logBytes: 1 << 20 }, newest)
  const before = readHead(file)
  let from = rows.positionAfter({ wall: newest.wall - HORIZON, elapsed: newest.elapsed - HORIZON })
  if (before !== undefined && await takeOver(core, before)) from = before.position
  while (from < task.position) {
    for (const { position, wall, elapsed, batch } of slices(rows.read(from, task.position, endOfRead(from)))) {
      core.restore(batch, { wall, elapsed }, false)
      from = position + batch.count
    }
  }
  return writeCheckpoint(file, (write) => {
    const layout = core.writeImage(newest, write)
    return layout && { epoch: task.epoch, position: task.position, checksum, layout }
  })
}

/** Goes on from the checkpoint before, if it is one of these rows. */
async function takeOver(core: MemoryCore, { epoch, position, checksum, layout }: CheckpointHead): Promise<boolean> {
  if (epoch !== task.epoch || position > task.position || rows.checksumAt(position) !== checksum || (layout.late ?? 0) > MOST_LATE_BYTES) return false
  try {
    await withImage(file, (image) => core.readImage(layout, image))
    return true
  } catch {
    return false // it is of no use, and the rows are counted from the first one on
  }
}

/** The end of a row so many events on, or the last one's. */
function endOfRead(from: number): number {
  const end = db.prepare('SELECT position + count AS "end" FROM rows WHERE position >= ? ORDER BY position LIMIT 1').get(from + READ_EVENTS)?.end
  return Math.min(task.position, end as number | undefined ?? task.position)
}
