/**
 * Holds back clients that send too fast, if RATE_LIMIT is set: routes with `config: { isRateLimited: true }`, and WebSocket
 * publishes by `app.limitRate`. A client is an address and a known key together, so that neither one visitor of a site nor its
 * public key uses up the share of the others; without a known key it is the address alone.
 */
import rateLimit, { normalizeIP, type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Clock } from '../backends/backend.ts'
import { ProblemError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Counts one more thing that the sender of this request sends.
     * @throws ProblemError too_many_requests
     */
    limitRate(request: FastifyRequest): Promise<void>
  }
  interface FastifyContextConfig {
    /** Whether RATE_LIMIT holds for a route. */
    isRateLimited?: boolean
  }
}

/** Milliseconds that are counted together. */
const WINDOW = 1000

/** Most clients counted in one window; beyond, the one counted first is forgotten. */
const MAX_CLIENTS = 100_000

/** Counts the clients of one window, by a clock that nobody sets. */
export class WindowCounts implements FastifyRateLimitStore {
  readonly #now: () => number
  readonly #counts = new Map<string, number>()
  #end = -Infinity

  constructor(now: () => number) {
    this.#now = now
  }

  incr(client: string, done: (error: null, result: { current: number, ttl: number }) => void): void {
    const now = this.#now()
    if (now >= this.#end) {
      this.#counts.clear()
      this.#end = now + WINDOW
    }
    const current = (this.#counts.get(client) ?? 0) + 1
    this.#counts.set(client, current)
    if (this.#counts.size > MAX_CLIENTS) this.#counts.delete(this.#counts.keys().next().value!)
    done(null, { current, ttl: this.#end - now })
  }

  child(): WindowCounts {
    return this
  }
}

export default fp<{ clock?: Clock }>(async (app, { clock }) => {
  const { RATE_LIMIT: max } = app.settings
  if (max === 0) {
    app.decorate('limitRate', async () => {})
    return
  }
  const now = () => clock === undefined ? performance.now() : clock.monotonic()

  await app.register(rateLimit, {
    global: false,
    max,
    timeWindow: WINDOW,
    store: class extends WindowCounts { constructor() { super(now) } },
    keyGenerator: ({ clientAddress, keyLabel }) => keyLabel === undefined ? normalizeIP(clientAddress) : `${normalizeIP(clientAddress)} ${keyLabel}`,
    errorResponseBuilder: () => new ProblemError('too_many_requests', `a client may send ${max} requests a second; larger batches carry more events`)
  })
  const count = app.createRateLimit()
  const limit = app.rateLimit()

  app.decorate('limitRate', async (request: FastifyRequest) => {
    const counted = await count(request)
    if (!counted.isAllowed && counted.isExceeded) {
      throw new ProblemError('too_many_requests', `a client may publish ${max} times a second; go on in ${counted.ttlInSeconds} s`)
    }
  })

  // Before the key is checked, so that who guesses one is held back, too.
  app.addHook('onRoute', (route) => {
    if (route.config?.isRateLimited === true) route.onRequest = [limit, ...[route.onRequest ?? []].flat()]
  })
}, { name: 'rate-limit', dependencies: ['settings', 'problems', 'proxies', 'keys'] })
