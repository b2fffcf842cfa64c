/** The contracts compiled, all of them together, as whoever holds an answer or a request against them would. */
import { Ajv, type ValidateFunction } from 'ajv'
import { HTTP_SCHEMAS, LIVE_SCHEMAS } from '../../schemas/index.ts'
import { isEventId, isUserId } from '../../src/ingest/event-validator.ts'
import { parseTimestamp } from '../../src/ingest/timestamp.ts'

const isInstant = (text: string): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(text) && !Number.isNaN(Date.parse(text))

const ajv = new Ajv({
  strict: true,
  allowUnionTypes: false,
  formats: {
    uuid: isEventId,
    'user-id': isUserId,
    'event-timestamp': (text: string) => !Number.isNaN(parseTimestamp(text)),
    'date-time': isInstant,
    'uri-reference': (text: string) => URL.canParse(text, 'http://localhost')
  }
})
for (const schema of [...HTTP_SCHEMAS, ...LIVE_SCHEMAS]) ajv.addSchema(schema)

/** The validator of a contract, by its `$id`. */
export function validatorOf(id: string): ValidateFunction {
  return ajv.getSchema(id)!
}

/** The validator of a schema that has no name. */
export function compile(schema: object): ValidateFunction {
  return ajv.compile(schema)
}
