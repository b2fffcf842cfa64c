/**
 * All windows at one cursor of the stream: events are counted on top of the summary of that cursor. A summary of a later cursor
 * waits until the stream is there.
 */
import { WindowFigures } from './window-figures.js'

/** @import { Event, Summary, TimeWindow } from '../schemas/index.ts' */

/** @type {readonly TimeWindow[]} */
export const TIME_WINDOWS = ['1h', '24h', '7d']

export class Board {
  /** @type {Map<TimeWindow, WindowFigures>} */
  #windows = new Map()
  /** The newest summaries of cursors that the stream has not reached yet. @type {Map<TimeWindow, Summary>} */
  #ahead = new Map()

  /** @param {TimeWindow} window */
  window(window) {
    return this.#windows.get(window)
  }

  /** Whether it is known that no window has an event. */
  get isEmpty() {
    return this.#windows.size === TIME_WINDOWS.length && [...this.#windows.values()].every(({ summary }) => summary.total_events === 0)
  }

  /**
   * Counts the next events, in the windows that are in place.
   * @param {readonly Event[]} events
   * @param {string} cursor the cursor after them
   * @param {(window: TimeWindow, event: Event) => void} onCount told of each event in each window that counts it
   * @returns {Summary[]} those of this cursor
   */
  addEvents(events, cursor, onCount = () => {}) {
    for (const [window, figures] of this.#windows) {
      if (!figures.isInPlace) continue
      for (const event of events) if (figures.add(event)) onCount(window, event)
    }
    const met = [...this.#ahead.values()].filter((summary) => summary.cursor === cursor)
    for (const summary of met) this.reconcile(summary)
    return met
  }

  /**
   * Replaces the figures of a window by a summary of just the events that the stream has brought.
   * @param {Summary} summary
   */
  reconcile(summary) {
    const { time_window: window } = summary
    this.#ahead.delete(window)
    this.#windows.set(window, new WindowFigures(summary))
  }

  /**
   * Receives a summary: of the cursor of the stream it replaces the figures, of another one only the unique users.
   * @param {Summary} summary
   * @param {string | undefined} cursor where the stream is
   * @returns {boolean} whether it was of that cursor
   */
  receive(summary, cursor) {
    if (summary.cursor === cursor) {
      this.reconcile(summary)
      return true
    }
    const { time_window: window } = summary
    this.#ahead.set(window, summary)
    const figures = this.#windows.get(window)
    if (figures !== undefined) figures.summary.unique_users = summary.unique_users
    return false
  }

  /** Some events will not come: the figures wait for the next summaries. */
  lose() {
    this.#ahead.clear()
    for (const figures of this.#windows.values()) figures.isInPlace = false
  }
}
