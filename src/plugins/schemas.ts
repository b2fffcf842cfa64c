/**
 * Registers the contracts by name and says how requests are checked against them: query strings strictly and with
 * coercion from text; bodies not at all, because the core judges them event by event.
 */
import type { TObject } from '@sinclair/typebox'
import { Ajv, type ErrorObject } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'
import { findNotDecimal, HTTP_SCHEMAS } from '../../schemas/index.ts'
import { isUserId } from '../ingest/event-validator.ts'

/** Longest piece of a client's own text that an error message repeats. */
const ECHO_MAX_LENGTH = 64

/** What was wrong with a query string, for people. */
function describe({ keyword, params, instancePath, message, parentSchema }: ErrorObject): string {
  const name = instancePath.split('/')[1]
  if (keyword === 'additionalProperties') {
    const known = Object.keys(parentSchema?.properties ?? {})
    const unknown = String(params.additionalProperty).slice(0, ECHO_MAX_LENGTH)
    return `unknown query parameter \`${unknown}\`; known are ${known.join(', ') || 'none'}`
  }
  if (keyword === 'enum') return `\`${name}\` must be one of ${params.allowedValues.join(', ')}`
  if (keyword === 'format') return `\`${name}\` is not valid: ${parentSchema?.description}`
  return `\`${name}\` ${message}`
}

export default fp(async (app) => {
  for (const schema of HTTP_SCHEMAS) app.addSchema(schema)

  // Without strictNumbers a bound also holds for Infinity.
  const ajv = new Ajv({ coerceTypes: 'array', useDefaults: true, strictNumbers: false, verbose: true, formats: { 'user-id': isUserId } })
  app.setValidatorCompiler<TObject>(({ schema, httpPart }) => {
    if (httpPart === 'body') return () => true
    const validate = ajv.compile(schema)
    if (httpPart !== 'querystring') return validate
    return (query) => {
      const [name] = findNotDecimal(schema, query)
      if (name !== undefined) return { error: new Error(`\`${name}\` must be a whole number in plain decimal digits`) }
      return validate(query) ? { value: query } : { error: validate.errors as FastifySchemaValidationError[] }
    }
  })
  app.setSchemaErrorFormatter((errors) => new Error(describe(errors[0] as ErrorObject)))

  // No route takes a body but those that say how they read it.
  app.removeAllContentTypeParsers()
}, { name: 'schemas' })
