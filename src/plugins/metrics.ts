/**
 * What the service counts about itself, as `app.metrics`. Requests are labelled by the pattern of their route, never by
 * what a client wrote. A request costs one observation and a receipt a few additions, whatever the number of its
 * events; all else is made when somebody asks.
 */
import fp from 'fastify-plugin'
import { Counter, Registry, collectDefaultMetrics, type Histogram } from 'prom-client'
import { REJECTION_CODES, UNAVAILABLE_CODES, type Receipt } from '../../schemas/index.ts'
import { RequestDurations, type DurationSeries } from './request-durations.ts'

/** Bounds of the buckets for how long requests take, in seconds. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The label of requests that no route takes. */
const UNMATCHED = 'unmatched'

/** The verdicts on events, and the fields of a receipt that count them. */
const VERDICTS = [['accepted', 'accepted'], ['duplicate', 'duplicates'], ['rejected', 'rejected'], ['unavailable', 'unavailable']] as const

type Counts = Record<(typeof VERDICTS)[number][0], number>

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
    /** Counts the events of a receipt by their verdicts, and by what their key is known as. O(errors). */
    countReceipt(receipt: Receipt, keyLabel: string | undefined): void
  }
}

export default fp(async (app) => {
  const registry = Registry.merge([processRegistry()])
  const registers = [registry]
  app.decorate('metrics', registry)

  // Requests
  const durations = new RequestDurations(DURATION_BUCKETS)
  registry.registerMetric(durations as unknown as Histogram) // which has what a registry asks of a metric, its name and `get`
  const seriesByRoute = new Map<object | string, Map<number, DurationSeries>>()

  app.addHook('onResponse', (request, reply, done) => {
    const { config } = request.routeOptions
    const { method } = request
    const status = reply.statusCode
    const route = config.url === undefined ? method : config
    let seriesByStatus = seriesByRoute.get(route)
    if (seriesByStatus === undefined) seriesByRoute.set(route, seriesByStatus = new Map())
    let series = seriesByStatus.get(status)
    if (series === undefined) seriesByStatus.set(status, series = durations.add({ method, route: config.url ?? UNMATCHED, status_code: status }))
    series.observe(reply.elapsedTime / 1000)
    done()
  })

  const keyRequests = new Counter({
    name: 'http_requests_by_key_total',
    help: 'Requests answered, by the name of their key; a key without one goes by its place.',
    labelNames: ['key'] as const,
    registers
  })
  for (const key of app.keyLabels) keyRequests.inc({ key }, 0)
  if (app.keyLabels.length > 0) {
    app.addHook('onResponse', ({ knownKey }, _reply, done) => {
      if (knownKey != null) keyRequests.inc({ key: knownKey.label })
      done()
    })
  }

  // Events, over whichever transport they came
  const taken = { accepted: 0, duplicate: 0 }
  const refused = new Map<string, number>([...REJECTION_CODES, ...UNAVAILABLE_CODES].map((code) => [code, 0]))
  const receivedByKey = new Map<string, Counts>(app.keyLabels.map((key) => [key, { accepted: 0, duplicate: 0, rejected: 0, unavailable: 0 }]))
  let late = 0
  registry.registerMetric(new Counter({
    name: 'events_total',
    help: 'Events received, by verdict, and where they were not accepted by the reason.',
    labelNames: ['verdict', 'reason'],
    registers: [],
    collect() {
      this.reset()
      for (const verdict of ['accepted', 'duplicate'] as const) this.inc({ verdict }, taken[verdict])
      for (const [verdict, reasons] of [['rejected', REJECTION_CODES], ['unavailable', UNAVAILABLE_CODES]] as const) {
        for (const reason of reasons) this.inc({ verdict, reason }, refused.get(reason))
      }
    }
  }))
  registry.registerMetric(new Counter({
    name: 'events_by_key_total',
    help: 'Events received with a known key, by its name and by verdict; a key without a name goes by its place.',
    labelNames: ['key', 'verdict'],
    registers: [],
    collect() {
      this.reset()
      for (const [key, counts] of receivedByKey) for (const [verdict] of VERDICTS) this.inc({ key, verdict }, counts[verdict])
    }
  }))
  registry.registerMetric(new Counter({
    name: 'events_late_total',
    help: 'Of the accepted events, those too old for any window.',
    registers: [],
    collect() {
      this.reset()
      this.inc(late)
    }
  }))

  app.decorate('countReceipt', (receipt: Receipt, keyLabel: string | undefined) => {
    taken.accepted += receipt.accepted
    taken.duplicate += receipt.duplicates
    const ofKey = keyLabel === undefined ? undefined : receivedByKey.get(keyLabel)
    if (ofKey !== undefined) for (const [verdict, field] of VERDICTS) ofKey[verdict] += receipt[field]
    for (const { code } of receipt.errors) refused.set(code, refused.get(code)! + 1)
    late += receipt.late
  })
}, { name: 'metrics', dependencies: ['headers', 'keys'] })
