/** `GET /client.js`: the client for browsers and Node, which pages of any origin may import. */
import { join } from 'node:path'
import files from '@fastify/static'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import fp from 'fastify-plugin'

const FILES = join(import.meta.dirname, '..', '..', 'clients')

const schema = { hide: true, querystring: Type.Object({}, { additionalProperties: false }) }

const client: FastifyPluginAsyncTypebox = async (app) => {
  await app.register(files, { root: FILES, serve: false })

  app.get('/client.js', { schema }, async (_request, reply) => {
    // Asked for anew each time, and sent only if it is another one: a page and its service are of one version.
    reply.header('cache-control', 'no-cache')
    // It is public, also where ALLOWED_ORIGINS names nobody; with credentials it would need a name there.
    reply.header('access-control-allow-origin', '*').removeHeader('access-control-allow-credentials')
    return reply.type('text/javascript; charset=utf-8').sendFile('client.js', FILES, { cacheControl: false, contentType: false })
  })
}

export default fp(client, { name: 'client-routes', encapsulate: true, dependencies: ['docs'] })
