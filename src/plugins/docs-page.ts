/**
 * What Swagger UI's page at `/docs` shows and how: the document as people read it, which is shorter than the one that
 * programs read, and the few lines of style and script that the page needs on a phone and at night.
 */
import type { FastifySwaggerUiConfigOptions } from '@fastify/swagger-ui'
import { v7 } from 'uuid'
import { bodyExamples } from '../../schemas/examples.ts'
import { setBodyExamples } from './openapi.ts'

/** As much of Swagger UI's state as is looked at. */
interface SpecState {
  getIn(path: readonly string[]): unknown
}

/** As much of Swagger UI as is changed. */
interface UiSystem {
  fn: { jsonSchema202012: { getJsonSampleSchema(schema: unknown, config: unknown, mediaType: string, example: unknown): unknown } }
}

/* c8 ignore start -- the three functions run in the browser; a test tries them out there */

/** A plugin of Swagger UI, sent to the browser as text: what never ends is shown but cannot be tried out. */
function streamsAreNotTriedOut() {
  return {
    statePlugins: {
      spec: {
        wrapSelectors: {
          allowTryItOutFor: () => (state: SpecState, path: string, method: string) => {
            const responses = ['json', 'paths', path, method, 'responses']
            return state.getIn([...responses, '101']) === undefined &&
              state.getIn([...responses, '200', 'content', 'text/event-stream']) === undefined
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

/** A script of the page: Swagger UI has colours for the night, but the button for them is in a bar that is not shown here. */
function followScheme() {
  const { matchMedia, document } = globalThis as unknown as {
    matchMedia(query: string): { matches: boolean, addEventListener(type: 'change', listener: () => void): void }
    document: { documentElement: { classList: { toggle(name: string, force: boolean): void } } }
  }
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
  dark.addEventListener('change', follow)
  follow()
}

/* c8 ignore stop */

/** There is one server, the one that is asked, and no links; and long words and wide tables stay within a phone. */
const STYLE = `
:root { color-scheme: light dark; }
.swagger-ui .servers-title, .swagger-ui .servers, .swagger-ui .response-col_links { display: none; }
.dark-mode .swagger-ui .examples-select__section-label { color: inherit; }
.swagger-ui .info { margin: 24px 0; }
.swagger-ui .info .title small pre { display: inline; }
.swagger-ui .opblock-description-wrapper pre, .swagger-ui .response-col_description pre { white-space: pre-wrap; }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 10px; }
  .swagger-ui .opblock .opblock-summary-path { max-width: none; }
  .swagger-ui .opblock-body, .swagger-ui .markdown { overflow-wrap: anywhere; }
}
`

/** How the page looks beside what Swagger UI brings. */
export const theme = {
  title: 'Event processing service',
  css: [{ filename: 'page.css', content: STYLE }],
  js: [{ filename: 'scheme.js', content: `(${String(followScheme)})()` }]
}

export const uiConfig: FastifySwaggerUiConfigOptions = {
  layout: 'BaseLayout',
  plugins: [streamsAreNotTriedOut, linesAreText],
  displayRequestDuration: true,
  persistAuthorization: true
}

/** Swagger UI's HTML, readable on a phone. */
export function fitted(html: string): string {
  return html.replace('<head>', '<head>\n      <meta name="viewport" content="width=device-width, initial-scale=1">')
}

/** The live connection, which is no operation of OpenAPI: shown here, so that nobody looks for it in vain. */
const LIVE = {
  get: {
    operationId: 'openLive',
    tags: ['live'],
    summary: 'Open a WebSocket',
    description: 'Delivers events as they are accepted, resumes after a cursor, takes events to publish, and sends summaries when they change. ' +
      'Its frames are described in [asyncapi.json](../asyncapi.json), and [client.js](../client.js) speaks them. Try it in the console of this page:\n\n' +
      '```js\nsocket = new WebSocket(\'../ws/events\')\nsocket.onmessage = ({ data }) => console.log(data)\n```\n\n' +
      'Where keys are set, a second argument carries one: `[\'events.v1\', \'bearer.READ_KEY\']`.',
    security: [{}, { readKey: [] }],
    responses: { 101: { description: 'The connection is a WebSocket from here on.' } }
  }
}

interface Response {
  $ref?: string
  description: string
  headers?: Record<string, object>
  content?: Record<string, { example?: { code?: string } }>
}

interface Operation {
  responses: Record<string, Response>
}

interface Document {
  info: { description: string }
  paths: Record<string, Record<string, Operation>>
  components: { responses: Record<string, Response> }
}

/** Tells the problems of an operation in one table; each of them would take half a screen. */
function foldProblems(operation: Operation, shared: Record<string, Response>): void {
  const rows = []
  for (const [status, { $ref, ...own }] of Object.entries(operation.responses)) {
    const response = $ref === undefined ? own : shared[$ref.split('/').at(-1)!]
    const code = response.content?.['application/problem+json']?.example?.code
    delete own.headers?.['x-request-id'] // every answer has it
    if (code === undefined) continue
    delete operation.responses[status]
    rows.push(`| [${status}](../problems/${code}) | ${response.description} |`)
  }
  if (rows.length === 0) return
  const description = ['Problem details (RFC 9457):', '', '| status | when |', '|---|---|', ...rows].join('\n')
  operation.responses.default = { description }
}

/** The document as the page shows it: examples of the present time, relative addresses, problems in brief. */
export function forReading(document: object): object {
  setBodyExamples(document, bodyExamples(new Date().toISOString(), v7))
  const { info, paths, components } = document as Document
  for (const path of Object.values(paths)) {
    for (const operation of Object.values(path)) foldProblems(operation, components.responses)
  }
  return {
    ...document,
    info: { ...info, description: info.description.replaceAll('](/', '](../') },
    paths: { ...paths, '/ws/events': LIVE },
    servers: [{ url: '..', description: 'This service' }] // seen from /docs/json, behind any prefix
  }
}
