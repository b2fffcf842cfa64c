/** `GET /client.js`: the client for browsers and Node, which pages of any origin may import. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import fp from 'fastify-plugin'

const FILE = new URL('../../clients/client.js', import.meta.url)

const schema = { hide: true, querystring: Type.Object({}, { additionalProperties: false }) }

const client: FastifyPluginAsyncTypebox = async (app) => {
  const text = readFileSync(FILE)
  const etag = `"${createHash('sha256').update(text).digest('base64url')}"`

  app.get('/client.js', { schema }, async (request, reply) => {
    // Asked for anew each time, and sent only if it is another one: a page and its service are of one version.
    reply.header('cache-control', 'no-cache').header('etag', etag)
    // It is public, also where ALLOWED_ORIGINS names nobody; with credentials it would need a name there.
    reply.header('access-control-allow-origin', '*').removeHeader('access-control-allow-credentials')
    if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send()
    return reply.type('text/javascript; charset=utf-8').send(text)
  })
}

export default fp(client, { name: 'client-routes', encapsulate: true, dependencies: ['docs'] })
