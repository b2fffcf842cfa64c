/**
 * What the service counts about itself, as `app.metrics`. Requests are labelled by the pattern of their route, never by
 * what a client wrote. A request costs one observation and a receipt a few additions, whatever the number of its
 * events; all else is made when somebody asks.
 */
import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { StoreHealth } from '../../schemas/index.ts'
import type { LiveStats } from '../live/feed.ts'

/** Bounds of the buckets for how long requests take, in seconds. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The label of requests that no route takes. */
const UNMATCHED = 'unmatched'

/** What the store says of itself, as gauges: name, help and value. */
const STORE_GAUGES: readonly (readonly [string, string, (health: StoreHealth) => number])[] = [
  ['events_dedup_ids', 'Event ids remembered.', (health) => health.ids],
  ['events_dedup_ids_capacity', 'Most event ids that can be remembered.', (health) => health.id_capacity],
  ['events_dedup_horizon_seconds', 'For how long an id is remembered at the least, as things stand.', (health) => health.dedup_horizon_seconds],
  ['events_exact', '1 while every id is remembered for 8 days, so that counts are exact; else 0.', (health) => Number(health.exact)],
  ['events_users', 'Users known.', (health) => health.users],
  ['events_users_capacity', 'Most users that can be known.', (health) => health.user_capacity],
  ['events_log_bytes', 'Bytes that the event log holds.', (health) => health.log_bytes],
  ['events_log_capacity_bytes', 'Most bytes that the event log may hold.', (health) => health.log_capacity_bytes],
  ['events_log_events', 'Events in the event log.', (health) => health.events_retained]
]

/** What live delivery has done, as counters: name, help and value. */
const LIVE_COUNTERS: readonly (readonly [string, string, keyof LiveStats])[] = [
  ['events_live_frames_total', 'Frames of events handed to subscribers.', 'frames'],
  ['events_live_delivered_total', 'Events handed to subscribers, one for each subscriber.', 'events'],
  ['events_live_gaps_total', 'Stretches of events that a subscriber was told it missed.', 'gaps'],
  ['events_live_holds_total', 'Times that a subscriber was slower than the events.', 'holds'],
  ['events_live_cuts_total', 'Subscribers cut off because they gave no sign of life.', 'cuts']
]

/** The verdicts on events. */
const VERDICTS = ['accepted', 'duplicate', 'rejected', 'unavailable'] as const

let processMetrics: Registry | undefined

/** The metrics of the process (memory, event-loop delay, garbage collection), measured once however many applications it holds. */
function processRegistry(): Registry {
  if (processMetrics === undefined) {
    processMetrics = new Registry()
    collectDefaultMetrics({ register: processMetrics })
  }
  return processMetrics
}

declare module 'fastify' {
  interface FastifyInstance {
    /** All that is measured of this application and its process. */
    metrics: Registry
  }
}

export default fp(async (app) => {
  const registry = Registry.merge([processRegistry()])
  const registers = [registry]
  app.decorate('metrics', registry)

  // Requests
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'How long requests took; of streams, how long they lasted.',
    labelNames: ['method', 'route', 'status_code'] as const,
    buckets: DURATION_BUCKETS,
    registers
  })
  type Labels = { method: string, route: string, status_code: number }
  const labelsByRoute = new WeakMap<object, Map<number, Labels>>()

  app.addHook('onResponse', (request, reply, done) => {
    const { config } = request.routeOptions
    const seconds = reply.elapsedTime / 1000
    const status = reply.statusCode
    if (config.url === undefined) {
      duration.observe({ method: request.method, route: UNMATCHED, status_code: status }, seconds)
    } else {
      let labelsByStatus = labelsByRoute.get(config)
      if (labelsByStatus === undefined) labelsByRoute.set(config, labelsByStatus = new Map())
      let labels = labelsByStatus.get(status)
      if (labels === undefined) labelsByStatus.set(status, labels = { method: request.method, route: config.url, status_code: status })
      duration.observe(labels, seconds)
    }
    done()
  })

  // Events, over whichever transport they came
  const received = { accepted: 0, duplicate: 0, rejected: 0, unavailable: 0, late: 0 }
  registry.registerMetric(new Counter({
    name: 'events_total',
    help: 'Events received, by verdict.',
    labelNames: ['verdict'],
    registers: [],
    collect() {
      this.reset()
      for (const verdict of VERDICTS) this.inc({ verdict }, received[verdict])
    }
  }))
  registry.registerMetric(new Counter({
    name: 'events_late_total',
    help: 'Of the accepted events, those too old for any window.',
    registers: [],
    collect() {
      this.reset()
      this.inc(received.late)
    }
  }))

  const { ingest } = app
  app.ingest = async (body, kind, options) => {
    const receipt = await ingest(body, kind, options)
    if (options?.validateOnly === true) return receipt
    received.accepted += receipt.accepted
    received.duplicate += receipt.duplicates
    received.rejected += receipt.rejected
    received.unavailable += receipt.unavailable
    received.late += receipt.late
    return receipt
  }

  // The store
  for (const [name, help, value] of STORE_GAUGES) {
    registry.registerMetric(new Gauge({ name, help, registers: [], collect() { this.set(value(app.store.health())) } }))
  }

  // Live delivery, which is put together later
  registry.registerMetric(new Gauge({
    name: 'events_live_subscribers',
    help: 'Open live connections.',
    registers: [],
    collect() { this.set(app.live.subscribers) }
  }))
  for (const [name, help, key] of LIVE_COUNTERS) {
    registry.registerMetric(new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset()
        this.inc(app.live.stats[key])
      }
    }))
  }
}, { name: 'metrics', dependencies: ['backend', 'ingest'] })
