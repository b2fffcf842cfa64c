/**
 * Which pages of other sites may use the service: CORS, and one check for everything that a browser sends without
 * asking first (simple requests, EventSource, WebSocket).
 */
import cors, { type FastifyCorsOptions } from '@fastify/cors'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'
import { ANY_ORIGIN } from '../settings/origin.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Passes requests without an Origin, of the same origin, and of the ALLOWED_ORIGINS. Routes with a scope are
     * checked already; an upgrade may be checked again at no cost.
     * @throws ProblemError origin_not_allowed
     */
    checkOrigin(request: FastifyRequest): void
  }
}

/** The method that a request, or the request that a preflight announces, has. */
const methodOf = ({ method, headers }: FastifyRequest) => method === 'OPTIONS' ? headers['access-control-request-method'] : method

/** Whether a request sends events, or asks whether it may. */
const sendsEvents = (request: FastifyRequest) => methodOf(request) === 'POST' && /^\/events\/?(?:\?|$)/.test(request.url)

const REFUSED: FastifyCorsOptions = { origin: false }
const ALLOWED: FastifyCorsOptions = { origin: true, exposedHeaders: ['x-request-id', 'retry-after'], strictPreflight: false, maxAge: 600 }
const ALLOWED_WITH_CREDENTIALS: FastifyCorsOptions = { ...ALLOWED, credentials: true }

export default fp(async (app) => {
  const allowed = new Set(app.settings.ALLOWED_ORIGINS)
  const allowsAny = allowed.delete(ANY_ORIGIN)

  app.decorate('checkOrigin', (request: FastifyRequest) => {
    const { origin } = request.headers
    if (origin === undefined || allowsAny || allowed.has(origin) || isSameOrigin(origin, request)) return
    throw new ProblemError('origin_not_allowed', 'pages of this origin may not use the service, because ALLOWED_ORIGINS does not name it; ' +
      'if it is the service\'s own and a proxy in front changes the Host header, see TRUST_PROXY')
  })

  // Before the key and the rate, which are not the business of a foreign page.
  app.addHook('onRoute', (route) => {
    if (route.config?.scope === undefined) return
    route.onRequest = [
      (request, _reply, done) => {
        app.checkOrigin(request)
        done()
      },
      ...[route.onRequest ?? []].flat()
    ]
  })

  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) app.checkOrigin(request)
    done()
  })

  /** Beacons always carry credentials, so under `*` sending works with them, and nothing else does. [CORS-1] */
  function corsOf(request: FastifyRequest): FastifyCorsOptions {
    const { origin } = request.headers
    if (origin === undefined) return REFUSED
    if (allowed.has(origin)) return ALLOWED_WITH_CREDENTIALS
    if (!allowsAny) return REFUSED
    return origin !== 'null' && sendsEvents(request) ? ALLOWED_WITH_CREDENTIALS : ALLOWED
  }

  if (allowsAny || allowed.size > 0) {
    await app.register(cors, { delegator: (request: FastifyRequest, done: (error: null, options: FastifyCorsOptions) => void) => done(null, corsOf(request)) })
  }
}, { name: 'origins', dependencies: ['settings', 'headers', 'problems', 'proxies', 'keys', 'rate-limit'] })

/** The schemes that the page of this request may have come by; a proxy in front may speak TLS without saying so. */
function schemesOf({ headers, protocol, isProxied }: FastifyRequest): string[] {
  const said = isProxied && headers['x-forwarded-proto'] !== undefined ? protocol.toLowerCase() : undefined
  if (said === 'https' || said === 'wss') return ['https'] // some proxies say wss of a WebSocket
  if (said === 'http' || said === 'ws') return ['http']
  return ['http', 'https']
}

/** Whether a page of this origin came from the host that it now asks. */
function isSameOrigin(origin: string, request: FastifyRequest): boolean {
  if (request.headers['sec-fetch-site'] === 'same-origin') return true
  return schemesOf(request).some((scheme) => URL.parse(`${scheme}://${request.host}`)?.origin === origin)
}
