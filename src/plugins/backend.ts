/** Makes the backend that STORE asks for, known as `app.store` and `app.aggregator`, looks after it and closes it. */
import fp from 'fastify-plugin'
import type { Aggregator, Backend, Clock, EventStore } from '../backends/backend.ts'
import { createMemoryBackend } from '../backends/memory/memory.ts'
import type { Settings } from '../settings.ts'

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

function createBackend(settings: Settings, clock: Clock): Backend {
  return createMemoryBackend({
    clock,
    dedupCapacity: settings.DEDUP_CAPACITY,
    userCapacity: settings.USER_CAPACITY,
    logBytes: settings.EVENT_LOG_BYTES
  })
}

export default fp<{ clock?: Clock, backend?: Backend }>(async (app, { clock = systemClock, backend }) => {
  const { store, aggregator } = backend ?? createBackend(app.settings, clock)
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
