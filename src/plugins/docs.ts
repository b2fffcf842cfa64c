/**
 * The service describes itself: `/openapi.json`, `/openapi.yaml` and `/asyncapi.json` are the same for every start of one
 * version, and are what `openapi/` holds. Swagger UI at `/docs` gets a copy of its own, whose examples have the present
 * time and new ids at each load, so that what it sends counts.
 */
import swaggerUi, { type FastifySwaggerUiConfigOptions } from '@fastify/swagger-ui'
import { Type } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import { v7 } from 'uuid'
import { Document, visit } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { asyncApiDocument } from '../../schemas/asyncapi.ts'
import { bodyExamples } from '../../schemas/examples.ts'
import openapi, { setBodyExamples } from './openapi.ts'
import pages from './pages.ts'

/** As much of Swagger UI's state as is looked at. */
interface SpecState {
  getIn(path: readonly string[]): unknown
}

/** As much of Swagger UI as is changed. */
interface UiSystem {
  fn: { jsonSchema202012: { getJsonSampleSchema(schema: unknown, config: unknown, mediaType: string, example: unknown): unknown } }
}

/* c8 ignore start -- the two functions run in the browser; a test tries both out there */

/** A plugin of Swagger UI, sent to the browser as text: what never ends is shown but cannot be tried out. */
function streamsAreNotTriedOut() {
  return {
    statePlugins: {
      spec: {
        wrapSelectors: {
          allowTryItOutFor: () => (state: SpecState, path: string, method: string) => {
            const responses = ['json', 'paths', path, method, 'responses']
            return state.getIn([...responses, '200', 'content', 'text/event-stream']) === undefined
          }
        }
      }
    }
  }
}

/** Another one: Swagger UI takes NDJSON for JSON and would put its example in quotes. */
function linesAreText() {
  return {
    afterLoad(this: UiSystem) {
      const samples = this.fn.jsonSchema202012
      const { getJsonSampleSchema } = samples
      samples.getJsonSampleSchema = (schema, config, mediaType, example) =>
        mediaType === 'application/x-ndjson' && typeof example === 'string'
          ? example
          : getJsonSampleSchema(schema, config, mediaType, example)
    }
  }
}

/* c8 ignore stop */

const uiConfig: FastifySwaggerUiConfigOptions = {
  layout: 'BaseLayout',
  plugins: [streamsAreNotTriedOut, linesAreText],
  displayRequestDuration: true,
  persistAuthorization: true
}

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

/** Swagger UI's page, readable on a phone, and without addresses that a proxy's prefix would break. */
function placed(html: string): string {
  return html
    .replace('<head>', '<head>\n      <meta name="viewport" content="width=device-width, initial-scale=1">')
    .replaceAll('"/docs/static/', '"docs/static/')
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
    await ui.register(pages, { inlineStyles: true })
    ui.addHook('onSend', async (_request, reply, payload) =>
      String(reply.getHeader('content-type')).startsWith('text/html') && typeof payload === 'string' ? placed(payload) : payload)
    await ui.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig,
      theme: { title: 'Event processing service' },
      transformSpecification: (document) => {
        setBodyExamples(document, bodyExamples(new Date().toISOString(), v7))
        return { ...document, servers: [{ url: '..', description: 'This service' }] } // seen from /docs/json, behind any prefix
      }
    })
  })
}, {
  name: 'docs',
  // Hooks reach the routes that are added after them, and these are the first.
  dependencies: ['headers', 'problems', 'schemas', 'origins', 'keys', 'rate-limit', 'request-syntax', 'client-errors', 'graceful-shutdown', 'metrics', 'live']
})
