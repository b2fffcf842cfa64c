/** The types of events, in the order in which they are listed and stacked, and how people call them. */

/** @import { EventType } from '../schemas/index.ts' */

/** @type {readonly { type: EventType, name: string, one: string }[]} */
export const EVENT_TYPES = [
  { type: 'page_view', name: 'Page views', one: 'Page view' },
  { type: 'click', name: 'Clicks', one: 'Click' },
  { type: 'purchase', name: 'Purchases', one: 'Purchase' },
  { type: 'signup', name: 'Sign-ups', one: 'Sign-up' }
]

/** @type {ReadonlyMap<string, number>} */
const indices = new Map(EVENT_TYPES.map(({ type }, index) => [type, index]))

/**
 * The index of a type in the list; undefined for types that a later version of the service may have.
 * @param {string} type
 */
export const typeIndexOf = (type) => indices.get(type)
