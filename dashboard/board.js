/**
 * All windows at one place of the stream: events are counted on top of the summary of their place. A summary of a later place
 * waits until the stream is there.
 */
import { WindowFigures } from './window-figures.js'

/** @import { Event, Summary, TimeWindow } from '../schemas/index.ts' */

/** @type {readonly TimeWindow[]} */
export const TIME_WINDOWS = ['1h', '24h', '7d']

export class Board {
  /** @type {Map<TimeWindow, WindowFigures>} */
  #windows = new Map()
  /** The newest summaries of places that were not met yet. @type {Map<TimeWindow, Summary>} */
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
   * @returns {Summary[]} those that were in place here
   */
  addEvents(events, cursor, onCount = () => {}) {
    for (const [window, figures] of this.#windows) {
      if (!figures.isInPlace) continue
      for (const event of events) if (figures.add(event)) onCount(window, event)
    }
    const met = [...this.#ahead.values()].filter((summary) => summary.cursor === cursor)
    for (const summary of met) this.settle(summary)
    return met
  }

  /**
   * Takes a summary of just the events that the stream has brought: the truth.
   * @param {Summary} summary
   */
  settle(summary) {
    const { time_window: window } = summary
    this.#ahead.delete(window)
    this.#windows.set(window, new WindowFigures(summary))
  }

  /**
   * Takes a summary that came at some place of the stream: at its own it is the truth, at another only its users are news.
   * @param {Summary} summary
   * @param {string | undefined} cursor where the stream is
   * @returns {boolean} whether it was in place
   */
  offer(summary, cursor) {
    if (summary.cursor === cursor) {
      this.settle(summary)
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
