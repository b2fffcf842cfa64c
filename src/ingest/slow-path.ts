/**
 * The slow path of one event into a batch: the parsed value, the compiled schema, and the canonical text written anew. It
 * handles everything and defines what is right; the scan leaves to it whatever it does not know to the letter.
 */
import { parse as parseUuid } from 'uuid'
import { EVENT_MAX_BYTES, EVENT_TYPES, type Event, type EventError } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import { isEventId, violationOf, type Violation } from './event-validator.ts'
import { parseJson } from './json-value.ts'
import { minifyEvent } from './minify.ts'
import { parseTimestamp } from './timestamp.ts'

/** How far ahead of the server's clock a timestamp may be, in milliseconds. [TIME-1] */
export const FUTURE_TOLERANCE = 5 * 60_000

/**
 * Judges the event in `bytes[start .. end)`, which is one valid JSON value in valid UTF-8, and adds it to the batch.
 * @param now the core's now
 * @returns why it was rejected, or undefined
 */
export function addSlowly(batch: Batch, bytes: Buffer, start: number, end: number, index: number, now: number): EventError | undefined {
  if (end - start > EVENT_MAX_BYTES) {
    return { index, code: 'event_too_large', pointer: '', detail: `an event may have at most ${EVENT_MAX_BYTES} bytes; this one has ${end - start}` }
  }
  const text = bytes.toString('utf8', start, end)
  const value = parseJson(text)
  const rejection = violationOf(value) ?? futureRejection(value as Event, now)
  if (rejection !== undefined) return { index, ...idOf(value), ...rejection }

  const event = value as Event
  const eventId = event.event_id.toLowerCase()
  const time = parseTimestamp(event.timestamp)
  batch.reserve()
  const i = batch.count++
  const id = parseUuid(eventId)
  const words = new DataView(id.buffer, id.byteOffset, 16)
  for (let word = 0; word < 4; word++) batch.ids[i * 4 + word] = words.getUint32(word * 4)
  batch.types[i] = EVENT_TYPES.indexOf(event.event_type)
  batch.times[i] = time
  batch.index[i] = index
  batch.start[i] = batch.write(minifyEvent(text, eventId, new Date(time).toISOString()))
  batch.end[i] = batch.byteLength
  batch.userStart[i] = batch.write(event.user_id)
  batch.userEnd[i] = batch.byteLength
  return undefined
}

function futureRejection(event: Event, now: number): Violation | undefined {
  if (parseTimestamp(event.timestamp) <= now + FUTURE_TOLERANCE) return undefined
  return {
    code: 'timestamp_in_future',
    pointer: '/timestamp',
    detail: `timestamp is more than 5 minutes ahead of the server's time, ${new Date(now).toISOString()}`
  }
}

/** The id of an event that was rejected for something else. */
function idOf(value: unknown): { event_id?: string } {
  const id = (value as { event_id?: unknown } | null)?.event_id
  return typeof id === 'string' && isEventId(id) ? { event_id: id.toLowerCase() } : {}
}
