/** What a service looks like that was written in an afternoon: the event schema as Ajv compiles it, and a Map of events. */
import { Ajv } from 'ajv'
import { Event, EventBatch } from '../../schemas/index.ts'
import { isEventId, isUserId } from '../../src/ingest/event-validator.ts'
import { parseTimestamp } from '../../src/ingest/timestamp.ts'
import { receiptOf } from './answer.ts'

/** Validates with the rules that the service has for the formats. */
export function createAjv(): Ajv {
  return new Ajv({
    coerceTypes: false,
    removeAdditional: false,
    schemas: [Event, EventBatch],
    formats: {
      uuid: isEventId,
      'user-id': isUserId,
      'event-timestamp': (text: string) => !Number.isNaN(parseTimestamp(text))
    }
  })
}

/** Events by id. */
export class MapStore {
  readonly #events = new Map<string, Event>()

  /** Keeps the events whose id is not known. */
  add(events: readonly Event[]) {
    let accepted = 0
    for (const event of events) {
      if (this.#events.has(event.event_id)) continue
      this.#events.set(event.event_id, event)
      accepted++
    }
    return receiptOf(accepted, events.length - accepted)
  }
}
