/** What the store holds and can hold, as gauges of `app.metrics`; it is asked when somebody reads them. */
import fp from 'fastify-plugin'
import { Gauge } from 'prom-client'
import type { StoreHealth } from '../../schemas/index.ts'

/** What the store says of itself, as gauges: name, help and value. */
const GAUGES: readonly (readonly [string, string, (health: StoreHealth) => number])[] = [
  ['events_dedup_ids', 'Event ids remembered.', (health) => health.ids],
  ['events_dedup_ids_capacity', 'Most event ids that can be remembered.', (health) => health.id_capacity],
  ['events_dedup_horizon_seconds', 'For how long an id is remembered at the least, as things stand.', (health) => health.dedup_horizon_seconds],
  ['events_exact', '1 while every id is remembered for 8 days, so that counts are exact; else 0.', (health) => Number(health.exact)],
  ['events_clock_difference_seconds', 'What the wall clock is ahead of the time that events are counted by; negative if it is behind.', (health) => health.clock?.difference_seconds ?? 0],
  ['events_clock_unsettled_seconds', 'Seconds until a leap of the wall clock will be believed if it stays; 0 while there is none.', (health) => health.clock?.unsettled_seconds ?? 0],
  ['events_users', 'Users known.', (health) => health.users],
  ['events_users_capacity', 'Most users that can be known.', (health) => health.user_capacity],
  ['events_log_bytes', 'Bytes that the event log holds.', (health) => health.log_bytes],
  ['events_log_capacity_bytes', 'Most bytes that the event log may hold.', (health) => health.log_capacity_bytes],
  ['events_log_events', 'Events in the event log.', (health) => health.events_retained]
]

export default fp(async (app) => {
  for (const [name, help, value] of GAUGES) {
    app.metrics.registerMetric(new Gauge({ name, help, registers: [], collect() { this.set(value(app.store.health())) } }))
  }
}, { name: 'store-metrics', dependencies: ['metrics', 'backend'] })
