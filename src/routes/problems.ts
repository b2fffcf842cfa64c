/** `GET /problems/<code>`: what the `type` of a problem leads to, a few words on each code; `GET /problems` lists all. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import { ProblemKind, ProblemList, REJECTION_CODES, UNAVAILABLE_CODES } from '../../schemas/index.ts'
import { PROBLEMS, ProblemError, type ProblemCode } from '../errors.ts'
import { eventExampleOf, eventMeaningOf, exampleOf, meaningOf } from '../problem-guide.ts'
import { COMMON_PROBLEMS, json, problem } from './responses.ts'

const EVENT_CODES = [...REJECTION_CODES, ...UNAVAILABLE_CODES]

/** All codes, for the documentation. */
function listCodes(): string {
  const requests = Object.entries(PROBLEMS).map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`)
  const events = EVENT_CODES.map((code) => `| \`${code}\` | ${eventMeaningOf(code)} |`)
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
  description: 'Every code of a request or an event, what it means, whether the same may be sent again, and an example.',
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    ...COMMON_PROBLEMS,
    200: json(ProblemList, 'Every code.'),
    400: problem('The query is not valid.')
  }
}

/** Statuses after which the same request may be sent again. */
const RETRIED_STATUSES: ReadonlySet<number | undefined> = new Set([408, 429, 503])

/** What is known of a code, with an example as it is answered under a base path; undefined where there is no such code. */
function kindOf(code: string, basePath: string): ProblemKind | undefined {
  const request = Object.hasOwn(PROBLEMS, code) ? code as ProblemCode : undefined
  const event = EVENT_CODES.find((known) => known === code)
  if (request === undefined && event === undefined) return undefined
  const { status, title }: { status?: number, title?: string } = request === undefined ? {} : PROBLEMS[request]
  return {
    code,
    title,
    status,
    meaning: request && meaningOf(request),
    event: event && eventMeaningOf(event),
    retry: RETRIED_STATUSES.has(status) || UNAVAILABLE_CODES.some((unavailable) => unavailable === code),
    example: request && { ...exampleOf(request), type: `${basePath}/problems/${request}` },
    event_example: event && eventExampleOf(event)
  }
}

const problems: FastifyPluginAsyncTypebox = async (app) => {
  const { BASE_PATH: basePath } = app.settings
  const all = { problems: [...new Set([...Object.keys(PROBLEMS), ...EVENT_CODES])].map((code) => kindOf(code, basePath)!) }
  app.get('/problems', { schema: listSchema }, async () => all)

  app.get('/problems/:code', { schema }, async ({ params: { code } }) => {
    const kind = kindOf(code, basePath)
    if (kind === undefined) throw new ProblemError('not_found', 'there is no problem of this code')
    return kind
  })
}

export default fp(problems, { name: 'problems-routes', encapsulate: true, dependencies: ['docs'] })
