/**
 * One worked example of each contract, by the name of its schema: the documents of HTTP and of the live connection show
 * them, and a test holds each to its schema. They tell one small story: a visitor signs up, looks around and buys.
 */
import type { Static } from '@sinclair/typebox'
import type { Summary, TimeSeries, UserCount, UserCounts } from './analytics.ts'
import { EVENT_TYPES, type Event, type EventType } from './event.ts'
import type { Health, Liveness, StoreClock, StoreHealth } from './health.ts'
import type {
  AckFrame, ErrorFrame, EventsFrame, GapFrame, PingFrame, PongFrame, PublishFrame, SubscribedFrame, SubscribeFrame, SummaryFrame, UnsubscribeFrame,
  UnwatchedFrame, UnwatchFrame, WatchFrame, WatchingFrame, WelcomeFrame
} from './live.ts'
import type { EventPage } from './page.ts'
import type { Problem, ProblemKind, ProblemList, ReceiptProblem, UnavailableProblem } from './problem.ts'
import type { EventError, Receipt } from './receipt.ts'
import type { Rejection, RejectionList } from './rejection.ts'

/** The moment at which the examples of the committed documents happen. */
const EXAMPLE_TIME = '2026-11-23T14:05:09.120Z'

const EXAMPLE_IDS = [
  '019ab10e-3a80-7c5d-9f6a-2b1d4c8e7f01',
  '019ab10e-3e68-7b21-8d4c-5e9f0a1b2c02',
  '019ab10e-4250-7aa4-b3f1-7c6d5e4f3a03',
  '019ab10e-4638-7f90-a1b2-c3d4e5f60704'
]

const cursor = '14e2db07cf42.1t'
const earlierCursor = '14e2db07cf42.1p'
const requestId = '019ab10e-4a20-7d3e-8c5b-1f2e3d4c5b05'

/**
 * One short visit, oldest event first.
 * @param ids at least four
 */
function visit(time: string, ids: readonly string[]): Event[] {
  const user = 'user-42'
  const button = { page: '/products/lamp', button: 'buy' } // a key of one's own beside a typed one
  return [
    { event_id: ids[0], user_id: user, event_type: 'signup', timestamp: time, properties: { page: '/welcome' } },
    { event_id: ids[1], user_id: user, event_type: 'page_view', timestamp: time, properties: { page: '/products/lamp' } },
    { event_id: ids[2], user_id: user, event_type: 'click', timestamp: time, properties: button },
    { event_id: ids[3], user_id: user, event_type: 'purchase', timestamp: time, properties: { product_id: 'lamp-7', amount: 39.9 } }
  ]
}

const events = visit(EXAMPLE_TIME, EXAMPLE_IDS)

const eventError: EventError = {
  index: 2,
  event_id: EXAMPLE_IDS[2],
  code: 'invalid_timestamp',
  pointer: '/timestamp',
  detail: 'timestamp must be an RFC 3339 date and time with an offset, from 1970 on, such as 2026-11-23T14:05:09.120Z'
}

const nothingTaken = { accepted: 0, duplicates: 0, rejected: 1, unavailable: 0, late: 0, cursor, errors: [{ ...eventError, index: 0 }] }

const receipt: Receipt = { accepted: 4, duplicates: 0, rejected: 0, unavailable: 0, late: 0, cursor, errors: [] }

/** A receipt of which one event was rejected. */
export const MIXED_RECEIPT: Receipt = { accepted: 2, duplicates: 1, rejected: 1, unavailable: 0, late: 0, cursor, errors: [eventError] }

/** A receipt of which nothing could be accepted. */
const unavailableReceipt: Receipt = {
  ...receipt,
  accepted: 0,
  unavailable: 1,
  errors: [{
    index: 0,
    event_id: EXAMPLE_IDS[2],
    code: 'user_capacity',
    pointer: '',
    detail: 'no more users can be known just now; send the event again later, with the same id'
  }]
}

const window = { time_window: '1h', from: '2026-11-23T13:05:00.000Z', to: EXAMPLE_TIME } as const

/** Counts of every type; those that are not told of are 0, so that a new type needs no change here. */
function byType(counts: Partial<Record<EventType, number>>): Record<EventType, number> {
  return Object.fromEntries(EVENT_TYPES.map((type) => [type, counts[type] ?? 0])) as Record<EventType, number>
}

