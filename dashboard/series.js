/**
 * Counts by type for every minute or hour of a window. A time series says how many events it counts but not which cursor
 * it belongs to; since counts only grow while a window stands still, their sum tells which.
 */
import { EVENT_TYPES, typeIndexOf } from './event-types.js'

/** @import { Interval, Summary, TimeSeries } from '../schemas/index.ts' */

/** Milliseconds of a step. */
export const STEPS = { minute: 60_000, hour: 3_600_000 }

/** How much of a timestamp names its step. */
const NAME_LENGTH = { minute: 16, hour: 13 }

/** Most steps that are added at once because time has passed; a clock that leaps further is not followed. */
const MAX_LEAP = 200

/**
 * What matters of an event.
 * @typedef {{ timestamp: string, event_type: string }} Counted
 */

/**
 * A series that was asked for: the figures of that moment, and the events since.
 * @typedef {{ series: TimeSeries | undefined, from: string, base: number, events: Counted[] }} Loading
 */

export class Series {
  /** Milliseconds since 1970 of the first step, and the counts of each, by index of the type. */
  start = 0
  /** @type {number[][]} */
  counts = []
  /** Whether it agrees with the figures of its window. */
  isInPlace = false

  /** The name of the step that was counted in last, and its index. */
  #name = ''
  #index = 0

  /** @type {Loading | undefined} */
  #loading

  /** @param {Interval} interval */
  constructor(interval) {
    this.interval = interval
    this.step = STEPS[interval]
  }

  /**
   * A time series is going to be asked for; from now on `add` is told of every event.
   * @param {Summary} summary the figures of this moment
   */
  begin(summary) {
    this.#loading = { series: undefined, from: summary.from, base: summary.total_events, events: [] }
  }

  /**
   * The time series has come.
   * @param {TimeSeries} series
   * @returns {boolean} false if the window has moved on meanwhile: ask again
   */
  load(series) {
    if (this.#loading === undefined || this.#loading.from !== series.from) return false
    this.#loading.series = series
    return this.#merge(this.#loading)
  }

  /**
   * Counts an event of the window.
   * @param {Counted} event
   */
  add(event) {
    if (this.#loading === undefined) return this.#count(event)
    this.#loading.events.push(event)
    if (this.#loading.series !== undefined) this.#merge(this.#loading)
  }

  /**
   * Lets the steps follow the window: what has left it is dropped, and the first step, of which a part has left, is what the
   * others leave of the summary.
   * @param {Summary} summary
   * @returns {boolean} false if both do not agree: ask again
   */
  reconcile({ from, to, events_by_type: types }) {
    if (this.#loading !== undefined) return this.#loading.from === from
    const first = this.#floor(Date.parse(from))
    const gone = Math.min((first - this.start) / this.step, this.counts.length)
    if (gone > 0) {
      this.counts.splice(0, gone)
      this.#name = ''
    }
    this.start = first
    this.#reach((this.#floor(Date.parse(to)) - this.start) / this.step)
    let agrees = true
    for (const [index, { type }] of EVENT_TYPES.entries()) {
      let rest = types[type]
      for (let i = 1; i < this.counts.length; i++) rest -= this.counts[i][index]
      if (rest < 0 || rest > this.counts[0][index]) agrees = false
      else this.counts[0][index] = rest
    }
    this.isInPlace = agrees
    return agrees
  }

  /**
   * Time has passed: there is a step for this moment, if only an empty one.
   * @param {number} now milliseconds since 1970, of the service
   */
  advance(now) {
    const index = (this.#floor(now) - this.start) / this.step
    if (this.isInPlace && index - this.counts.length < MAX_LEAP) this.#reach(index)
  }

  /** Adds to the series those events that have come since it was asked for and that it does not count. @param {Loading} loading */
  #merge({ series, base, events }) {
    const known = /** @type {TimeSeries} */ (series).series.reduce((sum, step) => sum + step.total_events, 0) - base
    if (known < 0) return false
    if (known > events.length) return true // it is ahead of the stream, which will come to it
    this.#loading = undefined
    const steps = /** @type {TimeSeries} */ (series).series
    this.start = Date.parse(steps[0].start)
    this.counts = steps.map(({ events_by_type: types }) => EVENT_TYPES.map(({ type }) => types[type]))
    this.#name = ''
    for (const event of events.slice(known)) this.#count(event)
    this.isInPlace = true
    return true
  }

  /** @param {Counted} event */
  #count({ timestamp, event_type: type }) {
    const typeIndex = typeIndexOf(type)
    if (typeIndex === undefined || this.counts.length === 0) return
    const name = timestamp.slice(0, NAME_LENGTH[this.interval])
    if (name !== this.#name) {
      this.#name = name
      this.#index = (this.#floor(Date.parse(timestamp)) - this.start) / this.step
      this.#reach(this.#index)
    }
    if (this.#index >= 0) this.counts[this.#index][typeIndex]++
  }

  /** @param {number} index */
  #reach(index) {
    while (this.counts.length <= index) this.counts.push(EVENT_TYPES.map(() => 0))
  }

  /** @param {number} time */
  #floor(time) {
    return time - time % this.step
  }
}
