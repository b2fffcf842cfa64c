/**
 * What happens on a connection outside of a request that could be routed: bytes that are not HTTP/1, headers that are
 * too long, bodies that do not arrive, methods that are for proxies. All of it is answered with a problem as well.
 */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'
import { v7 } from 'uuid'
import { PROBLEMS, ProblemError, type ProblemCode } from '../errors.ts'
import { failArrivingBody } from './arriving-body.ts'
import { noteWaitingBody } from './continue.ts'
import { latestAnswer, whenAnswered, type Connection } from './connection.ts'
import { PROBLEM_MEDIA_TYPE, problemBody } from './problems.ts'
import { queueOf } from './request-queue.ts'

/** Most bytes of a request's line and headers: as many as 1,000 ids of users need in its query. */
export const MAX_HEADER_BYTES = 64 * 1024

type ConnectionError = Error & { code?: string, reason?: string, rawPacket?: Buffer }

const HTTP_VERSION = ['http_version_not_supported', 'speak HTTP/1.1 here'] as const

/** Node's codes; all others are bytes that are not HTTP. */
const CONNECTION_ERRORS = new Map<string | undefined, readonly [ProblemCode, string]>([
  ['ERR_HTTP_REQUEST_TIMEOUT', ['request_timeout', 'the request did not arrive in time']],
  ['HPE_HEADER_OVERFLOW', ['headers_too_large', `the line and the headers of a request may have at most ${MAX_HEADER_BYTES / 1024} KiB`]],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', ['body_too_large', 'the chunk extensions are too long']],
  ['HPE_INVALID_EOF_STATE', ['incomplete_body', 'the connection ended before the request did']],
  ['HPE_PAUSED_H2_UPGRADE', HTTP_VERSION] // an HTTP/2 client's preface (RFC 9113 section 3.4)
])

function asProblem({ code, reason }: ConnectionError): ProblemError {
  const [problem, detail] = reason === 'Invalid HTTP version' ? HTTP_VERSION : CONNECTION_ERRORS.get(code) ?? ['bad_request', `this is not HTTP: ${reason ?? 'it cannot be parsed'}`]
  return new ProblemError(problem, detail, { connection: 'close' })
}

/** Writes a problem to a connection on which no request can be told apart any more. */
function writeProblem(connection: Socket, basePath: string, { code, message }: ProblemError, requestId: string): void {
  const { status } = PROBLEMS[code]
  const body = problemBody(basePath, code, message, requestId)
  connection.write([
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    body
  ].join('\r\n'))
}

export default fp(async (app) => {
  const { server, lingering } = app

  /** Answers with a problem after all answers that are due, and closes the connection. */
  function endWithProblem(connection: Connection, problem: ProblemError, reason: string | undefined): void {
    queueOf(connection)?.detach()
    connection.on('error', () => {}) // a peer that has gone needs no answer
    whenAnswered(connection, () => {
      if (lingering.has(connection)) return
      if (!connection.writable) {
        connection.destroy()
        return
      }
      const id = v7()
      app.log.info({ request_id: id, code: problem.code, reason }, 'connection refused')
      app.rejections.addRequest(problem.code, {}) // nothing that was sent is known to be what it says [OPS-1]
      writeProblem(connection, app.settings.BASE_PATH, problem, id)
      lingering.add(connection)
    })
  }

  server.removeAllListeners('clientError')
  server.on('clientError', (error: ConnectionError, socket: Socket) => {
    const connection: Connection = socket
    if (error.code === 'ECONNRESET' || connection.destroyed) return
    const problem = asProblem(error)
    const answer = latestAnswer(connection)
    if (answer !== undefined && !answer.req.complete && queueOf(connection)?.dropLatest() !== true) {
      // A body for which nobody waits was refused long ago, and the client never ceased to send.
      if (failArrivingBody(connection, problem)) return
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') connection.destroy()
      else whenAnswered(connection, () => lingering.add(connection))
      return
    }
    endWithProblem(connection, problem, error.code)
  })

  server.on('connect', (_request: IncomingMessage, socket) => {
    endWithProblem(socket as Socket, new ProblemError('not_implemented', 'CONNECT is for proxies, and this is none'), 'CONNECT')
  })

  // A body is not asked for before somebody wants to read it.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    noteWaitingBody(request, response)
    server.emit('request', request, response)
  })

  // Other expectations may be ignored (RFC 9110 section 10.1.1).
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => server.emit('request', request, response))
}, { name: 'client-errors', dependencies: ['settings', 'headers', 'origins', 'problems', 'rejections', 'pipelining', 'lingering-close'] })
