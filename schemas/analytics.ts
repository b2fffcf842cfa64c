/** The analytics contract: summaries, user counts and time series over sliding windows. */
import { Type, type Static } from '@sinclair/typebox'
import { EVENT_TYPES, type EventType, UserId } from './event.ts'
import { Count, Cursor, Instant, StringEnum } from './primitives.ts'

/** The windows that can be asked for, in minutes. */
export const WINDOW_MINUTES = { '1h': 60, '24h': 24 * 60, '7d': 7 * 24 * 60 } as const

/** The name of a window. */
export type TimeWindow = keyof typeof WINDOW_MINUTES

/** The names of all windows, shortest first. */
export const TIME_WINDOWS = Object.keys(WINDOW_MINUTES) as TimeWindow[]

export const TimeWindowName = StringEnum(TIME_WINDOWS as readonly TimeWindow[], { title: 'TimeWindow', description: 'How far back to look.' })

/** Most users that one answer lists. */
export const USERS_MAX_LIMIT = 1000

const bounds = {
  time_window: TimeWindowName,
  from: Instant,
  to: Instant
}

const EventsByType = Type.Object(
  Object.fromEntries(EVENT_TYPES.map((type) => [type, Count(`Events of type ${type}.`)])) as Record<EventType, ReturnType<typeof Count>>,
  { title: 'EventsByType', description: 'Every type, also those with no events.' }
)

export const Summary = Type.Object(
  {
    ...bounds,
    total_events: Count('Events with `from <= timestamp <= to`.'),
    exact: Type.Boolean({ description: 'False while ids are forgotten before their 8 days are over, so that a very late retry could count twice.' }),
    events_by_type: EventsByType,
    unique_users: Count('Different users among these events; exact.'),
    events_per_hour: Type.Array(
      Type.Object({ hour: Instant, count: Count('Events in this hour, within the window.') }, { title: 'HourCount' }),
      { description: 'Every UTC hour from that of `from` to that of `to`; the first and the last are partial.' }
    ),
    cursor: Cursor
  },
  { $id: 'Summary', title: 'Summary', description: 'How many, by whom and when, over one sliding window.' }
)

export type Summary = Static<typeof Summary>

export const UserCount = Type.Object(
  {
    user_id: Type.String(),
    total_events: Count('Events of this user in the window.'),
    last_seen: Type.Union([Instant, Type.Null()], { description: 'The latest timestamp of these events; null if there are none.' })
  },
  { $id: 'UserCount', title: 'UserCount' }
)

export type UserCount = Static<typeof UserCount>

export const UserCounts = Type.Object(
  { ...bounds, users: Type.Array(Type.Unsafe<UserCount>({ $ref: 'UserCount#' })) },
  { $id: 'UserCounts', title: 'UserCounts', description: 'Users with the most events first, ties by id; `from` is rounded down to the whole hour.' }
)

export type UserCounts = Static<typeof UserCounts>

export const INTERVALS = ['minute', 'hour'] as const

export type Interval = (typeof INTERVALS)[number]

export const IntervalName = StringEnum(INTERVALS, { title: 'Interval', description: 'The length of one step of the series.' })

export const TimeSeries = Type.Object(
  {
    ...bounds,
    interval: IntervalName,
    series: Type.Array(Type.Object(
      { start: Instant, total_events: Count('Events of this step, within the window.'), events_by_type: EventsByType },
      { title: 'TimeStep' }
    ))
  },
  { $id: 'TimeSeries', title: 'TimeSeries', description: 'Counts for every step of a window, zeros included.' }
)

export type TimeSeries = Static<typeof TimeSeries>

export const SummaryQuery = Type.Object(
  { window: Type.Optional(Type.Unsafe<TimeWindow>({ ...TimeWindowName, default: '24h', description: 'How far back to look; 24h unless it is given.' })) },
  { additionalProperties: false }
)

export const UsersQuery = Type.Object(
  {
    window: SummaryQuery.properties.window,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: USERS_MAX_LIMIT, default: 10, description: 'Most users to list.' })),
    user_id: Type.Optional(Type.Array(UserId, { maxItems: USERS_MAX_LIMIT, description: 'List just these users; repeatable.' }))
  },
  { additionalProperties: false }
)

export const TimeSeriesQuery = Type.Object(
  {
    window: SummaryQuery.properties.window,
    interval: Type.Optional(Type.Unsafe<Interval>({ ...IntervalName, default: 'hour', description: 'The length of one step of the series; an hour unless it is given.' }))
  },
  { additionalProperties: false }
)
