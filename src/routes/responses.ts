/** How routes declare their answers: JSON by a named schema, problems by theirs. */
import type { TSchema } from '@sinclair/typebox'
import { Problem, ref } from '../../schemas/index.ts'

/** A JSON answer that follows a registered schema. */
export function json(schema: TSchema, description: string) {
  return { description, content: { 'application/json': { schema: ref(schema) } } }
}

/** A problem answer; `schema` where it carries more than a problem does. */
export function problem(description: string, schema: TSchema = Problem) {
  return { description, content: { 'application/problem+json': { schema: ref(schema) } } }
}

/** What any route may answer, in addition to its own. */
export const COMMON_PROBLEMS = {
  400: problem('The request is not valid.'),
  431: problem('The line and the headers of the request are too long.'),
  403: problem('The host is not one of this service.'),
  500: problem('The service failed; its log says more.'),
  503: problem('The service is stopping, or its storage cannot answer.')
}

/** What any route with a scope may answer, in addition to its own. */
export const GUARDED_PROBLEMS = {
  ...COMMON_PROBLEMS,
  401: problem('A key is needed, or the key is not known.'),
  403: problem('The key, the origin or the host is not allowed.')
}
