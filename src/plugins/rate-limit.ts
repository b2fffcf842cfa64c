/**
 * Holds back clients that send too fast. Only routes with `config: { rateLimit: {} }` are limited, and only if
 * RATE_LIMIT is set.
 */
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'
import { keyOf } from './keys.ts'

export default fp(async (app) => {
  const { RATE_LIMIT: max, WRITE_KEYS } = app.settings
  if (max === 0) return

  // A key counts as a client only where keys are checked; else a client could make up a new one for every request.
  const client = WRITE_KEYS.length > 0 ? (request: FastifyRequest) => keyOf(request)! : (request: FastifyRequest) => normalizeIP(request.ip)

  await app.register(rateLimit, {
    global: false,
    max,
    timeWindow: 1000,
    keyGenerator: client,
    errorResponseBuilder: () => new ProblemError('too_many_requests', `a client may send ${max} requests a second; larger batches carry more events`)
  })
}, { name: 'rate-limit', dependencies: ['settings', 'keys'] })
