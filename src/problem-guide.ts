/**
 * What each code means to whoever meets it, with an example: of a problem that a whole request is answered with, and of
 * one event's entry in a receipt. `/problems` and the documentation show it.
 */
import { EXAMPLES } from '../schemas/examples.ts'
import type { EventError, Problem, RejectionCode, UnavailableCode } from '../schemas/index.ts'
import { PROBLEMS, type ProblemCode } from './errors.ts'

/** The code of a single event. */
export type EventCode = RejectionCode | UnavailableCode

/** Of every problem: what it means and what to do, and what its `detail` may say. */
const REQUESTS: Readonly<Record<ProblemCode, readonly [meaning: string, detail: string]>> = {
  invalid_json: ['The body cannot be read as JSON; `detail` names the line and the column.', 'unexpected end of the body at line 1, column 42'],
  invalid_utf8: ['The body holds bytes that are not UTF-8.', 'the body must be UTF-8'],
  invalid_encoding: ['The body is not what its `content-encoding` says, or is cut short.', 'the body is not whole and valid gzip'],
  nesting_too_deep: ['The body is nested so deeply that it is not read at all.', 'the body is nested more than 1000 levels deep'],
  no_events: ['The body is empty, or an empty list.', 'the body holds no events'],
  incomplete_body: ['The connection ended before the body did. Nothing was stored.', 'the body ended after 512 bytes'],
  invalid_query: ['A query parameter is not known, or its value is not allowed.', '`window` must be one of 1h, 24h, 7d'],
  invalid_cursor: ['A cursor must be given back exactly as an answer gave it.', 'this is not a cursor that an answer of this service gave'],
  bad_request: ['The request breaks a rule of HTTP or of the WebSocket handshake.', 'there are two host headers'],
  unauthorized: ['This needs a key, and none was sent, or one that is not known.', 'this key is not known'],
  forbidden: ['The key is known, but for something else: writing and reading have keys of their own.', 'this needs another key, and this key is for something else'],
  origin_not_allowed: ['A page of another site asked, and `ALLOWED_ORIGINS` does not name it.', 'pages of this origin may not use the service'],
  host_not_allowed: ['The service is for its own machine alone, and was asked under another name.', 'this service is for its own machine alone, and the Host header names another one'],
  not_found: ['There is nothing at this address.', 'there is nothing at this address'],
  method_not_allowed: ['The address takes other methods, which `Allow` names.', 'this address takes GET, not DELETE'],
  request_timeout: ['The request came too slowly. Nothing was stored.', 'the request did not arrive in time'],
  cursor_lost: [
    'The events after this cursor are no longer retained, or it is of another history. Go on from `earliest` or without a cursor.',
    'the events after this cursor are no longer retained; start again from `earliest` or without a cursor'
  ],
  body_too_large: ['The body has too many bytes. Send the events in smaller batches.', 'a body may have at most 10485760 bytes, as sent and decompressed; split the batch'],
  too_many_events: ['The body has too many events. Send them in smaller batches.', 'at most 10000 events can be sent at once'],
  unsupported_media_type: ['The `content-type` is not one that is read here.', 'send application/json, application/x-ndjson or text/plain, and say so in content-type'],
  unsupported_encoding: ['The `content-encoding` is not one that is read here.', 'content-encoding may be one of gzip, deflate, br, zstd'],
  all_rejected: ['Every event breaks the contract; `errors` says how. Mend them: unchanged they are rejected again.', 'see `errors`; do not send these events again unchanged'],
  upgrade_required: ['The address is for WebSocket connections.', 'open a WebSocket here, or use `GET /events/stream`'],
  too_many_requests: ['This client sends too often. Wait for `Retry-After`; larger batches carry more events.', 'a client may send 100 requests a second; larger batches carry more events'],
  headers_too_large: ['The line and the headers of the request are too long.', 'the line and the headers of a request may have at most 64 KiB'],
  internal_error: ['The service failed in a way that is not known; its log has more.', 'the service failed; its log says more under this request_id'],
  not_implemented: ['The request asks for a part of HTTP that is not served here.', 'transfer-encoding may only be chunked; compress with content-encoding'],
  all_unavailable: ['No event could be accepted now. Send the same request again, with the same ids.', 'see `errors`; send the same request again'],
  storage_unavailable: ['The storage cannot answer. Nothing has changed; send the same request again.', 'nothing has changed; send the same request again'],
  overloaded: ['Too much arrives at the same time. Nothing was taken; send the same request again.', 'nothing was taken; send the same request again'],
  too_many_subscribers: ['All places for live connections are taken. Come back after `Retry-After`.', 'no more live connections can be served now'],
  not_ready: ['The service is starting, or its storage is not there.', 'the store cannot accept events now'],
  stopping: ['The service is about to end. Send the same request again.', 'send the request again, it goes to another instance or to the next start'],
  http_version_not_supported: ['The request is of a version of HTTP that is not spoken here.', 'speak HTTP/1.1 here']
}

