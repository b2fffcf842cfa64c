/**
 * One request at a time on a connection [LIMIT-1]: the next one is begun when the answer before it has left, and that
 * counts for an upgrade, too. What a peer sends ahead waits here as bytes, and the connection is not read from; so a
 * peer that sends and never reads holds up itself alone. Connections that send nothing ahead, nearly all, pay nothing.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import fp from 'fastify-plugin'
import { noteAnswer, whenAnswered, latestAnswer, type Connection } from './connection.ts'
import { ConnectionMemory } from './connection-memory.ts'
import { RequestQueue, queueOf } from './request-queue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What connections hold because their peers do not read. */
    connectionMemory: ConnectionMemory
  }
}

/** Bytes of unread answers and of requests sent ahead, of all connections together. */
export const CONNECTION_MEMORY_BYTES = 64 * 1024 * 1024

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export default fp(async (app) => {
  const { server } = app
  const memory = new ConnectionMemory(CONNECTION_MEMORY_BYTES, (connection) => {
    app.log.info({ remote_address: connection.remoteAddress }, 'connection ended: it did not read its answers')
  })
  app.decorate('connectionMemory', memory)

  /** Notes an answer of which something is still to be taken by the peer when the last of it has been handed over. */
  function noteUnread(this: ServerResponse): void {
    const { socket } = this
    if (socket === null || socket.writableLength === 0) return
    memory.hold(this, socket, socket.writableLength)
    this.once('close', () => memory.hold(this, socket, 0))
  }

  const [route] = server.listeners('request') as RequestListener[]
  server.off('request', route)
  server.on('request', (request, response) => {
    const connection: Connection = request.socket
    const before = noteAnswer(connection, response)
    response.on('prefinish', noteUnread)
    if (before === undefined || before.closed) route(request, response)
    else (queueOf(connection) ?? new RequestQueue(connection, route, memory)).add(request, response, before)
  })

  // Plugins that take upgrades have said so by then.
  app.addHook('onReady', async () => {
    const upgrade = server.listeners('upgrade') as UpgradeListener[]
    server.removeAllListeners('upgrade')
    server.on('upgrade', (request, socket, head) => {
      const connection = socket as Socket
      const rest = queueOf(connection)?.detach()
      if (rest !== undefined) connection.unshift(rest)
      const answer = latestAnswer(connection)
      if (answer !== undefined && !answer.closed) connection.on('error', () => {}) // `close` follows, and nobody is upgraded
      whenAnswered(connection, () => {
        for (const listener of upgrade) listener.call(server, request, socket, head)
        app.lingering.addRefused(connection)
      })
    })
  })
}, { name: 'pipelining', dependencies: ['settings'] })
