/** The contract of the health answers. */
import { Type, type Static } from '@sinclair/typebox'
import { Count, Instant, StringEnum } from './primitives.ts'

/** How a store's time and the wall clock stand to each other. [TIME-4] */
export const StoreClock = Type.Object(
  {
    difference_seconds: Type.Integer({ description: 'What the wall clock is ahead of the time that events are counted by; negative if it is behind.' }),
    unsettled_seconds: Count('Seconds until a leap of the wall clock will be believed if it stays; 0 while there is none.'),
    right: Type.Boolean({ description: 'False while the difference is more than a minute.' }),
    detail: Type.Union([Type.String(), Type.Null()], { description: 'What that means and what mends it; null while it is right.' })
  },
  { $id: 'StoreClock', title: 'StoreClock' }
)

export type StoreClock = Static<typeof StoreClock>

/** What a store says of itself. */
export const StoreHealth = Type.Object(
  {
    kind: StringEnum(['memory', 'journal', 'redis'] as const, { title: 'StoreKind', description: 'Which store this is.' }),
    ids: Count('Event ids remembered.'),
    id_capacity: Count('Most event ids that can be remembered.'),
    dedup_horizon_seconds: Count('For how long an id is remembered at the least, as things stand.'),
    exact: Type.Boolean({ description: 'False while that horizon is under 8 days.' }),
    users: Count('Users known.'),
    user_capacity: Count('Most users that can be known.'),
    log_bytes: Count('Bytes that the event log holds.'),
    log_capacity_bytes: Count('Most bytes that the event log may hold.'),
    events_retained: Count('Events in the log.'),
    oldest_retained: Type.Union([Instant, Type.Null()], { description: 'When the oldest event in the log arrived; null if it is empty.' }),
    clock: Type.Optional(Type.Unsafe<StoreClock>({ $ref: 'StoreClock#' }))
  },
  { $id: 'StoreHealth', title: 'StoreHealth' }
)

export type StoreHealth = Static<typeof StoreHealth>

export const Health = Type.Object(
  {
    status: StringEnum(['ok', 'degraded'] as const, { title: 'HealthStatus', description: '`degraded` while counts are not exact, or the clock is not right.' }),
    version: Type.String(),
    uptime_seconds: Count('Whole seconds since the process started.'),
    subscribers: Count('Open live connections.'),
    store: Type.Unsafe<StoreHealth>({ $ref: 'StoreHealth#' })
  },
  { $id: 'Health', title: 'Health' }
)

export type Health = Static<typeof Health>

export const Liveness = Type.Object({ status: StringEnum(['ok'] as const, { title: 'LivenessStatus' }) }, { $id: 'Liveness', title: 'Liveness' })
