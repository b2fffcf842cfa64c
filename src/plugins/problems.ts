/**
 * Every error answer in one shape, RFC 9457 problem details, whoever found the error: a route, the core, a store,
 * Fastify or its router. What is not known is a 500 that says nothing and is logged once.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { InvalidCursorError, LostCursorError, StorageUnavailableError } from '../backends/backend.ts'
import { PROBLEMS, ProblemError, type ProblemCode } from '../errors.ts'
import { describeAnswer } from '../logger.ts'
import { senderOf } from './rejections.ts'

declare module 'fastify' {
  interface FastifyReply {
    /** The code of the problem that is answered, if it is one. */
    problem: ProblemCode | null
  }
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8'

/** Seconds after which a request that met no storage may be sent again. */
export const RETRY_AFTER = '1'

/** The body of a problem answer; its type is an address under the path that the service is served under. */
export function problemBody(basePath: string, code: ProblemCode, detail: string, requestId: string, fields?: object): string {
  const { status, title } = PROBLEMS[code]
  return JSON.stringify({ type: `${basePath}/problems/${code}`, title, status, code, detail, request_id: requestId, ...fields })
}

/** Answers with a problem; `fields` are further members of its body, such as a receipt's. */
export function sendProblem(reply: FastifyReply, error: ProblemError, fields?: object): FastifyReply {
  const { request } = reply
  const { id } = request
  reply.problem = error.code
  if (fields === undefined) request.server.rejections.addRequest(error.code, senderOf(request)) // of a receipt, its events are taken down
  return reply
    .code(error.statusCode)
    .headers({ ...error.headers, 'x-request-id': id, 'content-type': PROBLEM_MEDIA_TYPE })
    .send(problemBody(request.server.settings.BASE_PATH, error.code, error.message, id, fields))
}

/** Fastify's own refusals that have a code of ours. */
const FRAMEWORK_ERRORS = new Map<string, readonly [ProblemCode, string]>([
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', ['unsupported_media_type', 'send application/json, application/x-ndjson or text/plain, and say so in content-type']],
  ['FST_ERR_BAD_URL', ['bad_request', 'the address is not a valid URL']],
  ['FST_ERR_MAX_PARAM_LENGTH', ['not_found', 'there is nothing at this address']]
])

/** What a client is told about an error; undefined if that is nothing. */
function asProblem(error: FastifyError): ProblemError | undefined {
  if (error instanceof ProblemError) return error
  if (error instanceof InvalidCursorError) return new ProblemError('invalid_cursor', 'this is not a cursor that an answer of this service gave')
  if (error instanceof LostCursorError) return new ProblemError('cursor_lost', `${error.message}; start again from \`earliest\` or without a cursor`)
  if (error instanceof StorageUnavailableError) {
    return new ProblemError('storage_unavailable', 'nothing has changed; send the same request again', { 'retry-after': RETRY_AFTER })
  }
  if (error.validationContext !== undefined) return new ProblemError('invalid_query', error.message)
  const known = FRAMEWORK_ERRORS.get(error.code)
  if (known !== undefined) return new ProblemError(...known)
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) return new ProblemError('bad_request', 'the request is not valid')
  return undefined
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Fastify closes the connection after any error in a body; here only a problem that says so does, because a client
  // that is cut off while it sends may never see the answer. What was decided before (on `raw`) stays.
  if (error instanceof ProblemError && !reply.raw.hasHeader('connection') && reply.hasHeader('connection')) {
    reply.header('connection', reply.raw.shouldKeepAlive ? 'keep-alive' : 'close')
  }
  const problem = request.is404 && !(error instanceof ProblemError) ? notFound(request) : asProblem(error)
  if (problem !== undefined) return sendProblem(reply, problem)
  request.log.error({ err: error }, 'request failed')
  return sendProblem(reply, new ProblemError('internal_error', 'the service failed; its log says more under this request_id'))
}

/** Answers what the router itself refuses, before there is a route. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = asProblem(error) ?? new ProblemError('bad_request', 'the request is not valid')
  sendProblem(reply, problem)
  request.log.info(describeAnswer(request, reply), 'answered') // Fastify has no line for it
}

/** No route: 405 with the methods that there are, if there are any, else 404. */
function notFound(request: FastifyRequest): ProblemError {
  const { method, url, server } = request
  const allowed = methodsOf(server, url)
  if (allowed.length === 0 || allowed.includes(method)) return new ProblemError('not_found', 'there is nothing at this address')
  return new ProblemError('method_not_allowed', `this address takes ${allowed.join(', ')}, not ${method}`, { allow: allowed.join(', ') })
}

/** OPTIONS is left out: CORS answers it at every address, known or not. */
function methodsOf(app: FastifyInstance, url: string): string[] {
  const path = url.replace(/\/?(?:\?.*)?$/, '') || '/'
  return app.supportedMethods.filter((method) => method !== 'OPTIONS' && app.findRoute({ method, url: path }) !== null).sort()
}

export default fp(async (app) => {
  app.decorateReply('problem', null)
  app.setErrorHandler<FastifyError>(answerError)
  app.setNotFoundHandler((request, reply) => {
    // `OPTIONS *` asks about the service as a whole (RFC 9110 section 9.3.7).
    if (request.url === '*' && request.method === 'OPTIONS') return reply.code(204).header('allow', 'GET, HEAD, OPTIONS, POST').send()
    return sendProblem(reply, notFound(request))
  })
}, { name: 'problems', dependencies: ['settings', 'rejections'] })
