/** `GET /ws/events`: events, summaries and publishing over a WebSocket. All that can be refused is refused before the upgrade. */
import type { Socket } from 'node:net'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { RawData, WebSocket } from 'ws'
import { LiveQuery } from '../../schemas/index.ts'
import type { Location } from '../backends/backend.ts'
import { makeFilter } from '../backends/filter.ts'
import { ProblemError } from '../errors.ts'
import type { MessageSource } from '../live/incoming-messages.ts'
import { CloseCode, type PeerConnection } from '../live/peer.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { Scope } from '../plugins/keys.ts'
import { senderOf } from '../plugins/rejections.ts'
import { reservePlace } from './subscriber-place.ts'
import { GUARDED_PROBLEMS, problem } from './responses.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Where a live connection begins; known before its upgrade. */
    location: Location | null
  }
}

type LiveRequest = FastifyRequest<{ Querystring: Static<typeof LiveQuery> }>

const schema = {
  hide: true, // /asyncapi.json describes it; a client made from OpenAPI could do nothing with it
  operationId: 'openLive',
  tags: ['live'],
  summary: 'Open a live connection',
  description: 'A WebSocket with JSON text frames, described in `/asyncapi.json`; a plain request is answered with 426. ' +
    'Follows the events after `after`, or from now on, and takes `publish`, `subscribe` and `watch` frames.',
  querystring: LiveQuery,
  response: {
    ...GUARDED_PROBLEMS,
    101: { description: 'The connection speaks WebSocket from here on.', type: 'null' },
    400: problem('The query is not valid.'),
    426: problem('The request is no WebSocket handshake, or of another version than 13.'),
    503: problem('No more subscribers can be served, or the service is stopping.')
  }
}

/** What the library's reader has of a message that is not whole yet: frames, and bytes of the next one, as they came. */
interface Receiver {
  _messageLength: number
  _fragments: readonly Buffer[]
  _bufferedBytes: number
  _buffers: readonly Buffer[]
}

/** Bytes that a Buffer takes beside its own; a message may come in pieces of one byte. */
const PIECE_BYTES = 512

/** A WebSocket as live delivery sees it. */
class SocketConnection implements PeerConnection, MessageSource {
  readonly #socket: WebSocket
  readonly #raw: Socket

  constructor(socket: WebSocket, raw: Socket) {
    this.#socket = socket
    this.#raw = raw
  }

  get buffered(): number {
    return this.#socket.bufferedAmount
  }

  /** The library does not say how much it holds; a test notices when it names that otherwise. */
  held(): number {
    const { _receiver: receiver } = this.#socket as unknown as { _receiver: Receiver }
    return receiver._messageLength + receiver._bufferedBytes + PIECE_BYTES * (receiver._fragments.length + receiver._buffers.length)
  }

  get isPaused(): boolean {
    return this.#socket.isPaused
  }

  expire(): void {
    this.#socket.close(CloseCode.Policy, 'a message took too long')
  }

  end(): void {
    this.#socket.terminate()
  }

  get received(): number {
    return this.#raw.bytesRead
  }

