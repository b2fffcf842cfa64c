/** `GET /events/stream`: events as Server-Sent Events, for curl and for a browser's EventSource, which resumes by itself. */
import type { ServerResponse } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CURSOR_MAX_LENGTH, StreamQuery } from '../../schemas/index.ts'
import { InvalidCursorError, type Location } from '../backends/backend.ts'
import { makeFilter } from '../backends/filter.ts'
import type { Outlet } from '../live/peer.ts'
import type { ReaderState } from '../live/frames.ts'
import { reservePlace } from './subscriber-place.ts'
import { GUARDED_PROBLEMS, problem } from './responses.ts'

type StreamRequest = FastifyRequest<{ Querystring: Static<typeof StreamQuery> }>

const schema = {
  operationId: 'streamEvents',
  tags: ['live'],
  summary: 'Stream events',
  description: 'Server-Sent Events that never end: each message is one event, its `id` the cursor after it. Goes on after ' +
    '`Last-Event-ID`, `lastEventId` or `after`, the first of them that is given, else begins with what comes from now on. If the events after that cursor ' +
    'are gone, the first message is of the event name `gap`. A message without data only carries the cursor; a library that hands it over hands over an empty text. Try it with `curl -N http://localhost:8080/events/stream`.',
  querystring: StreamQuery,
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'The cursor of the last message seen; wins over `after`. Browsers send it by themselves; who cannot set a header may send it as the query parameter `lastEventId`.' }))
  }),
  response: {
    ...GUARDED_PROBLEMS,
    200: { description: 'The stream.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
    400: problem('The query or the cursor is not valid.'),
    503: problem('No more subscribers can be served, or the service is stopping.')
  }
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no' // nginx would hold messages back
}

/** An HTTP response as live delivery sees it. */
class ResponseOutlet implements Outlet {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get buffered(): number {
    return this.#response.writableLength
  }

  send(bytes: Buffer, sent: () => void): void {
    this.#response.write(bytes, sent)
  }

  close(): void {
    this.#response.end()
  }

  terminate(): void {
    this.#response.destroy()
  }
}

/** What a reader has. It is npm's eventsource 1 and 2 that keep lines; they alone come back without saying who they are. */
function stateOf({ headers }: StreamRequest, { recovered, lost }: Location): ReaderState {
  if (recovered === undefined) return 'new'
  return headers['last-event-id'] !== undefined && headers['user-agent'] === undefined && lost === undefined ? 'has lines' : 'has cursor'
}

const stream: FastifyPluginAsyncTypebox = async (app) => {
  /**
   * The cursor to go on from, if there is one.
   * @throws InvalidCursorError for one that is too long
   */
  function afterOf({ headers, query }: StreamRequest): string | undefined {
    const after = headers['last-event-id'] as string || query.lastEventId || query.after || undefined
    if (after !== undefined && after.length > CURSOR_MAX_LENGTH) throw new InvalidCursorError('too long')
    return after
  }

  async function streamEvents(request: StreamRequest, reply: FastifyReply) {
    const { event_type: types, user_id: users } = request.query
    const response = reply.raw
    const place = reservePlace(app, request.clientAddress)
    response.on('close', () => place.release())
    const location = await app.store.locate(afterOf(request))
    if (request.method === 'HEAD') return reply.headers(HEADERS).send()
    if (response.destroyed) return reply.hijack()

    reply.headers(HEADERS).hijack()
    response.writeHead(200, reply.getHeaders() as Record<string, string>)
    const stream = app.live.openStream(new ResponseOutlet(response), makeFilter(types, users), location, stateOf(request, location))
    response.on('close', () => app.live.leave(stream))
    response.on('error', () => {}) // a reader that has gone; `close` follows
    return reply
  }

  app.get('/events/stream', { schema, config: { scope: 'read' } }, streamEvents)
}

export default fp(stream, { name: 'stream-routes', encapsulate: true, dependencies: ['backend', 'live', 'docs'] })
