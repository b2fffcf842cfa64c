/**
 * The application: everything it is made of, in the order in which it is put together. Tests build the very same one
 * and hand in a clock, a logger or shorter timeouts.
 */
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import type { Backend, Clock, RefusedError } from './backends/backend.ts'
import type { LiveTimes } from './live/hub.ts'
import backend from './plugins/backend.ts'
import clientErrors, { MAX_HEADER_BYTES } from './plugins/client-errors.ts'
import connections from './plugins/connections.ts'
import docs from './plugins/docs.ts'
import gracefulShutdown from './plugins/graceful-shutdown.ts'
import headers, { requestId } from './plugins/headers.ts'
import hosts from './plugins/hosts.ts'
import ingest from './plugins/ingest.ts'
import keys from './plugins/keys.ts'
import livePlugin, { isHandshake } from './plugins/live.ts'
import lingeringClose, { type LingerTimes } from './plugins/lingering-close.ts'
import liveMetrics from './plugins/live-metrics.ts'
import longTurns from './plugins/long-turns.ts'
import metrics from './plugins/metrics.ts'
import origins from './plugins/origins.ts'
import pipelining from './plugins/pipelining.ts'
import problems, { answerFrameworkError } from './plugins/problems.ts'
import proxies, { addressTest } from './plugins/proxies.ts'
import rateLimit from './plugins/rate-limit.ts'
import rejections from './plugins/rejections.ts'
import requestSyntax from './plugins/request-syntax.ts'
import schemas from './plugins/schemas.ts'
import settingsPlugin from './plugins/settings.ts'
import storeMetrics from './plugins/store-metrics.ts'
import analytics from './routes/analytics.ts'
import client from './routes/client.ts'
import dashboard from './routes/dashboard.ts'
import events from './routes/events.ts'
import health from './routes/health.ts'
import live from './routes/live.ts'
import metricsPage from './routes/metrics.ts'
import problemPages from './routes/problems.ts'
import rejectionList from './routes/rejections.ts'
import stream from './routes/stream.ts'
import { RequestLog, requestLogger } from './request-log.ts'
import type { Settings } from './settings.ts'

/** What a test may put in the place of the real thing. */
export interface Overrides {
  clock?: Clock
  logger?: FastifyBaseLogger
  backend?: Backend
  /** The script of the journal's writing thread. */
  journalThread?: URL
  /** Told when a journal turns out to be of no use while it is being read. */
  refuse?: (error: RefusedError) => void
  /** Heartbeats, pings and summaries in a hurry. */
  liveTimes?: Partial<LiveTimes>
  /** Milliseconds in which a whole request must have arrived. */
  requestTimeout?: number
  /** How long connections that close may take, in a hurry. */
  lingerTimes?: Partial<LingerTimes>
  /** Puts the parts into another order. */
  arrange?: (parts: readonly Part[]) => readonly Part[]
}

/** Milliseconds in which a whole request must have arrived, else it is answered with 408. */
const REQUEST_TIMEOUT = 30_000

/** One plugin or group of routes, and what it is given. It says itself which others it needs. */
export interface Part {
  plugin: FastifyPluginCallback
  options: object
}

/** What it is given has the type that the plugin asks for. */
function part<Options extends object>(plugin: FastifyPluginCallback<Options>, options: Options = {} as Options): Part {
  return { plugin: plugin as FastifyPluginCallback, options }
}

/** The table of contents. A part may stand anywhere after those that it depends on; Fastify refuses any other order. */
function partsOf(settings: Settings, overrides: Overrides): Part[] {
  return [
    // What every answer needs
    part(settingsPlugin, { settings }),
    part(proxies),
    part(headers),
    part(rejections, overrides),
    part(problems),
    part(schemas),
    part(requestSyntax),

    // Who may do what; of a route, each is asked before those above it
    part(keys),
    part(rateLimit, overrides),
    part(origins),

    // Connections
    part(pipelining),
    part(connections),
    part(lingeringClose, overrides),
    part(longTurns),
    part(clientErrors),
    part(gracefulShutdown),

    // The core
    part(metrics),
    part(backend, overrides),
    part(ingest),
    part(livePlugin, overrides),
    part(hosts),
    part(storeMetrics),
    part(liveMetrics),

    // What can be asked
    part(docs),
    part(dashboard),
    part(events),
    part(rejectionList),
    part(analytics),
    part(stream),
    part(live),
    part(health),
    part(metricsPage),
    part(problemPages),
    part(client)
  ]
}

/** Puts the application together, ready to listen or to be injected into. */
export async function buildApp(settings: Settings, overrides: Overrides = {}): Promise<FastifyInstance> {
  const requestTimeout = overrides.requestTimeout ?? REQUEST_TIMEOUT
  const app = Fastify({
    loggerInstance: overrides.logger,
    logController: new RequestLog(),
    childLoggerFactory: overrides.logger && requestLogger,
    genReqId: requestId,
    pluginTimeout: 0, // a journal may take minutes to open
    trustProxy: settings.TRUST_PROXY.length > 0 && addressTest(settings.TRUST_PROXY),
    frameworkErrors: answerFrameworkError,
    return503OnClosing: false, // plugins/graceful-shutdown answers with a problem instead
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
    bodyLimit: settings.MAX_BODY_BYTES,
    requestTimeout,
    connectionTimeout: 120_000, // longer than any heartbeat; ends peers that take nothing
    keepAliveTimeout: 72_000, // longer than the usual idle timeout of a load balancer
    http: {
      shouldUpgradeCallback: isHandshake,
      requestTimeout,
      headersTimeout: Math.min(requestTimeout, 10_000),
      connectionsCheckingInterval: Math.min(requestTimeout / 4, 1_000),
      maxHeaderSize: MAX_HEADER_BYTES,
      requireHostHeader: false // plugins/request-syntax answers with a problem instead
    }
  })

  const parts = partsOf(settings, overrides)
  for (const { plugin, options } of overrides.arrange?.(parts) ?? parts) await app.register(plugin, options)
  return app
}
