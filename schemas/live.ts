/**
 * The live contract: the frames of `GET /ws/events`. Every frame is a JSON text message with a `type`; clients ignore
 * the types and fields they do not know.
 */
import { Type, type Static } from '@sinclair/typebox'
import { Summary, TimeWindowName } from './analytics.ts'
import { Event } from './event.ts'
import { filterFields } from './page.ts'
import { After, CURSOR_MAX_LENGTH, Cursor, KeyParameter, StringEnum, ref } from './primitives.ts'
import { receiptFields } from './receipt.ts'

/** What may be wrong with a client frame. The connection stays usable after any of them. */
export const FRAME_ERROR_CODES = [
  'invalid_json', 'nesting_too_deep', 'invalid_frame', 'unknown_type', 'invalid_cursor', 'no_events', 'too_many_events', 'forbidden',
  'too_many_requests', 'storage_unavailable', 'internal_error'
] as const

/** Why events were not delivered. */
export const GAP_REASONS = ['too_slow', 'not_retained', 'other_history'] as const

/** Most characters of a frame's id that is a string. */
export const FRAME_ID_MAX_LENGTH = 128

const FrameId = Type.Optional(Type.Union(
  [
    Type.String({ maxLength: FRAME_ID_MAX_LENGTH }),
    Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER })
  ],
  { description: 'Chosen by the client, echoed in the answer.' }
))
const recovered = Type.Optional(Type.Boolean({ description: 'Whether the stream goes on right after the cursor that was given; absent when none was.' }))

export const WelcomeFrame = Type.Object(
  {
    type: Type.Literal('welcome'),
    cursor: Cursor,
    recovered,
    heartbeat_seconds: Type.Integer({ description: 'The longest silence to expect.' })
  },
  { $id: 'WelcomeFrame', title: 'WelcomeFrame', description: 'The first frame of every connection. `cursor` is the place from which events follow.' }
)

export const EventsFrame = Type.Object(
  { type: Type.Literal('events'), cursor: Cursor, events: Type.Array(ref(Event)) },
  { $id: 'EventsFrame', title: 'EventsFrame', description: 'The next events in order, at most about 64 KiB; in silence one without events.' }
)

export const GapFrame = Type.Object(
  {
    type: Type.Literal('gap'),
    reason: StringEnum(GAP_REASONS, { title: 'GapReason', description: 'Why; more reasons may come.' }),
    after: Type.String({ description: 'The place up to which everything was delivered, or the one that was asked for.' }),
    cursor: Cursor
  },
  {
    $id: 'GapFrame',
    title: 'GapFrame',
    description: 'What lies between the two cursors was not delivered; events go on after `cursor`, the newest at that moment. ' +
      'Of a lost `after` it is told right after `welcome` or `subscribed`, which say `recovered: false`.'
  }
)

export const AckFrame = Type.Object(
  { type: Type.Literal('ack'), id: FrameId, ...receiptFields },
  { $id: 'AckFrame', title: 'AckFrame', description: 'The receipt of one `publish`, with the verdicts HTTP would give.' }
)

export const SubscribedFrame = Type.Object(
  { type: Type.Literal('subscribed'), id: FrameId, cursor: Cursor, recovered },
  { $id: 'SubscribedFrame', title: 'SubscribedFrame', description: 'The answer to `subscribe` and `unsubscribe`: from here on, after `cursor`, the new filter holds. Answers come in the order of the frames they answer.' }
)

export const SummaryFrame = Type.Object(
  { type: Type.Literal('summary'), summary: ref(Summary) },
  {
    $id: 'SummaryFrame',
    title: 'SummaryFrame',
    description: 'A new summary, to those who watch its window: when anything in it but `to` has changed; `from` does so every minute. ' +
      'To a connection that gets every event it comes right after the last one that it counts.'
  }
)

export const WatchingFrame = Type.Object(
  { type: Type.Literal('watching'), id: FrameId, time_window: TimeWindowName },
  { $id: 'WatchingFrame', title: 'WatchingFrame', description: 'The answer to `watch`; the first summary follows.' }
)

export const UnwatchedFrame = Type.Object(
  { type: Type.Literal('unwatched'), id: FrameId, time_window: TimeWindowName },
  { $id: 'UnwatchedFrame', title: 'UnwatchedFrame', description: 'The answer to `unwatch`; no summary of this window comes after it.' }
)

