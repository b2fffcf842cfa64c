/** The contract for reading events page by page, and the filters that every way of reading shares. */
import { Type, type Static } from '@sinclair/typebox'
import { Event, EventTypeName, EVENT_TYPES, UserId } from './event.ts'
import { After, Cursor, ref } from './primitives.ts'

/** Most events of one page. */
export const PAGE_MAX_LIMIT = 1000

/** Most users that one filter names. */
export const FILTER_MAX_USERS = 100

/** The filter fields, as query parameters of every way of reading. */
export const filterFields = {
  event_type: Type.Optional(Type.Array(EventTypeName, { maxItems: EVENT_TYPES.length, description: 'Only events of these types; repeatable.' })),
  user_id: Type.Optional(Type.Array(UserId, { maxItems: FILTER_MAX_USERS, description: 'Only events of these users; repeatable.' }))
}

export const EventPageQuery = Type.Object(
  {
    after: Type.Optional(After),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX_LIMIT, default: 100, description: 'Most events of the page.' })),
    ...filterFields
  },
  { additionalProperties: false }
)

export const EventPage = Type.Object(
  {
    events: Type.Array(ref(Event)),
    cursor: Cursor,
    has_more: Type.Boolean({ description: 'Whether more was retained after this page when it was made.' })
  },
  { $id: 'EventPage', title: 'EventPage', description: 'Retained events in order of arrival.' }
)

export type EventPage = Static<typeof EventPage>
