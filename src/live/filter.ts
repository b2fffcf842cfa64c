/** Filters as clients give them, by query or by `subscribe`, made into what a store reads by. */
import { EVENT_TYPES, type EventType } from '../../schemas/index.ts'
import type { Filter } from '../backends/backend.ts'

/** A filter that every event passes. */
export const EVERYTHING: Filter = {}

/** An absent or empty list, and one of all types, stand for no condition. */
export function makeFilter(eventTypes: readonly EventType[] = [], userIds: readonly string[] = []): Filter {
  const types = new Set(eventTypes.map((type) => EVENT_TYPES.indexOf(type)))
  return {
    ...(types.size > 0 && types.size < EVENT_TYPES.length ? { types } : {}),
    ...(userIds.length > 0 ? { users: new Set(userIds) } : {})
  }
}

/** A text that is the same for filters that mean the same, and for no others. */
export function filterKey({ types, users }: Filter): string {
  return JSON.stringify([types && [...types].sort(), users && [...users].sort()])
}

/** Whether every event passes. */
export function isEverything({ types, users }: Filter): boolean {
  return types === undefined && users === undefined
}
