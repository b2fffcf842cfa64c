/** One event as a row of a list. */
import { make } from './elements.js'
import { EVENT_TYPES, typeIndexOf } from './event-types.js'
import { clockTime, count, fullTime, span } from './formats.js'

/** @import { Event } from '../schemas/index.ts' */

/** Most characters of a value that a row shows; the dialog has all of it. */
const SHOWN = 80

/** Milliseconds after which an event is one of long ago. */
const LATE = 3_600_000

/** The time of day, or how long ago that was where the day would be missed. @param {string} timestamp */
function liveTime(timestamp) {
  const age = Date.now() - Date.parse(timestamp)
  return age < LATE ? clockTime(timestamp) : `${span(age / 1000)} ago`
}

/** What the row says of the properties. @param {Event['properties']} properties */
function brief(properties) {
  if (properties === undefined) return ''
  const { page, product_id: product, amount, ...others } = /** @type {Record<string, unknown>} */ (properties)
  const parts = [page, product, typeof amount === 'number' ? count(amount) : amount].filter((value) => value !== undefined && value !== null)
  if (parts.length === 0) parts.push(...Object.entries(others).slice(0, 3).map(([key, value]) => `${key}: ${typeof value === 'object' ? '…' : value}`))
  return parts.map(String).join(' · ').slice(0, SHOWN)
}

/**
 * @param {Event} event
 * @param {(event: Event) => void} onOpen the row was chosen
 * @param {boolean} [isStill] whether the row is of a list that does not move, and shows the day
 */
export function eventRow(event, onOpen, isStill = false) {
  const index = typeIndexOf(event.event_type)
  const button = make('button', 'row',
    make('span', 'time number', isStill ? fullTime(event.timestamp) : liveTime(event.timestamp)),
    make('span', 'type', make('span', `swatch type-${index ?? 0}`), index === undefined ? event.event_type : EVENT_TYPES[index].one),
    make('span', 'user', event.user_id.slice(0, SHOWN)),
    make('span', 'brief', brief(event.properties)))
  button.type = 'button'
  button.onclick = () => onOpen(event)
  return make('li', '', button)
}
