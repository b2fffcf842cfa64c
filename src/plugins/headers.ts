/**
 * The headers that every answer carries: the id of its request, and two that keep browsers and caches from guessing.
 */
import { randomFillSync } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import fp from 'fastify-plugin'
import { v7 } from 'uuid'

/** Ids that are echoed; they end up in logs, so they hold nothing that means something there. */
const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/

/** Random bytes of one UUID. */
const UUID_BYTES = 16

/** Random bytes for the next ids; drawing them one id at a time would be felt in small requests. */
const pool = Buffer.alloc(256 * UUID_BYTES)
let used = pool.length

function random(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += UUID_BYTES
  return pool.subarray(used - UUID_BYTES, used)
}

/** The `x-request-id` of a request if it is sane, else a new UUID v7. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && SANE_ID.test(given) ? given : v7({ random: random() })
}

export default fp(async (app) => {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    reply.header('cache-control', 'no-store')
    done()
  })
}, { name: 'headers' })
