/**
 * The service describes itself: `/openapi.json`, `/openapi.yaml` and `/asyncapi.json` are the same for every start of one
 * version, and are what `openapi/` holds. Swagger UI at `/docs` gets a copy of its own, whose examples have the present
 * time and new ids at each load, so that what it sends counts.
 */
import swaggerUi from '@fastify/swagger-ui'
import { Type } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import { Document, visit } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { asyncApiDocument } from '../../schemas/asyncapi.ts'
import { fitted, forReading, theme, uiConfig } from './docs-page.ts'
import openapi from './openapi.ts'
import securityHeaders from './security-headers.ts'

/** A document as JSON that people can read, too. */
const pretty = (document: object) => `${JSON.stringify(document, null, 2)}\n`

/** The same as YAML, every text in quotes: what is text to one version of YAML is a date or a truth value to another. */
function yaml(document: object): string {
  const tree = new Document(document, { aliasDuplicateObjects: false })
  visit(tree, {
    Scalar: (key, node) => {
      if (key !== 'key' && typeof node.value === 'string') node.type = node.value.includes('\n') ? 'BLOCK_LITERAL' : 'QUOTE_DOUBLE'
    }
  })
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
    { url: '/openapi.json', type: 'application/json; charset=utf-8', text: once(() => pretty(app.swagger())) },
    { url: '/openapi.yaml', type: 'application/yaml; charset=utf-8', text: once(() => yaml(app.swagger())) },
    { url: '/asyncapi.json', type: 'application/json; charset=utf-8', text: once(() => pretty(asyncApiDocument(packageJson.version))) }
  ]
  for (const { url, type, text } of documents) {
    app.get(url, { schema }, async (_request, reply) => reply.type(type).send(text()))
  }

  await app.register(async (ui) => {
    await ui.register(securityHeaders, { inlineStyles: true })
    ui.addHook('onRequest', async (request, reply) => {
      if (/^\/docs(?:\?|$)/.test(request.url)) return reply.redirect('docs/') // what the page refers to is relative to that
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
