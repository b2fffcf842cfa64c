/**
 * The receipt: what became of each event of one request. HTTP answers, 422 and 503 problems and WebSocket acks all
 * carry these same fields, so that a producer needs one piece of code to read them.
 */
import { Type, type Static } from '@sinclair/typebox'
import { Count, Cursor, KeyParameter, StringEnum, ref } from './primitives.ts'

/** Why one event was rejected: sending it again unchanged would be rejected again. */
export const REJECTION_CODES = [
  'invalid_json', 'invalid_event', 'missing_field', 'unknown_field', 'invalid_event_id', 'invalid_user_id',
  'invalid_event_type', 'invalid_timestamp', 'timestamp_in_future', 'invalid_properties', 'number_not_finite',
  'forbidden_key', 'nesting_too_deep', 'event_too_large'
] as const

/** Why one event could not be accepted now: it may be sent again, with the same id. */
export const UNAVAILABLE_CODES = ['user_capacity', 'storage_full', 'storage_unavailable', 'clock_unsettled'] as const

export type RejectionCode = (typeof REJECTION_CODES)[number]
export type UnavailableCode = (typeof UNAVAILABLE_CODES)[number]

export const EventError = Type.Object(
  {
    index: Count('The place of the event in the request, from 0; of an NDJSON body, counted without blank lines.'),
    event_id: Type.Optional(Type.String({ description: 'The id of the event, in lower case, where it had a valid one.' })),
    code: StringEnum([...REJECTION_CODES, ...UNAVAILABLE_CODES], { title: 'EventErrorCode', description: 'What was wrong, for programs; more codes may come.' }),
    pointer: Type.String({ description: 'JSON Pointer (RFC 6901) to the field within the event; empty for the whole event.' }),
    detail: Type.String({ description: 'What was wrong, for people.' })
  },
  { $id: 'EventError', title: 'EventError', description: 'Why one event was not accepted.' }
)

export type EventError = Static<typeof EventError>

/** The fields of a receipt, to be spread where another schema carries them as well. */
export const receiptFields = {
  accepted: Count('Events accepted and counted now.'),
  duplicates: Count('Events whose id was known already; a success that changed nothing.'),
  rejected: Count('Events that break the contract; do not send them again unchanged.'),
  unavailable: Count('Events that could not be accepted now; send them again with the same id.'),
  late: Count('Of the accepted ones, those too old for any window to count.'),
  cursor: Cursor,
  errors: Type.Array(ref(EventError), { description: 'One entry for each rejected or unavailable event, by index.' })
}

export const Receipt = Type.Object(receiptFields, {
  $id: 'Receipt',
  title: 'Receipt',
  description: 'What became of every event: accepted + duplicates + rejected + unavailable is the number sent.'
})

export type Receipt = Static<typeof Receipt>

export const IngestQuery = Type.Object(
  {
    validate_only: Type.Optional(Type.Boolean({ default: false, description: 'Judge the events and answer with the same receipt, but change nothing.' })),
    key: KeyParameter
  },
  { additionalProperties: false }
)
