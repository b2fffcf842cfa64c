/**
 * The application: everything it is made of, in the order in which it is put together. Tests build the very same one
 * and hand in a clock, a logger or shorter timeouts.
 */
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Backend, Clock } from './backends/backend.ts'
import type { LiveTimes } from './live/hub.ts'
import { RequestLog } from './logger.ts'
import backend from './plugins/backend.ts'
import docs from './plugins/docs.ts'
import drain from './plugins/drain.ts'
import headers, { requestId } from './plugins/headers.ts'
import ingest from './plugins/ingest.ts'
import keys from './plugins/keys.ts'
import livePlugin, { isHandshake } from './plugins/live.ts'
import metrics from './plugins/metrics.ts'
import origins from './plugins/origins.ts'
import problems, { answerFrameworkError } from './plugins/problems.ts'
import rateLimit from './plugins/rate-limit.ts'
import schemas from './plugins/schemas.ts'
import settingsPlugin from './plugins/settings.ts'
import sockets from './plugins/sockets.ts'
import analytics from './routes/analytics.ts'
import events from './routes/events.ts'
import health from './routes/health.ts'
import live from './routes/live.ts'
import metricsPage from './routes/metrics.ts'
import problemPages from './routes/problems.ts'
import stream from './routes/stream.ts'
import type { Settings } from './settings.ts'

/** What a test may put in the place of the real thing. */
export interface Overrides {
  clock?: Clock
  logger?: FastifyBaseLogger
  backend?: Backend
  /** The script of the journal's writing thread. */
  journalThread?: URL
  /** Heartbeats, pings and summaries in a hurry. */
  liveTimes?: Partial<LiveTimes>
  /** Milliseconds in which a whole request must have arrived. */
  requestTimeout?: number
}

/** Milliseconds in which a whole request must have arrived, else it is answered with 408. */
const REQUEST_TIMEOUT = 30_000

/** Puts the application together, ready to listen or to be injected into. */
export async function buildApp(settings: Settings, overrides: Overrides = {}): Promise<FastifyInstance> {
  const requestTimeout = overrides.requestTimeout ?? REQUEST_TIMEOUT
  const app = Fastify({
    loggerInstance: overrides.logger,
    logController: new RequestLog(),
    genReqId: requestId,
    frameworkErrors: answerFrameworkError,
    return503OnClosing: false, // plugins/drain answers with a problem instead
    forceCloseConnections: 'idle',
    bodyLimit: settings.MAX_BODY_BYTES,
    requestTimeout,
    connectionTimeout: 120_000, // longer than any heartbeat; ends peers that take nothing
    keepAliveTimeout: 72_000, // longer than the usual idle timeout of a load balancer
    http: {
      shouldUpgradeCallback: isHandshake,
      requestTimeout,
      headersTimeout: Math.min(requestTimeout, 10_000),
      connectionsCheckingInterval: Math.min(requestTimeout / 4, 1_000),
      requireHostHeader: false // plugins/sockets answers with a problem instead
    }
  })

  // What every answer needs
  await app.register(settingsPlugin, { settings })
  await app.register(sockets)
  await app.register(headers)
  await app.register(problems)
  await app.register(drain)
  await app.register(schemas)

  // Who may do what
  await app.register(origins)
  await app.register(keys)
  await app.register(rateLimit)

  // The core
  await app.register(backend, overrides)
  await app.register(ingest)
  await app.register(metrics)
  await app.register(livePlugin, overrides)

  // What can be asked
  await app.register(docs) // first, because it describes the routes that follow
  await app.register(events)
  await app.register(analytics)
  await app.register(stream)
  await app.register(live)
  await app.register(health)
  await app.register(metricsPage)
  await app.register(problemPages)

  return app
}
