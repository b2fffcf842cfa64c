/**
 * The service describes itself: `/openapi.json`, `/openapi.yaml` and `/asyncapi.json` are the same for every start of one
 * version, and are what `openapi/` holds. Swagger UI at `/docs` gets a copy of its own, whose examples have the present
 * time and new ids at each load, so that what it sends counts.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import swaggerUi from '@fastify/swagger-ui'
import { Type } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { asyncApiDocument } from '../../schemas/asyncapi.ts'
import { fitted, forReading, theme, uiConfig } from './docs-page.ts'
import openapi from './openapi.ts'
import securityHeaders from './security-headers.ts'

/** A document as JSON that people can read, too; in a turn after the one that made it. */
async function pretty(document: object): Promise<string> {
  await nextTurn()
  return `${JSON.stringify(document, null, 2)}\n`
}

/**
 * The same as YAML, every text in quotes: what is text to one version of YAML is a date or a truth value to another. It takes tens
 * of milliseconds, so it is made in two turns of the event loop. [LIMIT-3] Its library is loaded only where it is used.
 */
async function yaml(document: object): Promise<string> {
  const { Document, visit } = await import('yaml')
  await nextTurn()
  const tree = new Document(document, { aliasDuplicateObjects: false })
  visit(tree, {
    Scalar: (key, node) => {
      if (key !== 'key' && typeof node.value === 'string') node.type = node.value.includes('\n') ? 'BLOCK_LITERAL' : 'QUOTE_DOUBLE'
    }
  })
  await nextTurn()
  return tree.toString({ lineWidth: 0 })
}

/** Makes something when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

const schema = { hide: true, querystring: Type.Object({}, { additionalProperties: false }) }

export default fp(async (app) => {
  await app.register(openapi)

  const documents = [
    { url: '/openapi.json', type: 'application/json; charset=utf-8', make: () => pretty(app.swagger()) },
    { url: '/openapi.yaml', type: 'application/yaml; charset=utf-8', make: () => yaml(app.swagger()) },
    { url: '/asyncapi.json', type: 'application/json; charset=utf-8', make: () => pretty(asyncApiDocument(packageJson.version, app.settings.BASE_PATH)) }
  ]
  for (const { url, type, make } of documents) {
    const bytes = once(async () => Buffer.from(await make()))
    app.get(url, { schema }, async (_request, reply) => reply.type(type).send(await bytes()))
  }

  await app.register(async (ui) => {
    await ui.register(securityHeaders, { inlineStyles: true })
    ui.addHook('onRequest', async (request, reply) => {
      if (/^\/docs(?:\?|$)/.test(request.url)) return reply.redirect('docs/') // what the page refers to is relative to that
      if (request.routeOptions.url === '/docs/yaml') return reply.redirect('../openapi.yaml') // which is made once, and not for each request
    })
    ui.addHook('onSend', async (_request, reply, payload) =>
      String(reply.getHeader('content-type')).startsWith('text/html') && typeof payload === 'string' ? fitted(payload) : payload)
    await ui.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig,
      theme,
      transformSpecification: forReading
    })
  })
}, {
  name: 'docs',
  // Hooks reach the routes that are added after them, and these are the first.
  dependencies: ['headers', 'problems', 'schemas', 'origins', 'keys', 'rate-limit', 'request-syntax', 'client-errors', 'graceful-shutdown', 'metrics', 'live']
})
