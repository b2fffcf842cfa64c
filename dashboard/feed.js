/**
 * The live connection, and the figures that it keeps right: it loads the summaries once and goes on from their cursor, so that
 * totals, types and hours move with every event [LIVE-3]. Unique users, and what leaves a window, come with the summaries
 * that it watches.
 */
import { subscribe } from '../client.js'
import { Board, TIME_WINDOWS } from './board.js'
import { Rate } from './rate.js'
import { Series } from './series.js'

/** @import { Event, Summary, TimeWindow } from '../schemas/index.ts' */

/** Newest events that the list of live events begins with. */
const REWIND = 60

/** Somebody is looking, so it comes back sooner than the client would by itself. */
const BACKOFF = { min: 300, max: 5000 }

/** Least milliseconds between two attempts to load the chart's series. */
const RELOAD_INTERVAL = 1000

/**
 * @typedef {object} Listener
 * @property {() => void} onChange figures have changed
 * @property {(events: readonly Event[], areNew: boolean) => void} onEvents the next events, or those before the page was opened
 * @property {(reason: string) => void} onGap some events will not come
 * @property {(state: string, why: { failure?: { status?: number, code?: string, detail: string } }) => void} onState
 */

export class Feed {
  board = new Board()
  rate = new Rate()
  /** What the chart shows; undefined until it is loaded. @type {Series | undefined} */
  series
  /** What it is going to show. @type {Series | undefined} */
  #coming
  /** @type {TimeWindow} */
  #window = '1h'
  #api
  #listener
  /** @type {import('../client.js').Subscription | undefined} */
  #subscription
  /** Whether the first summary has come; what came before is history. */
  #isLive = false
  /** What the service's time is ahead of the viewer's. */
  #ahead = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /**
   * @param {import('./api.js').Api} api
   * @param {Listener} listener
   */
  constructor(api, listener) {
    this.#api = api
    this.#listener = listener
  }

  /**
   * Connects, and loads everything anew.
   * @throws TypeError if the key cannot be one
   */
  start() {
    this.stop()
    this.#isLive = false
    this.#subscription = subscribe({
      url: this.#api.base,
      key: this.#api.key === '' ? undefined : this.#api.key,
      rewind: REWIND,
      summary: TIME_WINDOWS,
      watch: TIME_WINDOWS,
      backoff: BACKOFF,
      onEvents: (events, { cursor }) => this.#receive(events, cursor),
      onSummary: (summary) => {
        this.#isLive = true
        this.board.reconcile(summary)
        this.#reconcile(summary)
      },
      onUsers: (_users, summary) => {
        if (this.board.receive(summary, this.#subscription?.cursor)) this.#reconcile(summary)
        else this.#listener.onChange()
      },
      onGap: ({ reason }) => {
        this.board.lose()
        if (this.series !== undefined) this.series.isInPlace = false
        this.#coming = undefined
        this.#listener.onGap(reason)
      },
      onState: (state, why) => this.#listener.onState(state, why)
    })
  }

  /** Ends the connection; the figures stay as they are. */
  stop() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#subscription?.close()
    this.#subscription = undefined
    this.board.lose()
    this.series = undefined
    this.#coming = undefined
  }

  /** Forgets all figures. */
  clear() {
    this.stop()
    this.board = new Board()
  }

  /** @param {TimeWindow} window which one the chart shows */
  choose(window) {
    this.#window = window
    this.series = undefined
    this.#load()
  }

  /** Time has passed. */
  advance() {
    this.series?.advance(Date.now() + this.#ahead)
  }

  /**
   * @param {readonly Event[]} events
   * @param {string} cursor
   */
  #receive(events, cursor) {
    if (this.#isLive) {
      this.rate.add(events.length, performance.now())
      const met = this.board.addEvents(events, cursor, (window, event) => {
        if (window === this.#window) this.#count(event)
      })
      for (const summary of met) this.#reconcile(summary)
    }
    this.#listener.onEvents(events, this.#isLive)
  }

  /** @param {Event} event */
  #count(event) {
    this.series?.add(event)
    this.#coming?.add(event)
    if (this.#coming?.isInPlace) this.#show(this.#coming)
  }

  /** The figures of a window were replaced; the series has to agree with them. @param {Summary} summary */
  #reconcile(summary) {
    this.#ahead = Date.parse(summary.to) - Date.now()
    if (summary.time_window === this.#window) {
      const isRight = (this.#coming ?? this.series)?.reconcile(summary) ?? false
      this.series?.reconcile(summary)
      if (!isRight && this.#timer === undefined) this.#load()
    }
    this.#listener.onChange()
  }

  /** Loads the series of the chosen window, as soon as the figures are in place. */
  async #load() {
    const window = this.#window
    const figures = this.board.window(window)
    if (figures === undefined || !figures.isInPlace) return
    const coming = this.#coming = new Series(window === '1h' ? 'minute' : 'hour')
    coming.begin(figures.summary)
    const isLoaded = await this.#api.get('analytics/timeseries', { window, interval: coming.interval }).then((series) => coming.load(series), () => false)
    if (this.#coming !== coming) return
    if (coming.isInPlace) this.#show(coming)
    else if (!isLoaded) this.#retry()
  }

  #retry() {
    this.#coming = undefined
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#load()
    }, RELOAD_INTERVAL)
  }

  /** @param {Series} series */
  #show(series) {
    this.series = series
    this.#coming = undefined
    this.#listener.onChange()
  }
}
