/**
 * `npm run migrate`: copies the events of the last eight days from the stopped journal in DATA_DIR to the cluster of
 * REDIS_NODES. Safe to repeat and to run beside replicas that accept events: what was counted there is a duplicate here.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { RefusedError, type Backend } from './backends/backend.ts'
import { Verdict, type Batch } from './backends/batch.ts'
import { HORIZON_MINUTES } from './backends/core/dedup/generations.ts'
import { storedBatches } from './backends/journal/stored-batches.ts'
import { createRedisBackend } from './backends/redis/redis.ts'
import { loadSettings, SettingsError } from './settings.ts'

const MINUTE = 60_000

/** Milliseconds before a batch that was unavailable is sent again. */
const RETRY_INTERVAL = 500

/** What became of the events. */
export interface Migration {
  counted: number
  duplicates: number
}

/** Appends batches until each event has been taken or is known. */
export async function migrate({ store }: Backend, batches: Iterable<Batch>, progress: (migration: Migration) => void = () => {}): Promise<Migration> {
  const migration: Migration = { counted: 0, duplicates: 0 }
  for (const batch of batches) {
    for (let isFirst = true; ; isFirst = false) {
      const { verdicts } = await store.append(batch)
      const taken = verdicts.subarray(0, batch.count)
      const counted = taken.filter((verdict) => verdict === Verdict.Accepted || verdict === Verdict.Late).length
      const duplicates = taken.filter((verdict) => verdict === Verdict.Duplicate).length
      migration.counted += counted
      if (isFirst) migration.duplicates += duplicates
      if (counted + duplicates === batch.count) break
      await delay(RETRY_INTERVAL)
    }
    progress(migration)
  }
  return migration
}

async function run(): Promise<void> {
  const settings = loadSettings({ ...process.env, STORE: 'redis' })
  const backend = await createRedisBackend({
    nodes: settings.REDIS_NODES,
    prefix: settings.REDIS_PREFIX,
    partitions: settings.REDIS_PARTITIONS,
    username: settings.REDIS_USERNAME || undefined,
    password: settings.REDIS_PASSWORD || undefined,
    tls: settings.REDIS_TLS === 'on',
    wait: settings.REDIS_WAIT,
    logBytes: settings.EVENT_LOG_BYTES,
    report: (report) => { if ('detail' in report) process.stderr.write(`${report.detail}\n`) }
  })
  try {
    const { counted, duplicates } = await migrate(backend, storedBatches(settings.DATA_DIR, Date.now() - HORIZON_MINUTES * MINUTE), (migration) => {
      process.stderr.write(`\r${migration.counted} counted, ${migration.duplicates} duplicates`)
    })
    process.stdout.write(`\n${counted} events were counted in the cluster; ${duplicates} were known there.\n`)
    process.stdout.write('Cursors of the journal end here: subscribers begin with a summary of the cluster.\n')
  } finally {
    await backend.store.close()
  }
}

if (import.meta.main) {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof RefusedError) && !(error instanceof SettingsError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