const summary: Summary = {
  ...window,
  total_events: 12,
  exact: true,
  events_by_type: byType({ page_view: 5, click: 4, purchase: 2, signup: 1 }),
  unique_users: 3,
  events_per_hour: [{ hour: '2026-11-23T13:00:00Z', count: 8 }, { hour: '2026-11-23T14:00:00Z', count: 4 }],
  cursor
}

const userCount: UserCount = { user_id: 'user-42', total_events: 9, last_seen: EXAMPLE_TIME }

const storeClock: StoreClock = { difference_seconds: 0, unsettled_seconds: 0, right: true, detail: null }

const store: StoreHealth = {
  kind: 'memory',
  ids: 12,
  id_capacity: 20_000_000,
  dedup_horizon_seconds: 8 * 24 * 3600,
  exact: true,
  users: 3,
  user_capacity: 5_000_000,
  log_bytes: 1_050_240,
  log_capacity_bytes: 268_435_456,
  events_retained: 12,
  oldest_retained: '2026-11-23T13:11:42.006Z',
  clock: storeClock
}

const rejection: Rejection = {
  time: EXAMPLE_TIME,
  status: 422,
  code: eventError.code,
  pointer: eventError.pointer,
  event_id: EXAMPLE_IDS[2],
  key: 'shop',
  origin: 'https://shop.example'
}

const problemKind: ProblemKind = {
  code: 'cursor_lost',
  title: 'The events after this cursor are gone',
  status: 410,
  meaning: 'The events after this cursor are no longer retained, or it is of another history. Go on from `earliest` or without a cursor.',
  retry: false,
  example: {
    type: '/problems/cursor_lost',
    title: 'The events after this cursor are gone',
    status: 410,
    code: 'cursor_lost',
    detail: 'the events after this cursor are no longer retained; start again from `earliest` or without a cursor',
    request_id: requestId
  }
}

interface Examples {
  Event: Event
  EventBatch: Event[]
  EventError: EventError
  Receipt: Receipt
  Problem: Problem
  ReceiptProblem: ReceiptProblem
  UnavailableProblem: UnavailableProblem
  ProblemKind: ProblemKind
  ProblemList: ProblemList
  Summary: Summary
  UserCount: UserCount
  UserCounts: UserCounts
  TimeSeries: TimeSeries
  EventPage: EventPage
  Rejection: Rejection
  RejectionList: RejectionList
  StoreHealth: StoreHealth
  StoreClock: StoreClock
  Health: Health
  Liveness: Static<typeof Liveness>
  WelcomeFrame: Static<typeof WelcomeFrame>
  EventsFrame: Static<typeof EventsFrame>
  GapFrame: Static<typeof GapFrame>
  AckFrame: Static<typeof AckFrame>
  SubscribedFrame: Static<typeof SubscribedFrame>
  SummaryFrame: Static<typeof SummaryFrame>
  WatchingFrame: Static<typeof WatchingFrame>
  UnwatchedFrame: Static<typeof UnwatchedFrame>
  PongFrame: Static<typeof PongFrame>
  ErrorFrame: Static<typeof ErrorFrame>
  PublishFrame: Static<typeof PublishFrame>
  SubscribeFrame: Static<typeof SubscribeFrame>
  UnsubscribeFrame: Static<typeof UnsubscribeFrame>
  WatchFrame: Static<typeof WatchFrame>
  UnwatchFrame: Static<typeof UnwatchFrame>
  PingFrame: Static<typeof PingFrame>
}