export const PongFrame = Type.Object(
  { type: Type.Literal('pong'), id: FrameId },
  { $id: 'PongFrame', title: 'PongFrame', description: 'The answer to `ping`.' }
)

export const ErrorFrame = Type.Object(
  { type: Type.Literal('error'), id: FrameId, code: StringEnum(FRAME_ERROR_CODES, { title: 'FrameErrorCode', description: 'What was wrong, for programs; more codes may come.' }), detail: Type.String() },
  { $id: 'ErrorFrame', title: 'ErrorFrame', description: 'A client frame that could not be carried out.' }
)

export const PublishFrame = Type.Object(
  { type: Type.Literal('publish'), id: FrameId, events: Type.Array(ref(Event)) },
  { $id: 'PublishFrame', title: 'PublishFrame', description: 'Events to accept; a bare event or array is the same without an id.', additionalProperties: false }
)

export const SubscribeFrame = Type.Object(
  {
    type: Type.Literal('subscribe'),
    id: FrameId,
    event_types: filterFields.event_type,
    user_ids: filterFields.user_id,
    after: Type.Optional(After)
  },
  {
    $id: 'SubscribeFrame',
    title: 'SubscribeFrame',
    description: 'Replaces the filter, and with `after` the place to read on from; without it events go on where they are, or from now on if there were none. ' +
      'An empty list is no condition.',
    additionalProperties: false
  }
)

export const UnsubscribeFrame = Type.Object(
  { type: Type.Literal('unsubscribe'), id: FrameId },
  { $id: 'UnsubscribeFrame', title: 'UnsubscribeFrame', description: 'Stops the delivery of events; the answer says where, so that it can be taken up again with `after`.', additionalProperties: false }
)

export const WatchFrame = Type.Object(
  { type: Type.Literal('watch'), id: FrameId, time_window: TimeWindowName },
  { $id: 'WatchFrame', title: 'WatchFrame', description: 'Asks for summaries of a window, when they change, at most once a second.', additionalProperties: false }
)

export const UnwatchFrame = Type.Object(
  { type: Type.Literal('unwatch'), id: FrameId, time_window: TimeWindowName },
  { $id: 'UnwatchFrame', title: 'UnwatchFrame', description: 'Ends `watch`.', additionalProperties: false }
)

export const PingFrame = Type.Object(
  { type: Type.Literal('ping'), id: FrameId },
  { $id: 'PingFrame', title: 'PingFrame', description: 'Asks for a `pong`; any key may.', additionalProperties: false }
)

export const SERVER_FRAMES = [
  WelcomeFrame, EventsFrame, GapFrame, AckFrame, SubscribedFrame, SummaryFrame, WatchingFrame, UnwatchedFrame, PongFrame, ErrorFrame
] as const
export const CLIENT_FRAMES = [PublishFrame, SubscribeFrame, UnsubscribeFrame, WatchFrame, UnwatchFrame, PingFrame] as const

export const ServerFrame = Type.Unsafe<Static<(typeof SERVER_FRAMES)[number]>>(
  { $id: 'ServerFrame', title: 'ServerFrame', oneOf: SERVER_FRAMES.map((frame) => ({ $ref: `${frame.$id}#` })) }
)
export type ServerFrame = Static<typeof ServerFrame>

export const ClientFrame = Type.Unsafe<Static<(typeof CLIENT_FRAMES)[number]>>(
  { $id: 'ClientFrame', title: 'ClientFrame', oneOf: CLIENT_FRAMES.map((frame) => ({ $ref: `${frame.$id}#` })) }
)
export type ClientFrame = Static<typeof ClientFrame>

/** An empty one is none: that is what a client's template makes of no cursor. */
const LiveAfter = Type.Optional(Type.String({ maxLength: CURSOR_MAX_LENGTH, description: `${After.description} An empty one is none.` }))

export const StreamQuery = Type.Object(
  {
    after: LiveAfter,
    lastEventId: Type.Optional(Type.String({
      maxLength: CURSOR_MAX_LENGTH,
      description: 'The same as the header `Last-Event-ID`, which wins over it, from clients that cannot set one; wins over `after`. An empty one is none.'
    })),
    ...filterFields,
    key: KeyParameter
  },
  { additionalProperties: false }
)

export const LiveQuery = Type.Object(
  {
    after: LiveAfter,
    ...filterFields,
    key: KeyParameter,
    subscribe: Type.Optional(Type.Boolean({ default: true, description: '`false` for a connection that only publishes.' }))
  },
  { additionalProperties: false }
)
