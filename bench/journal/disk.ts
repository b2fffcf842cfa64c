/** What a journal costs on its own, without HTTP: the delay of a commit, the speed of a replay, bytes on disk. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createJournalBackend, type JournalBackend } from '../../src/backends/journal/journal.ts'
import type { Sync } from '../../src/backends/journal/connection.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { Bodies } from '../harness/bodies.ts'
import { percentile } from '../harness/statistics.ts'
import type { Row } from '../harness/table.ts'
import { systemClock } from '../../src/backends/system-clock.ts'

/** How much is measured. */
export interface DiskOptions {
  /** Events for the replay. */
  events: number
  batch: number
  /** Appends of one event, one after the other, whose delays are measured. */
  appends: number
  users: number
  sync: Sync
}

/** Measures one batch size; the replay is a new start on the same folder. */
export async function measureDisk({ events, batch, appends, users, sync }: DiskOptions): Promise<Row> {
  const directory = mkdtempSync(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'journal-bench-'))
  const capacities = { dedupCapacity: 20_000_000, userCapacity: 5_000_000, logBytes: 256 << 20 }
  const open = (): Promise<JournalBackend> => createJournalBackend({ clock: systemClock, directory, sync, ...capacities })
  try {
    let backend = await open()
    await backend.replayed
    const ingest = createIngest({ store: backend.store, maxEvents: batch })
    const singles = new Bodies({ batch: 1, users, form: 'array' })
    const delays = new Float64Array(appends)
    for (let i = 0; i < appends; i++) {
      const body = singles.make(Date.now())
      const begin = performance.now()
      await ingest(body, 'json')
      delays[i] = performance.now() - begin
    }
    await fill(ingest, new Bodies({ batch, users, form: 'array' }), Math.ceil(events / batch))
    await backend.store.close()
    const bytes = statSync(join(directory, 'events.db')).size

    backend = await open()
    const begin = performance.now()
    await backend.replayed
    const seconds = (performance.now() - begin) / 1000
    const count = backend.store.health().ids
    await backend.store.close()
    return {
      sync,
      batch,
      'commit p50, ms': percentile(delays, 0.5),
      'commit p99, ms': percentile(delays, 0.99),
      events: count,
      'replayed events/s': Math.round(count / seconds),
      'bytes/event on disk': Math.round(bytes / count)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Sends from eight senders at a time. */
async function fill(ingest: ReturnType<typeof createIngest>, bodies: Bodies, requests: number): Promise<void> {
  let left = requests
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (left-- > 0) {
      const { errors } = await ingest(bodies.make(Date.now()), 'json')
      if (errors.length > 0) throw new Error(JSON.stringify(errors[0]))
    }
  }))
}
