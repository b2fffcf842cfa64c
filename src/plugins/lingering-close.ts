/**
 * Closes a connection in stages (RFC 9112 section 9.6) where its peer may still be sending: half of it at once, then all
 * that comes is read and dropped for a while, then the rest. Closed at once, the peer's system would throw the answer
 * away unread, and the peer would see a broken connection instead. [ING-5]
 */
import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import fp from 'fastify-plugin'
import { latestAnswer, type Connection } from './connection.ts'
import { queueOf } from './request-queue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lingering: LingeringConnections
  }
}

/** Milliseconds that a closing connection may take. */
export interface LingerTimes {
  /** In all. */
  total: number
  /** Without a byte. */
  silence: number
}

export const LINGER_TIMES: LingerTimes = { total: 30_000, silence: 5_000 }

/** Most connections that are closing at a time; the oldest ends for a new one. */
export const LINGERING_MAX = 1_000

/** Bytes of chunk sizes and the like around a body that is as large as one may be. */
export const FRAMING_BYTES = 64 * 1024

/** Connections of which one half is closed. */
export class LingeringConnections {
  readonly #maxBytes: number
  readonly #times: LingerTimes
  /** The oldest first. */
  readonly #connections = new Set<Socket>()

  /** @param maxBytes most that is read and dropped of one connection, beside what frames it */
  constructor(maxBytes: number, times: LingerTimes) {
    this.#maxBytes = maxBytes
    this.#times = times
  }

  get size(): number {
    return this.#connections.size
  }

  has(connection: Socket): boolean {
    return this.#connections.has(connection)
  }

  /** Closes a connection in stages; what was written to it goes first. */
  add(connection: Socket): void {
    if (this.#connections.has(connection) || connection.destroyed) return
    if (this.#connections.size >= LINGERING_MAX) {
      const [oldest] = this.#connections
      this.#connections.delete(oldest)
      oldest.destroy()
    }
    this.#connections.add(connection)
    queueOf(connection)?.detach()
    connection.removeAllListeners('data')
    let dropped = 0
    connection.on('data', (chunk: Buffer) => {
      dropped += chunk.length
      if (dropped > this.#maxBytes + FRAMING_BYTES) connection.destroy()
    })
    connection.on('error', () => {}) // the peer has gone; `close` follows
    connection.once('end', () => connection.destroy())
    connection.setTimeout(this.#times.silence, () => connection.destroy())
    const deadline = setTimeout(() => connection.destroy(), this.#times.total).unref()
    connection.once('close', () => {
      clearTimeout(deadline)
      this.#connections.delete(connection)
    })
    connection.end()
    connection.resume()
  }

  /**
   * Closes a connection in stages once its handshake is answered, which only a refusal is: nobody reads from it any more.
   * The answer is the one that Node has assigned to the connection; for an upgrade nothing public tells it.
   */
  addRefused(connection: Socket & { _httpMessage?: ServerResponse | null }): void {
    connection._httpMessage?.once('finish', () => this.add(connection))
  }

  /** Ends all of them at once. */
  destroy(): void {
    for (const connection of this.#connections) connection.destroy()
  }
}

/** Whether bytes of the peer may be on their way that nobody will read. */
function mayBeSending(connection: Connection): boolean {
  const answer = latestAnswer(connection)
  return (answer !== undefined && !answer.req.complete) || queueOf(connection)?.hasMore === true
}

export default fp<{ lingerTimes?: Partial<LingerTimes> }>(async (app, { lingerTimes }) => {
  const lingering = new LingeringConnections(app.settings.MAX_BODY_BYTES, { ...LINGER_TIMES, ...lingerTimes })
  app.decorate('lingering', lingering)

  // Node ends a connection with `destroySoon` after its last answer.
  app.server.on('connection', (connection: Socket) => {
    connection.destroySoon = () => {
      if (mayBeSending(connection)) lingering.add(connection)
      else Socket.prototype.destroySoon.call(connection)
    }
  })
}, { name: 'lingering-close', dependencies: ['settings', 'pipelining'] })
