/**
 * The OpenAPI 3.1 document, made of the schemas of the routes as `app.swagger()`. What is the same for every route is
 * said here once: keys, examples, and the headers that come with a refusal.
 */
import swagger, { type FastifyDynamicSwaggerOptions, type SwaggerTransform, type SwaggerTransformObject } from '@fastify/swagger'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { EXAMPLES, MIXED_RECEIPT, bodyExamples, type NamedExample } from '../../schemas/examples.ts'
import type { Problem } from '../../schemas/index.ts'
import { publicName, publish, type Components, type PublicSchema } from '../../schemas/publish.ts'
import { PROBLEMS, type ProblemCode } from '../errors.ts'
import { exampleOf } from '../problem-guide.ts'
import { share } from './openapi-components.ts'

const describe = (basePath: string) => `Takes user activity events, counts each exactly once, answers how many, by whom and when, and streams them live.

**Retry anything; the count stays exact, and the very next answer shows it.** An \`event_id\` counts once, however often
and over whichever transport it is sent.

Answers may gain fields and codes; ignore what you do not know.

**Live:** \`GET /ws/events\` is a WebSocket of JSON text frames: it delivers events as they are accepted, resumes after a
cursor, takes events to publish, and sends summaries when they change. Its frames are described in
[\`/asyncapi.json\`](${basePath}/asyncapi.json); a plain request is answered with 426.

Keys are needed only where they are set: \`writeKey\` to send events, \`readKey\` for everything that reads.

Errors are problem details (RFC 9457); every \`code\` can be looked up at \`/problems/<code>\`; [\`/problems\`](${basePath}/problems)
lists them all.`

/** Addresses whose query string nobody looks at: probes put all kinds of things there. */
const OPEN_QUERIES: readonly string[] = ['/health', '/health/live', '/health/ready', '/metrics']

/** What a problem of each status typically is. */
const TYPICAL_PROBLEMS: Readonly<Record<string, ProblemCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  408: 'request_timeout',
  410: 'cursor_lost',
  413: 'too_many_events',
  415: 'unsupported_media_type',
  422: 'all_rejected',
  429: 'too_many_requests',
  431: 'headers_too_large',
  500: 'internal_error',
  503: 'stopping'
}

/** The same of requests that carry events. */
const TYPICAL_BODY_PROBLEMS: typeof TYPICAL_PROBLEMS = { 503: 'all_unavailable' }

/** The same of requests that need no key. */
const TYPICAL_OPEN_PROBLEMS: typeof TYPICAL_PROBLEMS = { 403: 'host_not_allowed' }

/** The same of single operations, by their ids. */
const TYPICAL_OWN_PROBLEMS: Readonly<Record<string, typeof TYPICAL_PROBLEMS>> = { isReady: { 503: 'not_ready' } }

/** The 400 of operations that take such a query parameter; the first that fits. */
const TYPICAL_QUERY_PROBLEMS: readonly (readonly [parameter: string, code: ProblemCode, detail?: string])[] = [
  ['after', 'invalid_cursor'],
  ['interval', 'invalid_query', '`interval` must be one of minute, hour'],
  ['user_id', 'invalid_query', '`limit` must be <= 1000'],
  ['window', 'invalid_query']
]

const HEADERS = {
  RequestId: { description: 'The id of this request: the one that was sent along, else a new one. The log has it, too.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds after which to send the request again.', schema: { type: 'integer', format: 'int64', minimum: 0 } },
  WwwAuthenticate: { description: 'How to send a key: `Bearer`.', schema: { type: 'string' } }
}