/** Of every code of an event: what it means, and the pointer and the `detail` that its entry may have. */
const EVENTS: Readonly<Record<EventCode, readonly [meaning: string, pointer: string, detail: string]>> = {
  invalid_json: ['This line of an NDJSON body is not valid JSON.', '', 'this line is not valid JSON, from column 12 on'],
  invalid_event: ['An event must be a JSON object.', '', 'an event must be a JSON object'],
  missing_field: ['A required field is missing.', '/user_id', 'user_id is missing'],
  unknown_field: ['An event has no such field; further data belongs into `properties`.', '/page', 'an event has no such field; put it into properties'],
  invalid_event_id: [
    'The `event_id` must be a UUID in its 36-character text form, and neither nil nor max.',
    '/event_id', 'event_id must be a UUID in its 36-character text form, not nil or max'
  ],
  invalid_user_id: [
    'The `user_id` must have 1 to 256 code points, no control characters and no lone surrogates.',
    '/user_id', 'user_id must be a string of 1 to 256 code points without control characters or lone surrogates'
  ],
  invalid_event_type: ['The `event_type` is not one of the known ones, which `detail` lists.', '/event_type', 'event_type must be one of those that are known'],
  invalid_timestamp: [
    'The `timestamp` must be RFC 3339 with an offset, from 1970 on.',
    '/timestamp', 'timestamp must be an RFC 3339 date and time with an offset, from 1970 on, such as 2026-11-23T14:05:09.120Z'
  ],
  timestamp_in_future: [
    'The `timestamp` is more than 5 minutes ahead of the server; check the sender\'s clock.',
    '/timestamp', 'timestamp is more than 5 minutes ahead of the server\'s time, 2026-11-23T14:05:09.120Z'
  ],
  invalid_properties: ['A typed key of `properties` has a value of another type.', '/properties/amount', 'properties.amount must be number'],
  number_not_finite: ['A number is too large to be kept.', '/properties/x', 'a number is too large to be read exactly enough'],
  forbidden_key: ['The key `__proto__` is not allowed anywhere in an event.', '/properties/__proto__', '__proto__ cannot be a key'],
  nesting_too_deep: ['`properties` may be nested at most 16 levels deep.', '/properties/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a', 'properties may be nested at most 16 levels deep'],
  event_too_large: ['An event may have at most 32 KiB.', '', 'an event may have at most 32768 bytes; this one has 40153'],
  user_capacity: ['No more users can be known just now; send the event again later, with the same id.', '', 'no more users can be known just now; send the event again later, with the same id'],
  storage_full: ['The storage is full; send the event again later, with the same id.', '', 'the storage is full; send the event again later, with the same id'],
  storage_unavailable: ['The storage cannot be reached; send the event again, with the same id.', '', 'the storage cannot be reached; send the event again, with the same id'],
  clock_unsettled: [
    'The clock of the service has leapt, and whether the event is of this time is known within about a minute; send it again after `Retry-After`, with the same id.',
    '', 'the clock of the service has leapt, and whether the event is of this time is known within about a minute; send the event again then, with the same id'
  ]
}

/** What a problem means, and what to do. */
export const meaningOf = (code: ProblemCode): string => REQUESTS[code][0]

/** What an event's code means. */
export const eventMeaningOf = (code: EventCode): string => EVENTS[code][0]

/** A problem of this code as a request may be answered with; `detail` where it is about something else than usual. */
export function exampleOf(code: ProblemCode, detail = REQUESTS[code][1]): Problem {
  const { title, status } = PROBLEMS[code]
  return { ...EXAMPLES.Problem, type: `/problems/${code}`, title, status, code, detail }
}

/** An entry of this code in the `errors` of a receipt. */
export function eventExampleOf(code: EventCode): EventError {
  const [, pointer, detail] = EVENTS[code]
  return { index: 0, code, pointer, detail }
}
