/**
 * What happens on a connection outside of a request that could be routed: bytes that are not HTTP, headers that are
 * too long, bodies that do not arrive, requests without a host. All of it is answered with a problem as well.
 */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'
import { v7 } from 'uuid'
import { PROBLEMS, ProblemError, type ProblemCode } from '../errors.ts'
import { failArrivingBody } from './body.ts'
import { PROBLEM_MEDIA_TYPE, problemBody } from './problems.ts'

/** The latest answer of a connection, given or still to be given. */
const latestAnswer = Symbol('latestAnswer')

type Connection = Socket & { [latestAnswer]?: ServerResponse }

type ConnectionError = Error & { code?: string, reason?: string }

/** Node's codes; all others are bytes that are not HTTP. */
const CONNECTION_ERRORS = new Map<string | undefined, readonly [ProblemCode, string]>([
  ['ERR_HTTP_REQUEST_TIMEOUT', ['request_timeout', 'the request did not arrive in time']],
  ['HPE_HEADER_OVERFLOW', ['headers_too_large', 'the headers are longer than 16 KiB']],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', ['body_too_large', 'the chunk extensions are too long']],
  ['HPE_INVALID_EOF_STATE', ['incomplete_body', 'the connection ended before the request did']]
])

function asProblem({ code, reason }: ConnectionError): ProblemError {
  const [problem, detail] = CONNECTION_ERRORS.get(code) ?? ['bad_request', `this is not HTTP: ${reason ?? 'it cannot be parsed'}`]
  return new ProblemError(problem, detail, { connection: 'close' })
}

/** Writes a problem to a connection on which no request can be told apart any more, and ends it. */
function endWithProblem(socket: Socket, { code, message }: ProblemError, requestId: string): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status } = PROBLEMS[code]
  const body = problemBody(code, message, requestId)
  socket.write([
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    body
  ].join('\r\n'))
  socket.destroySoon()
}

export default fp(async (app) => {
  const { server, settings } = app

  app.addHook('onRequest', ({ raw }, reply, done) => {
    (raw.socket as Connection)[latestAnswer] = reply.raw
    // RFC 9112, section 3.2
    if (raw.headers.host === undefined && raw.httpVersion === '1.1') done(new ProblemError('bad_request', 'the host header is missing'))
    else done()
  })

  server.removeAllListeners('clientError')
  server.on('clientError', (error: ConnectionError, socket: Connection) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    const problem = asProblem(error)
    const answer = socket[latestAnswer]
    if (answer !== undefined && !answer.req.complete) {
      // A body for which nobody waits was refused long ago, and the client never ceased to send.
      if (!failArrivingBody(socket, problem)) socket.destroy()
      return
    }
    const end = () => {
      const id = v7()
      app.log.info({ request_id: id, code: problem.code, reason: error.code }, 'connection refused')
      endWithProblem(socket, problem, id)
    }
    // the answers to good requests ahead of the bad bytes go first
    if (answer !== undefined && !answer.writableFinished) answer.once('close', end)
    else end()
  })

  // A body that is announced as too large is not asked for.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (Number(request.headers['content-length']) > settings.MAX_BODY_BYTES) response.setHeader('connection', 'close')
    else response.writeContinue()
    server.emit('request', request, response)
  })

  // Other expectations may be ignored (RFC 9110, section 10.1.1).
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => server.emit('request', request, response))
}, { name: 'sockets', dependencies: ['settings'] })
