/**
 * The dashboard: the page at `/`, and the files that it loads, as they lie in `dashboard/` and in uPlot's package. The
 * page holds nothing of anybody; what it shows it asks for like every client, with a key where one is needed.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import files from '@fastify/static'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import securityHeaders from '../plugins/security-headers.ts'

const FILES = join(import.meta.dirname, '..', '..', 'dashboard')
const CHARTS = dirname(fileURLToPath(import.meta.resolve('uplot')))

/** What the page needs of uPlot. */
const CHART_FILES: ReadonlySet<string> = new Set(['uPlot.esm.js', 'uPlot.min.css'])

/** What a browser may ask for in `dashboard/`; what else lies there is for whoever works on it. */
const SERVED = /^[a-z-]+\.(?:js|css|svg)$/

const querystring = Type.Object({}, { additionalProperties: false })

/** Lets a browser keep a file and ask whether it is still the same, so that a new version shows at once. */
function send(reply: FastifyReply, file: string, folder: string): FastifyReply {
  return reply.header('cache-control', 'no-cache').sendFile(file, folder, { cacheControl: false })
}

const dashboard: FastifyPluginAsyncTypebox = async (app) => {
  await app.register(securityHeaders)
  await app.register(files, { root: FILES, serve: false })

  // Relative: a proxy may have put a prefix before it.
  app.get('/', { schema: { hide: true, querystring } }, async ({ headers }, reply) => {
    reply.header('vary', 'accept')
    return headers.accept?.includes('text/html') ? send(reply, 'index.html', FILES) : reply.redirect('docs/')
  })

  const schema = { hide: true, querystring, params: Type.Object({ file: Type.String() }) }
  const logLevel = 'warn' // a page loads many

  app.get('/dashboard/:file', { schema, logLevel }, async ({ params: { file } }, reply) =>
    SERVED.test(file) ? send(reply, file, FILES) : reply.callNotFound())

  app.get('/dashboard/vendor/:file', { schema, logLevel }, async ({ params: { file } }, reply) =>
    CHART_FILES.has(file) ? send(reply, file, CHARTS) : reply.callNotFound())
}

export default fp(dashboard, { name: 'dashboard-routes', encapsulate: true, dependencies: ['docs'] })