  send(bytes: Buffer, sent: () => void): void {
    this.#socket.send(bytes, TEXT, sent)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  ping(): void {
    this.#socket.ping()
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  terminate(): void {
    this.#socket.terminate()
  }
}

const TEXT = { binary: false }

/** Sixteen bytes in base64. */
const HANDSHAKE_KEY = /^[+/0-9A-Za-z]{22}==$/

/** A token (RFC 9110 section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/**
 * Passes a handshake as RFC 6455 section 4.2.1 wants it. Version 8, which browsers once spoke, sends its origin under another
 * name, past all checks.
 * @throws ProblemError bad_request, upgrade_required
 */
function checkHandshake({ headers }: FastifyRequest): void {
  const { 'sec-websocket-key': key, 'sec-websocket-version': version, 'sec-websocket-protocol': protocols } = headers
  if (version !== '13') {
    throw new ProblemError('upgrade_required', 'the WebSocket version must be 13', {
      'sec-websocket-version': '13', upgrade: 'websocket', connection: 'upgrade'
    })
  }
  if (key === undefined || !HANDSHAKE_KEY.test(key)) {
    throw new ProblemError('bad_request', '`Sec-WebSocket-Key` must be 16 bytes in base64')
  }
  const names = protocols?.split(',').map((name) => name.trim()) ?? []
  if (new Set(names).size < names.length || !names.every((name) => TOKEN.test(name))) {
    throw new ProblemError('bad_request', '`Sec-WebSocket-Protocol` must be a list of different tokens')
  }
}

const live: FastifyPluginAsyncTypebox = async (app) => {
  app.decorateRequest('location', null)

  function allows(request: LiveRequest, scope: Scope): boolean {
    try {
      app.authorize(request, scope)
      return true
    } catch (error) {
      if (error instanceof ProblemError) return false
      throw error
    }
  }

  /** Who subscribes needs a read key; who does not needs any. */
  function authorize(request: LiveRequest): void {
    if (request.query.subscribe) app.authorize(request, 'read')
    else if (!allows(request, 'read')) app.authorize(request, 'write')
  }

  /** Takes what one client publishes as if it had sent it over HTTP: its rate is limited, and what is refused is taken down. */
  function ingestOf(request: LiveRequest): Ingest {
    const sender = senderOf(request)
    return async (body, kind, options) => {
      try {
        await app.limitRate(request)
        return await app.ingest(body, kind, { ...options, sender })
      } catch (error) {
        if (error instanceof ProblemError) app.rejections.addRequest(error.code, sender)
        throw error
      }
    }
  }

  function checkQuery({ query }: LiveRequest): void {
    const { after, subscribe, event_type: types, user_id: users } = query
    if (!subscribe && (after || types || users)) {
      throw new ProblemError('invalid_query', '`after`, `event_type` and `user_id` go with a subscription, and `subscribe` is false')
    }
  }

  app.route<{ Querystring: Static<typeof LiveQuery> }>({
    method: 'GET',
    url: '/ws/events',
    schema,
    exposeHeadRoute: false,
    config: { upgrades: true },

    onRequest: (request, _reply, done) => {
      if (request.ws) {
        app.checkOrigin(request)
        checkHandshake(request)
      }
      done()
    },

    preHandler: async (request) => {
      if (!request.ws) return
      authorize(request)
      checkQuery(request)
      const place = reservePlace(app, request.clientAddress)
      request.raw.socket.once('close', () => place.release())
      request.location = await app.store.locate(request.query.after || undefined)
    },

    handler: async () => {
      throw new ProblemError('upgrade_required', 'open a WebSocket here, or use `GET /events/stream`', { upgrade: 'websocket', connection: 'upgrade' })
    },

    wsHandler: (socket, request) => {
      const { subscribe, event_type: types, user_id: users } = request.query
      const connection = new SocketConnection(socket, request.raw.socket)
      const session = app.live.openSession(connection, {
        canRead: allows(request, 'read'),
        canWrite: allows(request, 'write'),
        ingest: ingestOf(request),
        filter: subscribe ? makeFilter(types, users) : undefined,
        location: request.location!
      })
      socket.on('message', (data: RawData, isBinary: boolean) => {
        app.live.messages.update(connection)
        if (isBinary) session.stop(CloseCode.Binary, 'frames are JSON text')
        else session.receive(data as Buffer)
      })
      request.raw.socket.on('data', () => app.live.messages.update(connection))
      socket.on('close', () => {
        app.live.messages.remove(connection)
        app.live.leave(session)
      })
    }
  })
}

export default fp(live, { name: 'live-routes', encapsulate: true, dependencies: ['backend', 'live', 'keys', 'rate-limit', 'origins', 'docs'] })