/** An example of every named contract. */
export const EXAMPLES: Readonly<Examples> = {
  Event: events[1],
  EventBatch: events,
  EventError: eventError,
  Receipt: receipt,
  Problem: {
    type: '/problems/invalid_query',
    title: 'The query string is not valid',
    status: 400,
    code: 'invalid_query',
    detail: '`window` must be one of 1h, 24h, 7d',
    request_id: requestId
  },
  ReceiptProblem: {
    type: '/problems/all_rejected',
    title: 'Every event was rejected',
    status: 422,
    code: 'all_rejected',
    detail: 'see `errors`; do not send these events again unchanged',
    request_id: requestId,
    ...nothingTaken
  },
  UnavailableProblem: {
    type: '/problems/all_unavailable',
    title: 'No event could be accepted now',
    status: 503,
    code: 'all_unavailable',
    detail: 'see `errors`; send the same request again',
    request_id: requestId,
    ...unavailableReceipt
  },
  ProblemKind: problemKind,
  ProblemList: { problems: [problemKind] },
  Summary: summary,
  UserCount: userCount,
  UserCounts: {
    ...window,
    from: '2026-11-23T13:00:00.000Z',
    users: [userCount, { user_id: 'user-7', total_events: 2, last_seen: '2026-11-23T13:58:30.500Z' }, { user_id: 'user-9', total_events: 1, last_seen: '2026-11-23T13:11:42.006Z' }]
  },
  TimeSeries: {
    ...window,
    interval: 'hour',
    series: [
      { start: '2026-11-23T13:00:00Z', total_events: 8, events_by_type: byType({ page_view: 4, click: 3, purchase: 1 }) },
      { start: '2026-11-23T14:00:00Z', total_events: 4, events_by_type: byType({ page_view: 1, click: 1, purchase: 1, signup: 1 }) }
    ]
  },
  EventPage: { events, cursor, has_more: false },
  Rejection: rejection,
  RejectionList: { rejections: [{ time: EXAMPLE_TIME, status: 403, code: 'origin_not_allowed', origin: 'https://blog.example' }, rejection] },
  StoreHealth: store,
  StoreClock: storeClock,
  Health: { status: 'ok', version: '0.1.0', uptime_seconds: 3600, subscribers: 1, store },
  Liveness: { status: 'ok' },
  WelcomeFrame: { type: 'welcome', cursor: earlierCursor, heartbeat_seconds: 25 },
  EventsFrame: { type: 'events', cursor, events },
  GapFrame: { type: 'gap', reason: 'too_slow', after: earlierCursor, cursor },
  AckFrame: { type: 'ack', id: 'batch-1', ...receipt },
  SubscribedFrame: { type: 'subscribed', id: 'filter-1', cursor, recovered: true },
  SummaryFrame: { type: 'summary', summary },
  WatchingFrame: { type: 'watching', id: 'watch-1', time_window: '1h' },
  UnwatchedFrame: { type: 'unwatched', id: 'watch-2', time_window: '1h' },
  PongFrame: { type: 'pong', id: 7 },
  ErrorFrame: { type: 'error', id: 'filter-1', code: 'invalid_cursor', detail: 'this is not a cursor that an answer of this service gave' },
  PublishFrame: { type: 'publish', id: 'batch-1', events },
  SubscribeFrame: { type: 'subscribe', id: 'filter-1', event_types: ['purchase'], user_ids: ['user-42'], after: earlierCursor },
  UnsubscribeFrame: { type: 'unsubscribe', id: 'filter-2' },
  WatchFrame: { type: 'watch', id: 'watch-1', time_window: '1h' },
  UnwatchFrame: { type: 'unwatch', id: 'watch-2', time_window: '1h' },
  PingFrame: { type: 'ping', id: 7 }
}

/** An example with a name and a line of explanation, as OpenAPI has them. */
export interface NamedExample {
  summary: string
  value: unknown
}

/**
 * The bodies that `POST /events` is documented with, by media type. Every one of them is accepted as it stands if the
 * time is the present one and the ids are new. The names are the same everywhere: Swagger UI keeps the chosen one when
 * the media type changes.
 */
export function bodyExamples(time = EXAMPLE_TIME, makeId?: () => string): Record<string, { one: NamedExample, batch: NamedExample }> {
  const batch = () => visit(time, makeId === undefined ? EXAMPLE_IDS : EXAMPLE_IDS.map(() => makeId()))
  const one = () => batch()[1]
  const line = (event: Event) => `${JSON.stringify(event)}\n`
  return {
    'application/json': {
      one: { summary: 'A batch of one event', value: [one()] },
      batch: { summary: 'A batch', value: batch() }
    },
    'application/x-ndjson': {
      one: { summary: 'One line', value: line(one()) },
      batch: { summary: 'One event a line', value: batch().map(line).join('') }
    },
    'text/plain': {
      one: { summary: 'One event', value: JSON.stringify(one()) },
      batch: { summary: 'A batch', value: JSON.stringify(batch()) }
    }
  }
}