const header = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` })

/** The parts of the document that are completed here. */
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Components, headers?: object, parameters?: object, responses?: object }
}

interface Operation {
  operationId: string
  security: readonly object[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: PublicSchema, examples?: Record<string, NamedExample> }> }
  responses: Record<string, Response>
}

interface Parameter {
  name: string
  in: string
  schema: PublicSchema
}

interface Response {
  content?: Record<string, { schema: PublicSchema, example?: unknown }>
  headers?: object
}

/** Says which key a route asks for; none are needed as long as none are set. */
const addSecurity: SwaggerTransform = ({ schema, url, route }) => {
  const { scope } = route.config ?? {}
  return { schema: { ...schema, security: scope === undefined ? [] : [{}, { [`${scope}Key`]: [] }] }, url }
}

/** What is typically wrong with a request of this operation. */
function typicalBadRequest({ parameters = [], requestBody }: Operation, hasQuery: boolean): Problem {
  if (requestBody !== undefined) return exampleOf('invalid_json')
  const found = TYPICAL_QUERY_PROBLEMS.find(([name]) => parameters.some((parameter) => parameter.name === name))
  if (found !== undefined) return exampleOf(found[1], found[2])
  return hasQuery ? exampleOf('invalid_query', 'unknown query parameter `limit`; known are none') : exampleOf('bad_request')
}

/** What another refusal of this operation typically is. */
function typicalProblem(status: string, { operationId, requestBody, security }: Operation): Problem {
  const code = TYPICAL_OWN_PROBLEMS[operationId]?.[status] ??
    (requestBody && TYPICAL_BODY_PROBLEMS[status]) ??
    (security.length === 0 ? TYPICAL_OPEN_PROBLEMS[status] : undefined) ??
    TYPICAL_PROBLEMS[status]
  return exampleOf(code)
}

function exampleProblem(status: string, schema: PublicSchema, operation: Operation, hasQuery: boolean): Problem {
  const name = String(schema.$ref).split('/').at(-1) as 'Problem' | 'ReceiptProblem' | 'UnavailableProblem'
  return { ...EXAMPLES[name], ...status === '400' ? typicalBadRequest(operation, hasQuery) : typicalProblem(status, operation) }
}

function completeResponse(status: string, { content = {}, ...response }: Response, operation: Operation, hasQuery: boolean): Response {
  for (const [mediaType, media] of Object.entries(content)) {
    if (mediaType === 'application/problem+json') media.example = exampleProblem(status, media.schema, operation, hasQuery)
    if (mediaType === 'text/event-stream') media.example = `data: ${JSON.stringify(EXAMPLES.Event)}\nid: ${EXAMPLES.Receipt.cursor}\n\n`
    if (status === '207') media.example = MIXED_RECEIPT
  }
  const headers: Record<string, object> = { 'x-request-id': header('RequestId') }
  if (status === '429' || status === '503') headers['Retry-After'] = header('RetryAfter')
  if (status === '401') headers['WWW-Authenticate'] = header('WwwAuthenticate')
  return { ...response, headers, content }
}

/** Puts examples of bodies, by media type, into every operation that takes one. */
export function setBodyExamples(document: object, examples: ReturnType<typeof bodyExamples>): void {
  for (const path of Object.values((document as Document).paths)) {
    for (const { requestBody } of Object.values(path)) {
      for (const [mediaType, media] of Object.entries(requestBody?.content ?? {})) media.examples = examples[mediaType]
    }
  }
}

/** A name as generators make a variable of it. */
const variable = (name: string) => name.replaceAll('-', '').toLowerCase()

/** Without query parameters that only stand in for a header: both would be one variable, and the client would not compile. */
function dropStandIns(operation: Operation): void {
  const headers = operation.parameters?.filter((parameter) => parameter.in === 'header').map(({ name }) => variable(name)) ?? []
  operation.parameters = operation.parameters?.filter((parameter) => parameter.in !== 'query' || !headers.includes(variable(parameter.name)))
}

/** The schemas of all operations and the named ones, published. */
function publishSchemas(document: Document, operations: readonly Operation[]): void {
  const components: Components = {}
  for (const [name, schema] of Object.entries(document.components.schemas)) publish({ ...schema, title: name }, components)
  for (const { parameters = [], requestBody, responses } of operations) {
    const contents = [requestBody, ...Object.values(responses)].flatMap((carrier) => Object.values(carrier?.content ?? {}))
    for (const carrier of [...parameters, ...contents]) carrier.schema = publish(carrier.schema, components)
  }
  for (const [name, example] of Object.entries(EXAMPLES)) {
    if (publicName(name) in components) components[publicName(name)].examples = [example]
  }
  components.ProblemCode['x-extensible-enum'] = Object.keys(PROBLEMS)
  document.components = { ...document.components, schemas: components, headers: HEADERS }
}

/** A document whose examples of problems have the `type` that the service gives them under a base path. */
function withProblemTypes(document: Document, basePath: string): Document {
  if (basePath === '') return document
  return JSON.parse(JSON.stringify(document), (key, value) => key === 'type' && String(value).startsWith('/problems/') ? `${basePath}${value}` : value)
}

const complete = (basePath: string): SwaggerTransformObject => (made) => {
  if (!('openapiObject' in made)) throw new TypeError('only OpenAPI is made here')
  const document: Document = JSON.parse(JSON.stringify(made.openapiObject))
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
  operations.forEach(dropStandIns)
  publishSchemas(document, operations)
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const operation of Object.values(methods)) {
      const hasQuery = !OPEN_QUERIES.includes(path)
      for (const [status, response] of Object.entries(operation.responses)) {
        operation.responses[status] = completeResponse(status, response, operation, hasQuery)
      }
    }
  }
  setBodyExamples(document, bodyExamples())
  share(document)
  return withProblemTypes(document, basePath)
}

const makeOptions = (basePath: string): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Event processing service',
      version: packageJson.version,
      description: describe(basePath),
      license: { name: 'MIT', identifier: 'MIT' } as { name: string },
      contact: { name: packageJson.name }
    },
    servers: [{ url: basePath || '/', description: 'This service' }],
    tags: [
      { name: 'events', description: 'Send events, and read them again.' },
      { name: 'live', description: 'Follow events as they are accepted.' },
      { name: 'analytics', description: 'How many, by whom and when, over sliding windows; always exact.' },
      { name: 'operations', description: 'How the service is.' }
    ],
    components: {
      securitySchemes: {
        readKey: { type: 'http', scheme: 'bearer', description: 'A key of `READ_KEYS`; needed only where keys are set.' },
        writeKey: { type: 'http', scheme: 'bearer', description: 'A key of `WRITE_KEYS`; needed only where keys are set.' }
      }
    }
  },
  convertConstToEnum: false,
  refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`) },
  transform: addSecurity,
  transformObject: complete(basePath)
})

export default fp(async (app) => {
  await app.register(swagger, makeOptions(app.settings.BASE_PATH))
}, { name: 'openapi', dependencies: ['settings'] })
