/** `GET /events/stream`: events as Server-Sent Events, for curl and for a browser's EventSource, which resumes by itself. */
import type { ServerResponse } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CURSOR_MAX_LENGTH, StreamQuery } from '../../schemas/index.ts'
import { InvalidCursorError } from '../backends/backend.ts'
import type { Outlet } from '../live/connection.ts'
import { makeFilter } from '../live/filter.ts'
import { reservePlace } from './admission.ts'
import { GUARDED_PROBLEMS, problem } from './responses.ts'

type StreamRequest = FastifyRequest<{ Querystring: Static<typeof StreamQuery> }>

const schema = {
  operationId: 'streamEvents',
  tags: ['live'],
  summary: 'Stream events',
  description: 'Server-Sent Events that never end: each message is one event, its `id` the cursor behind it. Goes on behind ' +
    '`Last-Event-ID` or `after`, else begins with what comes from now on. If that place is gone, the first message is of the event name `gap`.',
  querystring: StreamQuery,
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'The cursor of the last message seen; wins over `after`. Browsers send it by themselves.' }))
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

const stream: FastifyPluginAsyncTypebox = async (app) => {
  /** The place to go on from, known to be a cursor if there is one. */
  function afterOf({ headers, query }: StreamRequest): string | undefined {
    const after = headers['last-event-id'] as string || query.after
    if (after !== undefined && after.length > CURSOR_MAX_LENGTH) throw new InvalidCursorError('too long')
    return after
  }

  async function streamEvents(request: StreamRequest, reply: FastifyReply) {
    const { event_type: types, user_id: users } = request.query
    const response = reply.raw
    const place = request.method === 'HEAD' ? undefined : reservePlace(app)
    response.on('close', () => place?.release())
    const location = await app.store.locate(afterOf(request))
    if (place === undefined) return reply.headers(HEADERS).send()
    if (response.destroyed) return reply.hijack()

    reply.headers(HEADERS).hijack()
    response.writeHead(200, reply.getHeaders() as Record<string, string>)
    const member = app.live.openStream(new ResponseOutlet(response), makeFilter(types, users), location)
    response.on('close', () => app.live.leave(member))
    response.on('error', () => {}) // a reader that has gone; `close` follows
    return reply
  }

  app.get('/events/stream', { schema, config: { scope: 'read' } }, streamEvents)
}

export default stream
