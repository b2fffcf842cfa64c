/**
 * The figures of one window: a summary, and the events after its cursor on top of it, so that they always equal the next
 * summary with the same `from` [LIVE-3]. What leaves the window, and how many users are in it, only the next summary knows.
 */

/** @import { Event, Summary } from '../schemas/index.ts' */

const HOUR = 3_600_000

/** @param {number} time milliseconds since 1970 */
const hourName = (time) => `${new Date(time).toISOString().slice(0, 13)}:00:00Z`

export class WindowFigures {
  /** @param {Summary} summary of the events that the stream has brought so far */
  constructor(summary) {
    /** Its total, types and hours go on with every event; the rest is as it was told. */
    this.summary = copy(summary)
    /** False once events were lost: then the next summary is waited for. */
    this.isInPlace = true
  }

  /**
   * Counts an event that came after the cursor. O(1), but for the first event of an hour.
   * @param {Event} event
   * @returns {boolean} whether it lies in the window
   */
  add({ timestamp, event_type: type }) {
    const { summary } = this
    if (timestamp < summary.from) return false // both are in UTC with milliseconds, so that they compare as text
    const { events_per_hour: hours, events_by_type: types } = summary
    summary.total_events++
    types[type] = (types[type] ?? 0) + 1
    const name = `${timestamp.slice(0, 13)}:00:00Z`
    while (hours[hours.length - 1].hour < name) hours.push({ hour: hourName(Date.parse(hours[hours.length - 1].hour) + HOUR), count: 0 })
    for (let i = hours.length - 1; i >= 0; i--) {
      if (hours[i].hour !== name) continue
      hours[i].count++
      break
    }
    if (timestamp > summary.to) summary.to = timestamp
    return true
  }
}

/** @param {Summary} summary */
function copy(summary) {
  return { ...summary, events_by_type: { ...summary.events_by_type }, events_per_hour: summary.events_per_hour.map((hour) => ({ ...hour })) }
}
