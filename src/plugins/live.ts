/**
 * Makes live delivery known as `app.live`, gives it time, and ends it with the application: every socket is told 1001,
 * and who has not gone soon after is cut off.
 */
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import websocket from '@fastify/websocket'
import fp from 'fastify-plugin'
import type { Clock } from '../backends/backend.ts'
import { ProblemError } from '../errors.ts'
import { CloseCode } from '../live/peer.ts'
import { Hub, LIVE_TIMES, type LiveTimes } from '../live/hub.ts'

declare module 'fastify' {
  interface FastifyInstance {
    live: Hub
  }
  interface FastifyContextConfig {
    /** Whether a route speaks WebSocket; all others refuse an upgrade. */
    upgrades?: boolean
  }
}

/** The subprotocol of browsers that send their key as another one, `bearer.<key>`; a key is never answered. */
const SUBPROTOCOL = 'events.v1'

/** Milliseconds between two ticks; how exact all times of `LiveTimes` are. */
const TICK = 250

/** Milliseconds in which a peer answers a close. */
const CLOSE_TIMEOUT = 2_000

/** Options of ws; of these its types do not know the last. */
const SOCKET_OPTIONS = { clientTracking: false, perMessageDeflate: false, closeTimeout: CLOSE_TIMEOUT }

/** The part of the time for a stop that peers may take to say goodbye; the rest is for requests and the store. */
const SHARE_OF_GOODBYE = 0.25

/** Whether a request wants to become a WebSocket; other upgrades are ignored, as HTTP allows (RFC 9110 section 7.8). */
export function isHandshake({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
}

export default fp<{ clock?: Clock, liveTimes?: Partial<LiveTimes> }>(async (app, { clock, liveTimes }) => {
  const { store, aggregator, ingest, settings } = app
  const live = new Hub({
    store,
    aggregator,
    ingest,
    now: () => clock === undefined ? performance.now() : clock.monotonic(),
    maxSubscribers: settings.MAX_SUBSCRIBERS,
    maxPublishBytes: settings.MAX_BODY_BYTES,
    times: { ...LIVE_TIMES, ...liveTimes },
    onError: (error) => app.log.error({ err: error }, 'live delivery failed')
  })
  app.decorate('live', live)

  await app.register(websocket, {
    options: {
      ...SOCKET_OPTIONS,
      maxPayload: settings.MAX_BODY_BYTES,
      handleProtocols: (protocols) => protocols.has(SUBPROTOCOL) && SUBPROTOCOL
    },
    // Errors of a peer's own making are answered by its close code already, and a peer that has gone needs no answer.
    errorHandler: (error, socket, request) => {
      if ('code' in error) {
        request.log.debug({ err: error }, 'live connection broken')
        return
      }
      request.log.error({ err: error }, 'live connection failed')
      socket.close(CloseCode.InternalError, 'the service failed')
    },
    preClose: (done) => done()
  })

  app.addHook('onRequest', (request, _reply, done) => {
    if (!request.ws || request.is404 || request.routeOptions.config.upgrades === true) done()
    else done(new ProblemError('bad_request', 'this address does not speak WebSocket; `/ws/events` does'))
  })

  // A handshake that is answered is refused. The library would cut its connection off at once, with the answer still on its way; it
  // is closed in stages instead (plugins/lingering-close). [ING-5]
  app.addHook('onSend', (request, _reply, payload, done) => {
    request.ws = false
    done(null, payload)
  })

  const ticking = setInterval(() => live.tick(), TICK).unref()

  app.addHook('preClose', async () => {
    const patience = new AbortController()
    await Promise.race([
      live.stop(),
      delay(settings.SHUTDOWN_TIMEOUT * 1000 * SHARE_OF_GOODBYE, undefined, { signal: patience.signal }).catch(() => {})
    ])
    patience.abort()
    clearInterval(ticking)
    live.close()
  })
}, { name: 'live', dependencies: ['settings', 'backend', 'ingest', 'keys', 'origins', 'graceful-shutdown'] })
