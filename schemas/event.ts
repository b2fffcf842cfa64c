/**
 * The event contract: what a sender may say about one thing a user did. The types of events are listed here and
 * nowhere else; windows, summaries, documentation and clients all follow this list.
 */
import { Type, type Static } from '@sinclair/typebox'
import { StringEnum, Uuid } from './primitives.ts'

/** Every type of event, in the order in which summaries list them. */
export const EVENT_TYPES = ['page_view', 'click', 'purchase', 'signup'] as const

/** One of the known types of event. */
export type EventType = (typeof EVENT_TYPES)[number]

/** Largest event, in bytes as sent. */
export const EVENT_MAX_BYTES = 32 * 1024

/** Deepest nesting of `properties`, in levels, `properties` itself being the first. */
export const PROPERTIES_MAX_DEPTH = 16

/** Longest user id, in code points. */
export const USER_ID_MAX_LENGTH = 256

export const EventTypeName = StringEnum(EVENT_TYPES, { title: 'EventType', description: 'What the user did.' })

export const UserId = Type.String({
  minLength: 1,
  maxLength: USER_ID_MAX_LENGTH,
  format: 'user-id',
  description: 'Who did it: 1 to 256 code points, no control characters, no lone surrogates.',
  examples: ['user-42']
})

export const Properties = Type.Object(
  {
    page: Type.Optional(Type.String({ description: 'The page on which it happened.' })),
    amount: Type.Optional(Type.Number({ minimum: 0, description: 'The amount of a purchase, in the currency you use.' })),
    product_id: Type.Optional(Type.String({ description: 'The product that it is about.' }))
  },
  {
    title: 'EventProperties',
    additionalProperties: true,
    description: 'Three typed keys and any others; further keys may hold any JSON, at most 16 levels deep.'
  }
)

export const Event = Type.Object(
  {
    event_id: Uuid,
    user_id: UserId,
    event_type: EventTypeName,
    timestamp: Type.String({
      format: 'event-timestamp',
      description: 'When it happened: RFC 3339 with an offset, from 1970 on, at most 5 minutes ahead of the server. Emitted in UTC with milliseconds.',
      examples: ['2026-11-23T14:05:09.120Z']
    }),
    properties: Type.Optional(Properties)
  },
  {
    $id: 'Event',
    title: 'Event',
    additionalProperties: false,
    description: 'One thing that one user did. An `event_id` counts once, however often it is sent.'
  }
)

export type Event = Static<typeof Event>

export const EventBatch = Type.Array(Type.Unsafe<Event>({ $ref: 'Event#' }), {
  $id: 'EventBatch',
  title: 'EventBatch',
  minItems: 1,
  description: 'Any number of events up to the limit; one bad event never spoils its neighbours. A single event may also be sent without the array around it.'
})
