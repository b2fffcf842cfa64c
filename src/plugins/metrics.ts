/**
 * What the service counts about itself, as `app.metrics`. Requests are labelled by the pattern of their route, never by
 * what a client wrote. A request costs one observation and a receipt a few additions, whatever the number of its
 * events; all else is made when somebody asks.
 */
import fp from 'fastify-plugin'
import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Receipt } from '../../schemas/index.ts'

/** Bounds of the buckets for how long requests take, in seconds. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The label of requests that no route takes. */
const UNMATCHED = 'unmatched'

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
    /** All that is measured of this application and its process; whoever has more to measure registers it here. */
    metrics: Registry
    /** Counts the events of a receipt by their verdicts. */
    countReceipt(receipt: Receipt): void
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

  app.decorate('countReceipt', (receipt: Receipt) => {
    received.accepted += receipt.accepted
    received.duplicate += receipt.duplicates
    received.rejected += receipt.rejected
    received.unavailable += receipt.unavailable
    received.late += receipt.late
  })
}, { name: 'metrics', dependencies: ['headers'] })
