/** Makes the backend that STORE asks for, known as `app.store` and `app.aggregator`, looks after it and closes it. */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { RefusedError, type Aggregator, type Backend, type Clock, type EventStore } from '../backends/backend.ts'
import { createJournalBackend } from '../backends/journal/journal.ts'
import type { JournalReport } from '../backends/journal/report.ts'
import { createMemoryBackend } from '../backends/memory.ts'
import { systemClock } from '../backends/system-clock.ts'
import type { RedisReport } from '../backends/redis/redis.ts'

declare module 'fastify' {
  interface FastifyInstance {
    store: EventStore
    aggregator: Aggregator
  }
}

/** Milliseconds between two pieces of upkeep. */
const MAINTENANCE_INTERVAL = 50

function logReport(log: FastifyBaseLogger, report: JournalReport): void {
  const { type, ...fields } = report
  if (type === 'replaying') log.info(fields, 'reading the journal')
  else if (type === 'replayed') log.info(fields, 'the journal has been read')
  else if (type === 'checkpoint') log.info(fields, 'a checkpoint has been made')
  else if (type === 'recovered') log.info('the journal can be written again')
  else if (type === 'cautious') log.info('the clock is over an hour from the newest events: nothing is forgotten for an hour; if the clock is wrong, set it and restart')
  else if (type === 'failed') log.error(fields, 'the journal cannot be written: events are refused until it can')
  else log.warn(fields, 'journal')
}

function logEngine(log: FastifyBaseLogger, report: RedisReport): void {
  if (report.type === 'recovered') log.info('the engine answers again')
  else if (report.type === 'failed') log.error({ detail: report.detail }, 'the engine fails: what it touches is unavailable until it answers again')
  else log.warn({ detail: report.detail }, 'redis')
}

async function createBackend({ log, settings }: FastifyInstance, { clock = systemClock, journalThread, refuse }: BackendOptions): Promise<Backend> {
  const options = { clock, dedupCapacity: settings.DEDUP_CAPACITY, userCapacity: settings.USER_CAPACITY, logBytes: settings.EVENT_LOG_BYTES }
  if (settings.STORE === 'memory') return createMemoryBackend(options)
  if (settings.STORE === 'redis') {
    // Its client is loaded only where it is used.
    const { createRedisBackend } = await import('../backends/redis/redis.ts')
    return createRedisBackend({
      nodes: settings.REDIS_NODES,
      prefix: settings.REDIS_PREFIX,
      partitions: settings.REDIS_PARTITIONS,
      username: settings.REDIS_USERNAME || undefined,
      password: settings.REDIS_PASSWORD || undefined,
      tls: settings.REDIS_TLS === 'on',
      wait: settings.REDIS_WAIT,
      logBytes: settings.EVENT_LOG_BYTES,
      report: (report) => logEngine(log, report)
    })
  }
  const journal = await createJournalBackend({
    ...options,
    directory: settings.DATA_DIR,
    sync: settings.JOURNAL_SYNC,
    thread: journalThread,
    report: (report) => logReport(log, report)
  })
  journal.replayed.catch((error: unknown) => {
    if (error instanceof RefusedError && refuse !== undefined) refuse(error)
    else log.fatal({ detail: (error as Error).message }, 'the journal cannot be read')
  })
  return journal
}

/** What a backend may be given in the place of the real thing. */
export interface BackendOptions {
  clock?: Clock
  backend?: Backend
  /** The script of the journal's writing thread. */
  journalThread?: URL
  /** Told when a journal turns out to be of no use after the start, while it is being read. */
  refuse?: (error: RefusedError) => void
}

export default fp<BackendOptions>(async (app, options) => {
  const { store, aggregator } = options.backend ?? await createBackend(app, options)
  app.decorate('store', store)
  app.decorate('aggregator', aggregator)

  let exact = true
  let isClockRight = true
  const maintenance = setInterval(() => {
    store.maintain()
    const health = store.health()
    const { clock } = health
    if (clock !== undefined && clock.right !== isClockRight) { // [TIME-4]
      isClockRight = clock.right
      if (isClockRight) app.log.warn(clock, 'the wall clock and the time that events are counted by agree again')
      else app.log.warn(clock, clock.detail!)
    }
    if (health.exact === exact) return
    exact = health.exact
    if (exact) app.log.info('counts are exact again')
    else app.log.warn(health, 'ids are forgotten before their 8 days are over: raise DEDUP_CAPACITY') // [DEDUP-4]
  }, MAINTENANCE_INTERVAL)

  app.addHook('onClose', async () => {
    clearInterval(maintenance)
    await store.close()
  })
}, { name: 'backend', dependencies: ['settings'] })
