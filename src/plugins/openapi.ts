/**
 * The OpenAPI 3.1 document, made of the schemas of the routes as `app.swagger()`. What is the same for every route is
 * said here once: keys, examples, and the headers that come with a refusal.
 */
import swagger, { type FastifyDynamicSwaggerOptions, type SwaggerTransform, type SwaggerTransformObject } from '@fastify/swagger'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { EXAMPLES, MIXED_RECEIPT, UNAVAILABLE_RECEIPT, bodyExamples, type NamedExample } from '../../schemas/examples.ts'
import { publicFormat } from '../../schemas/formats.ts'
import { PROBLEMS, type ProblemCode } from '../errors.ts'

const DESCRIPTION = `Takes user activity events, counts each exactly once, answers how many, by whom and when, and streams them live.

**Retry anything; the count stays exact, and the very next answer shows it.** An \`event_id\` counts once, however often
and over whichever transport it is sent.

Answers may gain fields and codes; ignore what you do not know. The live connection is described in
[\`/asyncapi.json\`](/asyncapi.json).

Errors are problem details (RFC 9457); every \`code\` can be looked up at \`/problems/<code>\`, which lists them all.`

/** What a problem of each status typically says. */
const TYPICAL_PROBLEMS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  400: ['invalid_query', '`limit` must be <= 1000'],
  401: ['unauthorized', 'this key is not known'],
  403: ['forbidden', 'this needs another key, and this key is for something else'],
  404: ['not_found', 'there is no problem of this code'],
  408: ['request_timeout', 'the request did not arrive in time'],
  410: ['cursor_lost', 'the events after this cursor are no longer retained; start again from `earliest` or without a cursor'],
  413: ['too_many_events', 'at most 10000 events may be sent at a time'],
  415: ['unsupported_media_type', 'send application/json, application/x-ndjson or text/plain, and say so in content-type'],
  422: ['all_rejected', 'see `errors`; do not send these events again unchanged'],
  426: ['upgrade_required', 'open a WebSocket here, or use `GET /events/stream`'],
  429: ['too_many_requests', 'at most 100 requests a second; go on in 1 second'],
  431: ['headers_too_large', 'the line and the headers of a request may have at most 64 KiB'],
  500: ['internal_error', 'the service failed; its log says more under this request_id'],
  503: ['stopping', 'send the request again, it goes to another instance or to the next start']
}

/** The same of requests that carry events. */
const TYPICAL_BODY_PROBLEMS: typeof TYPICAL_PROBLEMS = {
  400: ['invalid_json', 'unexpected end of the body at line 1, column 42'],
  503: ['all_unavailable', 'see `errors`; send the same request again']
}

const RETRY_AFTER_HEADER = { 'Retry-After': { description: 'Seconds after which to send the request again.', schema: { type: 'integer', minimum: 0 } } }

/** The parts of the document that are completed here. */
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, { examples?: unknown[] }> }
}

interface Operation {
  requestBody?: { content: Record<string, { examples?: Record<string, NamedExample> }> }
  responses: Record<string, Response>
}

interface Response {
  content?: Record<string, { schema: { $ref?: string }, example?: unknown }>
  headers?: object
}

/** Says which keys a route asks for; none are needed as long as none are set. */
const addSecurity: SwaggerTransform = ({ schema, url, route }) => {
  const { properties = {} } = (schema?.querystring ?? {}) as { properties?: object }
  const security: Record<string, string[]>[] = []
  if (route.config?.scope !== undefined || 'key' in properties) security.push({}, { bearer: [] })
  if ('key' in properties) security.push({ key: [] })
  return { schema: { ...schema, security }, url }
}

function exampleProblem(status: string, { $ref = '' }: { $ref?: string }, hasBody: boolean): object {
  const [code, detail] = (hasBody ? TYPICAL_BODY_PROBLEMS[status] : undefined) ?? TYPICAL_PROBLEMS[status]
  const fields = $ref.endsWith('/ReceiptProblem') ? EXAMPLES.ReceiptProblem : EXAMPLES.Problem
  const receipt = code === 'all_unavailable' ? UNAVAILABLE_RECEIPT : undefined
  return { ...fields, type: `/problems/${code}`, title: PROBLEMS[code].title, status: PROBLEMS[code].status, code, detail, ...receipt }
}

function completeResponse(status: string, { content = {}, ...response }: Response, hasBody: boolean): Response {
  for (const [mediaType, media] of Object.entries(content)) {
    if (mediaType === 'application/problem+json') media.example = exampleProblem(status, media.schema, hasBody)
    if (mediaType === 'text/event-stream') media.example = `id: ${EXAMPLES.Receipt.cursor}\ndata: ${JSON.stringify(EXAMPLES.Event)}\n\n`
    if (status === '207') media.example = MIXED_RECEIPT
  }
  const headers = status === '429' || status === '503' ? RETRY_AFTER_HEADER : undefined
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

const complete: SwaggerTransformObject = (made) => {
  if (!('openapiObject' in made)) throw new TypeError('only OpenAPI is made here')
  const document: Document = JSON.parse(JSON.stringify(made.openapiObject, (key, value) => key === 'format' ? publicFormat(value) : value))
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    const example: unknown = EXAMPLES[name as keyof typeof EXAMPLES]
    if (example !== undefined) schema.examples = [example]
  }
  for (const path of Object.values(document.paths)) {
    for (const { responses, requestBody } of Object.values(path)) {
      for (const [status, response] of Object.entries(responses)) responses[status] = completeResponse(status, response, requestBody !== undefined)
    }
  }
  setBodyExamples(document, bodyExamples())
  return document as object
}

const options: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Event processing service',
      version: packageJson.version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' } as { name: string },
      contact: { name: packageJson.name }
    },
    servers: [{ url: '/', description: 'This service' }],
    tags: [
      { name: 'events', description: 'Send events, and read them again.' },
      { name: 'live', description: 'Follow events as they are accepted.' },
      { name: 'analytics', description: 'How many, by whom and when, over sliding windows; always exact.' },
      { name: 'operations', description: 'How the service is.' }
    ],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key of the service; needed only where keys are set.' },
        key: { type: 'apiKey', in: 'query', name: 'key', description: 'The same key, for what cannot send headers: EventSource, WebSocket, sendBeacon.' }
      }
    }
  },
  convertConstToEnum: false,
  refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`) },
  transform: addSecurity,
  transformObject: complete
}

export default fp(async (app) => {
  await app.register(swagger, options)
}, { name: 'openapi' })
