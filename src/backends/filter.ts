/** Filters as clients give them, by query or by `subscribe`, made into what a store reads by. */
import { EVENT_TYPES, type EventType } from '../../schemas/index.ts'
import type { Filter } from './backend.ts'

/** An absent or empty list, and one of all types, stand for no condition. */
export function makeFilter(eventTypes: readonly EventType[] = [], userIds: readonly string[] = []): Filter {
  const types = new Set(eventTypes.map((type) => EVENT_TYPES.indexOf(type)))
  return {
    ...(types.size > 0 && types.size < EVENT_TYPES.length ? { types } : {}),
    ...(userIds.length > 0 ? { users: new Set(userIds) } : {})
  }
}
