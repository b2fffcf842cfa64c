/**
 * Which pages of other sites may use the service: CORS, and one check for everything that a browser sends without
 * asking first (simple requests, EventSource, WebSocket).
 */
import cors from '@fastify/cors'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'

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

export default fp(async (app) => {
  const allowed = new Set(app.settings.ALLOWED_ORIGINS)
  const isAllowed = (origin: string) => allowed.has(origin) || allowed.has('*')

  app.decorate('checkOrigin', ({ headers }: FastifyRequest) => {
    const { origin, host } = headers
    if (origin === undefined || isAllowed(origin) || isSame(origin, host) || headers['sec-fetch-site'] === 'same-origin') return
    throw new ProblemError('origin_not_allowed', 'pages of this origin may not use the service; see ALLOWED_ORIGINS')
  })

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

  if (allowed.size > 0) {
    app.addHook('onRequest', (request, _reply, done) => {
      if (request.method === 'OPTIONS') app.checkOrigin(request)
      done()
    })
    await app.register(cors, {
      origin: (origin, done) => done(null, origin !== undefined && isAllowed(origin)),
      exposedHeaders: ['x-request-id', 'retry-after'],
      strictPreflight: false,
      maxAge: 600
    })
  }
}, { name: 'origins', dependencies: ['settings'] })

/** Whether a page of this origin came from the host that it now asks; a proxy in front may speak TLS for it. */
function isSame(origin: string, host: string | undefined): boolean {
  return origin === `http://${host}` || origin === `https://${host}`
}
