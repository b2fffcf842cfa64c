/** Makes the backend that STORE asks for, known as `app.store` and `app.aggregator`, looks after it and closes it. */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Aggregator, Backend, Clock, EventStore } from '../backends/backend.ts'
import { createJournalBackend, type JournalReport } from '../backends/journal/journal.ts'
import { createMemoryBackend } from '../backends/memory.ts'

declare module 'fastify' {
  interface FastifyInstance {
    store: EventStore
    aggregator: Aggregator
  }
}

/** Milliseconds between two pieces of upkeep. */
const MAINTENANCE_INTERVAL = 50

const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now()
}

function logReport(log: FastifyBaseLogger, report: JournalReport): void {
  const { type, ...fields } = report
  if (type === 'replaying') log.info(fields, 'reading the journal')
  else if (type === 'replayed') log.info(fields, 'the journal has been read')
  else if (type === 'recovered') log.info('the journal can be written again')
  else if (type === 'failed') log.error(fields, 'the journal cannot be written: events are refused until it can')
  else log.warn(fields, 'journal')
}

async function createBackend({ log, settings }: FastifyInstance, clock: Clock, journalThread?: URL): Promise<Backend> {
  const options = { clock, dedupCapacity: settings.DEDUP_CAPACITY, userCapacity: settings.USER_CAPACITY, logBytes: settings.EVENT_LOG_BYTES }
  if (settings.STORE === 'memory') return createMemoryBackend(options)
  return createJournalBackend({
    ...options,
    directory: settings.DATA_DIR,
    sync: settings.JOURNAL_SYNC,
    thread: journalThread,
    report: (report) => logReport(log, report)
  })
}

export default fp<{ clock?: Clock, backend?: Backend, journalThread?: URL }>(async (app, { clock = systemClock, backend, journalThread }) => {
  const { store, aggregator } = backend ?? await createBackend(app, clock, journalThread)
  app.decorate('store', store)
  app.decorate('aggregator', aggregator)

  let exact = true
  const maintenance = setInterval(() => {
    store.maintain()
    const health = store.health()
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
