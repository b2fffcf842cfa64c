/**
 * The small building blocks that every contract shares: closed string sets, references to named schemas, and the
 * formats of ids, instants and cursors. Nothing here knows what an event is.
 */
import { Type, type Static, type TObject, type TSchema, type TUnsafe } from '@sinclair/typebox'

/** A closed set of strings: one clear message from the validator, a true enum in every generated client. */
export function StringEnum<const T extends readonly string[]>(values: T, options: object = {}): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({ type: 'string', enum: values, ...options })
}

/** A reference to a schema that is registered by its `$id`; the type is that of the schema itself. */
export function ref<T extends TSchema>(schema: T): TUnsafe<Static<T>> {
  if (schema.$id === undefined) throw new TypeError('only a schema with an $id can be referenced')
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` })
}

/** Decimal digits and nothing else, so that no reader takes one number for another. */
const PLAIN_DECIMAL = /^(?:0|-?[1-9][0-9]*)$/

/** Names of the whole numbers among these texts, of a query string or of settings, that are not written in plain decimal. */
export function findNotDecimal({ properties }: TObject, texts: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(texts).filter((name) => {
    const text = texts[name]
    return properties[name]?.type === 'integer' && typeof text === 'string' && !PLAIN_DECIMAL.test(text)
  })
}

/** A UUID in its 36-character text form; answers always carry it in lower case. */
export const Uuid = Type.String({
  format: 'uuid',
  description: 'A UUID in its 36-character text form, read in any case, emitted in lower case; nil and max are not ids.'
})

/** An instant as every answer writes it: RFC 3339 in UTC. */
export const Instant = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })

/** A count of things: a whole number, never negative. */
export function Count(description: string): ReturnType<typeof Type.Integer> {
  return Type.Integer({ minimum: 0, description })
}

/** Longest cursor that is ever made or read, in characters. */
export const CURSOR_MAX_LENGTH = 512

/** A position in the order of arrival of all events, as an answer gives it. */
export const Cursor = Type.String({
  maxLength: CURSOR_MAX_LENGTH,
  description: 'An opaque text: the history that it belongs to, and a position in its order of arrival.'
})

/** A position to read on from, as a request gives it. */
export const After = Type.String({
  minLength: 1,
  maxLength: CURSOR_MAX_LENGTH,
  description: 'Read what came after this cursor; `earliest` stands for the oldest retained event.'
})

/** Most characters of a key. */
export const KEY_MAX_LENGTH = 512

/** A key in a query string, where a browser cannot send headers (sendBeacon, EventSource, WebSocket). */
export const KeyParameter = Type.Optional(Type.String({
  maxLength: KEY_MAX_LENGTH,
  description: 'A key, for senders that cannot set `Authorization: Bearer`.'
}))
