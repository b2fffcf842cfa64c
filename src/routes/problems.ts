/** `GET /problems/<code>`: what the `type` of a problem leads to, a few words on each code; `GET /problems` lists all. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import { ProblemKind, ProblemList, UNAVAILABLE_CODES, type RejectionCode, type UnavailableCode } from '../../schemas/index.ts'
import { PROBLEMS, ProblemError } from '../errors.ts'
import { COMMON_PROBLEMS, json, problem } from './responses.ts'

/** What the code of a single event says. */
const EVENT_CODES: Record<RejectionCode | UnavailableCode, string> = {
  invalid_json: 'This line of an NDJSON body is not valid JSON.',
  invalid_event: 'An event must be a JSON object.',
  missing_field: 'A required field is missing.',
  unknown_field: 'An event has no such field; further data belongs into `properties`.',
  invalid_event_id: 'The `event_id` must be a UUID in its 36-character text form, and neither nil nor max.',
  invalid_user_id: 'The `user_id` must have 1 to 256 code points, no control characters and no lone surrogates.',
  invalid_event_type: 'The `event_type` is not one of the known ones.',
  invalid_timestamp: 'The `timestamp` must be RFC 3339 with an offset, from 1970 on.',
  timestamp_in_future: 'The `timestamp` is more than 5 minutes ahead of the server; check the sender\'s clock.',
  invalid_properties: 'A typed key of `properties` has a value of another type.',
  number_not_finite: 'A number is too large to be kept.',
  forbidden_key: 'The key `__proto__` is not taken anywhere in an event.',
  nesting_too_deep: '`properties` may be nested at most 16 levels deep.',
  event_too_large: 'An event may have at most 32 KiB.',
  user_capacity: 'No more users can be known just now; send the event again later, with the same id.',
  storage_full: 'The storage is full; send the event again later, with the same id.',
  storage_unavailable: 'The storage cannot be reached; send the event again, with the same id.',
  clock_unsettled: 'The clock of the service has leapt, and whether the event is of this time is known within about a minute; send it again after `Retry-After`, with the same id.'
}

/** All codes, for the documentation. */
function listCodes(): string {
  const requests = Object.entries(PROBLEMS).map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`)
  const events = Object.entries(EVENT_CODES).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  return ['| code of a request | status | title |', '|---|---|---|', ...requests, '', '| code of an event | meaning |', '|---|---|', ...events].join('\n')
}

const schema = {
  operationId: 'getProblem',
  tags: ['operations'],
  summary: 'Look up a problem',
  description: `What a code means: of a whole request, of one event in a receipt, or both.\n\n${listCodes()}`,
  params: Type.Object({ code: Type.String({ description: 'The `code` of a problem, or of an entry of `errors`.', examples: ['cursor_lost'] }) }),
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    ...COMMON_PROBLEMS,
    200: json(ProblemKind, 'What the code means.'),
    400: problem('The query is not valid.'),
    404: problem('There is no such code.')
  }
}

const listSchema = {
  operationId: 'listProblems',
  tags: ['operations'],
  summary: 'List all problems',
  description: 'Every code of a request or an event, what it means, and whether the same may be sent again.',
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    ...COMMON_PROBLEMS,
    200: json(ProblemList, 'Every code.'),
    400: problem('The query is not valid.')
  }
}

/** Statuses after which the same request may be sent again. */
const RETRIED_STATUSES: ReadonlySet<number | undefined> = new Set([408, 429, 503])

/** The entry of a table, and nothing that it inherits. */
function entry<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}

/** What is known of a code; undefined where there is no such code. */
function kindOf(code: string): ProblemKind | undefined {
  const request = entry(PROBLEMS, code)
  const event = entry(EVENT_CODES, code)
  if (request === undefined && event === undefined) return undefined
  const retry = RETRIED_STATUSES.has(request?.status) || UNAVAILABLE_CODES.some((unavailable) => unavailable === code)
  return { code, ...request, event, retry }
}

const problems: FastifyPluginAsyncTypebox = async (app) => {
  const all = { problems: [...new Set([...Object.keys(PROBLEMS), ...Object.keys(EVENT_CODES)])].map((code) => kindOf(code)!) }
  app.get('/problems', { schema: listSchema }, async () => all)

  app.get('/problems/:code', { schema }, async ({ params: { code } }) => {
    const kind = kindOf(code)
    if (kind === undefined) throw new ProblemError('not_found', 'there is no problem of this code')
    return kind
  })
}

export default fp(problems, { name: 'problems-routes', encapsulate: true, dependencies: ['docs'] })
