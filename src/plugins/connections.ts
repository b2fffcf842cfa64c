/**
 * How many connections there may be, and on how many of them the head of a request may be there in part. When a bound is
 * met, the one that has been without a request longest ends, so that connections which do nothing keep nobody out. [LIMIT-1, LIMIT-2]
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'
import { latestAnswer } from './connection.ts'

/** Most connections beside those that MAX_SUBSCRIBERS allows. */
export const MAX_OTHER_CONNECTIONS = 4096

/** Most connections with a head that is not whole. Each may have MAX_HEADER_BYTES of it. */
export const MAX_UNFINISHED_HEADS = 1024

/** Where Node's parser looks for who wants to know that a message has begun; no public interface tells it, and a test notices a change. */
const MESSAGE_BEGUN = 0

type ParsedSocket = Socket & { parser: { [MESSAGE_BEGUN]: () => void } }

declare module 'fastify' {
  interface FastifyInstance {
    connections: Connections
  }
}

/** All connections of a server. */
export class Connections {
  readonly #most: number
  readonly #onEnd: (connection: Socket, reason: string) => void
  /** Without a request under way, the longest first. */
  readonly #waiting = new Set<Socket>()
  /** With a head that is not whole, the oldest first. */
  readonly #unfinished = new Set<Socket>()
  /** Do not speak HTTP any more. */
  readonly #upgraded = new WeakSet<Socket>()
  #count = 0

  /**
   * @param most connections at a time
   * @param onEnd told of a connection that is ended so that others go on
   */
  constructor(most: number, onEnd: (connection: Socket, reason: string) => void) {
    this.#most = most
    this.#onEnd = onEnd
  }

  /** Open connections. */
  get count(): number {
    return this.#count
  }

  /** Connections with a head that is not whole. */
  get unfinishedHeads(): number {
    return this.#unfinished.size
  }

  /** A connection has opened. Where there are too many, another ends, or this one if all others are at work. */
  add(connection: Socket): void {
    this.#count++
    this.#waiting.add(connection)
    connection.once('close', () => {
      this.#count--
      this.#waiting.delete(connection)
      this.#unfinished.delete(connection)
    })
    if (this.#count > this.#most) this.#end(this.#waiting, 'there are too many connections')
  }

  /** The head of a request is whole. */
  begin(connection: Socket): void {
    this.#waiting.delete(connection)
    this.#unfinished.delete(connection)
  }

  /** The head of a request for an upgrade is whole. */
  upgrade(connection: Socket): void {
    this.begin(connection)
    this.#upgraded.add(connection)
  }

  /** The answer to its latest request has left. */
  finish(connection: Socket): void {
    if (!connection.destroyed && !this.#upgraded.has(connection)) this.#waiting.add(connection)
  }

  /** The first byte of a request has come. */
  beginHead(connection: Socket): void {
    this.#unfinished.add(connection)
    if (this.#unfinished.size > MAX_UNFINISHED_HEADS) this.#end(this.#unfinished, 'too many requests have begun and go on slowly')
  }

  #end(connections: Set<Socket>, reason: string): void {
    const [oldest] = connections
    connections.delete(oldest)
    this.#onEnd(oldest, reason)
    oldest.destroy()
  }
}

export default fp(async (app) => {
  const connections = new Connections(app.settings.MAX_SUBSCRIBERS + MAX_OTHER_CONNECTIONS, (connection, reason) => {
    app.log.info({ remote_address: connection.remoteAddress, reason }, 'connection ended')
  })
  app.decorate('connections', connections)

  app.server.on('connection', (connection: ParsedSocket) => {
    connections.add(connection)
    if (!connection.destroyed) connection.parser[MESSAGE_BEGUN] = () => connections.beginHead(connection)
  })
  // One function for all answers, as each costs a little of every request.
  function finish(this: ServerResponse): void {
    const { socket } = this.req
    if (latestAnswer(socket) === this) connections.finish(socket)
  }
  app.server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    connections.begin(socket)
    response.on('close', finish)
  })
  app.server.prependListener('upgrade', ({ socket }: IncomingMessage) => connections.upgrade(socket))
}, { name: 'connections', dependencies: ['settings', 'pipelining'] })
