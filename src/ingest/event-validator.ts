/**
 * The slow path's judgement of one event: what the contract's schema says, compiled once by Ajv, and the few rules that
 * JSON Schema cannot say. It defines what is valid; whatever is faster must agree with it.
 */
import { Ajv, type ErrorObject } from 'ajv'
import { MAX as MAX_UUID, NIL as NIL_UUID, validate as isUuid } from 'uuid'
import { Event, EVENT_TYPES, OWN_SCHEMAS, PROPERTIES_MAX_DEPTH, USER_ID_MAX_LENGTH, type RejectionCode } from '../../schemas/index.ts'
import { parseTimestamp } from './timestamp.ts'

/** Why an event is not valid. */
export interface Violation {
  code: RejectionCode
  /** JSON Pointer (RFC 6901) within the event. */
  pointer: string
  detail: string
}

/** Whether a text is an event id: a UUID other than nil and max. */
export function isEventId(text: string): boolean {
  return isUuid(text) && text !== NIL_UUID && text.toLowerCase() !== MAX_UUID
}

/** Whether a text can be a user id, apart from its length: no control characters, no lone surrogates. */
export function isUserId(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text)
}

const ajv = new Ajv({
  ...OWN_SCHEMAS,
  code: { optimize: true }, // it runs for each event of the slow path
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  formats: {
    uuid: isEventId,
    'user-id': isUserId,
    'event-timestamp': (text: string) => !Number.isNaN(parseTimestamp(text))
  }
})

const validateSchema = ajv.compile<Event>(Event)

/** What a field must be, by its name; shown to whoever sent something else. */
const FIELD_RULES: Record<string, { code: RejectionCode, detail: string }> = {
  event_id: { code: 'invalid_event_id', detail: 'event_id must be a UUID in its 36-character text form, not nil or max' },
  user_id: { code: 'invalid_user_id', detail: `user_id must be a string of 1 to ${USER_ID_MAX_LENGTH} code points without control characters or lone surrogates` },
  event_type: { code: 'invalid_event_type', detail: `event_type must be one of ${EVENT_TYPES.join(', ')}` },
  timestamp: { code: 'invalid_timestamp', detail: 'timestamp must be an RFC 3339 date and time with an offset, from 1970 on, such as 2026-11-23T14:05:09.120Z' }
}

/** What a UUID looks like whatever its version and variant are. */
const UUID_FORM = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What is told of an event id that looks like a UUID and is none of RFC 9562; undefined for any other. */
function idHint(id: unknown): string | undefined {
  if (typeof id !== 'string' || !UUID_FORM.test(id) || id === NIL_UUID || id.toLowerCase() === MAX_UUID) return undefined
  return 'event_id has the form of a UUID, but its version (the 13th digit, 1 to 8) or its variant (the 17th digit, 8 to b) is none of RFC 9562; ' +
    'make ids of your own with UUID version 5, which is a hash of any name'
}

/** Why a parsed value is not an event, or undefined. Its `properties` may be as deep as the reader allows. */
export function violationOf(value: unknown): Violation | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { code: 'invalid_event', pointer: '', detail: 'an event must be a JSON object' }
  }
  const unsafe = findUnsafe(value, '', 0)
  if (unsafe !== undefined) return unsafe
  return validateSchema(value) ? undefined : describe(validateSchema.errors![0], value)
}

function describe(error: ErrorObject, event: { event_id?: unknown }): Violation {
  if (error.keyword === 'required') {
    const field = error.params.missingProperty as string
    return { code: 'missing_field', pointer: `/${field}`, detail: `${field} is missing` }
  }
  if (error.keyword === 'additionalProperties') {
    const field = error.params.additionalProperty as string
    return { code: 'unknown_field', pointer: `/${escapePointer(field)}`, detail: 'an event has no such field; put it into properties' }
  }
  const rule = FIELD_RULES[error.instancePath.split('/')[1]]
  const hint = error.instancePath === '/event_id' ? idHint(event.event_id) : undefined
  if (rule !== undefined) return { code: rule.code, pointer: error.instancePath, detail: hint ?? rule.detail }
  return { code: 'invalid_properties', pointer: error.instancePath, detail: `${error.instancePath.slice(1).replace('/', '.')} ${error.message}` }
}

/** A key named `__proto__`, a number that is not finite, or nesting that is too deep, anywhere in an event. */
function findUnsafe(value: object, pointer: string, depth: number): Violation | undefined {
  if (depth > PROPERTIES_MAX_DEPTH) {
    return { code: 'nesting_too_deep', pointer, detail: `properties may be nested at most ${PROPERTIES_MAX_DEPTH} levels deep` }
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') return { code: 'forbidden_key', pointer: `${pointer}/__proto__`, detail: '__proto__ cannot be a key' }
    if (typeof member === 'number' && !Number.isFinite(member)) {
      return { code: 'number_not_finite', pointer: `${pointer}/${escapePointer(key)}`, detail: 'a number is too large to be read exactly enough' }
    }
    if (typeof member === 'object' && member !== null) {
      const found = findUnsafe(member, `${pointer}/${escapePointer(key)}`, depth + 1)
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** One reference token of a JSON Pointer (RFC 6901 section 3). */
function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
