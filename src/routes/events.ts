/** `POST /events` takes events, `GET /events` gives them out again page by page. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import {
  EventBatch, EventPage, EventPageQuery, IngestQuery, Receipt, ReceiptProblem, ref, UnavailableProblem
} from '../../schemas/index.ts'
import { makeFilter } from '../backends/filter.ts'
import { ProblemError } from '../errors.ts'
import { receiptStatus } from '../ingest/receipt.ts'
import { TURNS } from '../ingest/turns.ts'
import { freeMemory } from '../plugins/body-chunks.ts'
import body, { NDJSON_TYPES } from '../plugins/body.ts'
import { RETRY_AFTER, sendProblem } from '../plugins/problems.ts'
import { senderOf } from '../plugins/rejections.ts'
import { GUARDED_PROBLEMS, json, problem } from './responses.ts'

/** Most bytes of events on one page; it ends early rather than being larger. */
const PAGE_MAX_BYTES = 4 * 1024 * 1024

/** Errors from which on writing a receipt takes milliseconds; it waits for a turn that has time. [LIMIT-3] */
const LONG_RECEIPT = 500

const postSchema = {
  operationId: 'sendEvents',
  tags: ['events'],
  summary: 'Send events',
  description: 'Takes an array of events, one event, an object whose only member is `events`, an array, or one event a line (NDJSON: `application/x-ndjson`, ' +
    '`application/ndjson` or `application/jsonl`); a body without a media type is JSON. Plain or compressed with gzip, deflate, br or zstd. ' +
    'Each event gets its own verdict, and one bad event never spoils its neighbours. Retry anything: an `event_id` counts once.',
  querystring: IngestQuery,
  body: {
    content: {
      'application/json': { schema: ref(EventBatch) },
      'application/x-ndjson': { schema: { type: 'string', description: 'One event a line; a bad line is rejected on its own.' } },
      'text/plain': { schema: { type: 'string', description: 'The same JSON, as a browser\'s sendBeacon sends it.' } }
    }
  },
  response: {
    ...GUARDED_PROBLEMS,
    200: json(Receipt, 'Every event was accepted or known already.'),
    207: json(Receipt, 'Some events were not accepted; `errors` says which and why.'),
    400: problem('The body or the query cannot be read.'),
    408: problem('The body did not arrive in time.'),
    413: problem('The body is too large, or holds too many events.'),
    415: problem('The media type or the content encoding is not known.'),
    422: problem('Every event was rejected; nothing was stored.', ReceiptProblem),
    429: problem('Too many requests; `Retry-After` says when to go on.'),
    503: problem('Nothing could be accepted now; send the same request again.', UnavailableProblem)
  }
}

const getSchema = {
  operationId: 'listEvents',
  tags: ['events'],
  summary: 'Read events',
  description: 'Retained events in order of arrival: those after the cursor `after`, or without it the newest.',
  querystring: EventPageQuery,
  response: {
    ...GUARDED_PROBLEMS,
    200: json(EventPage, 'A page of events.'),
    400: problem('The query is not valid.'),
    410: problem('The cursor\'s place is gone: no longer retained, or of another history.')
  }
}

const NO_BODY = Buffer.alloc(0)
const PAGE_BEGINNING = Buffer.from('{"events":[')

async function sendEvents(request: FastifyRequest<{ Querystring: Static<typeof IngestQuery> }>, reply: FastifyReply) {
  const bytes = request.body as Buffer | undefined ?? NO_BODY
  const kind = NDJSON_TYPES.includes(request.mediaType ?? '') ? 'ndjson' : 'json'
  const receipt = reply.receipt = await request.server.ingest(bytes, kind, { validateOnly: request.query.validate_only, sender: senderOf(request) })
  freeMemory(bytes) // only the handler has it, and the batch is a copy
  if (receipt.errors.length > LONG_RECEIPT && TURNS.isOver) await TURNS.next()
  const status = receiptStatus(receipt)
  if (status === 422) return sendProblem(reply, new ProblemError('all_rejected', 'see `errors`; do not send these events again unchanged'), receipt)
  if (status === 503) return sendProblem(reply, new ProblemError('all_unavailable', 'see `errors`; send the same request again', { 'retry-after': retryAfter(request.server, receipt) }), receipt)
  return reply.code(status).send(receipt)
}

/** Seconds until the same request may fare better. */
function retryAfter({ store }: FastifyInstance, { errors }: Static<typeof Receipt>): string {
  if (!errors.some(({ code }) => code === 'clock_unsettled')) return RETRY_AFTER
  return String(Math.max(1, store.health().clock?.unsettled_seconds ?? 1)) // [TIME-4]
}

async function listEvents(request: FastifyRequest<{ Querystring: Static<typeof EventPageQuery> }>, reply: FastifyReply) {
  const { store } = request.server
  const { after, limit, event_type: types, user_id: users } = request.query
  const filter = makeFilter(types, users)
  const limits = { events: limit!, bytes: PAGE_MAX_BYTES }
  const page = after === undefined
    ? await store.newest(filter, limits)
    : await store.read(after === 'earliest' ? (await store.locate(after)).cursor : after, filter, limits)
  const rest = `],"cursor":${JSON.stringify(page.cursor)},"has_more":${page.hasMore}}`
  return reply.type('application/json; charset=utf-8').send(Buffer.concat([PAGE_BEGINNING, page.bytes, Buffer.from(rest)]))
}

const events: FastifyPluginAsyncTypebox = async (app) => {
  await app.register(body)
  app.post('/events', { schema: postSchema, config: { scope: 'write', isRateLimited: true } }, sendEvents)
  app.get<{ Querystring: Static<typeof EventPageQuery> }>('/events', { schema: getSchema, config: { scope: 'read' }, preHandler: app.awaitLongTurn }, listEvents)
}

export default fp(events, { name: 'events-routes', encapsulate: true, dependencies: ['backend', 'ingest', 'long-turns', 'docs'] })
