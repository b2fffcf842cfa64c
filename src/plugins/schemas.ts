/**
 * Registers the contracts by name and says how requests are checked against them: query strings strictly and with
 * coercion from text; bodies not at all, because the core judges them event by event. Answers are written by their schemas.
 */
import type { TObject, TSchema } from '@sinclair/typebox'
import { Ajv, type ErrorObject } from 'ajv'
import fastJsonStringify from 'fast-json-stringify'
import type { FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'
import { findNotDecimal, HTTP_SCHEMAS, OWN_SCHEMAS } from '../../schemas/index.ts'
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

/**
 * Compiles a schema once, however many routes and statuses have it: a hundred answers are problems of one schema, and
 * compiling each took most of the time from the start to the first answer.
 */
function compiledOnce<T>(compile: (schema: TSchema) => T): (schema: TSchema) => T {
  const compiled = new Map<string, T>()
  return (schema) => {
    const text = JSON.stringify(schema)
    let result = compiled.get(text)
    if (result === undefined) compiled.set(text, result = compile(schema))
    return result
  }
}

// Without strictNumbers a bound also holds for Infinity.
const ajv = new Ajv({ ...OWN_SCHEMAS, coerceTypes: 'array', useDefaults: true, strictNumbers: false, verbose: true, formats: { 'user-id': isUserId } })
const validatorOf = compiledOnce((schema) => ajv.compile(schema))

const named = Object.fromEntries(HTTP_SCHEMAS.map((schema) => [schema.$id, schema]))
const serializerOf = compiledOnce((schema) => fastJsonStringify(schema, { schema: named }))

export default fp(async (app) => {
  for (const schema of HTTP_SCHEMAS) app.addSchema(schema)

  app.setValidatorCompiler<TObject>(({ schema, httpPart }) => {
    if (httpPart === 'body') return () => true
    const validate = validatorOf(schema)
    if (httpPart !== 'querystring') return validate
    return (query) => {
      const [name] = findNotDecimal(schema, query)
      if (name !== undefined) return { error: new Error(`\`${name}\` must be a whole number in plain decimal digits`) }
      return validate(query) ? { value: query } : { error: validate.errors as FastifySchemaValidationError[] }
    }
  })
  // Compiled with the first answer: most schemas are of answers that are rare.
  app.setSerializerCompiler<TSchema>(({ schema }) => {
    let serialize: ((answer: unknown) => string) | undefined
    return (answer) => (serialize ??= serializerOf(schema))(answer)
  })
  app.setSchemaErrorFormatter((errors) => new Error(describe(errors[0] as ErrorObject)))

  // No route takes a body but those that say how they read it.
  app.removeAllContentTypeParsers()
}, { name: 'schemas' })
