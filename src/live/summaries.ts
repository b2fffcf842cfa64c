/**
 * Watched windows: each is summed up at most about once a second for all who watch it, when events have come and as time
 * goes by. A summary has changed if anything in it has but `to`: `from` moves once a minute, and who loads a time series beside it
 * has to know the same one.
 */
import type { Summary, TimeWindow } from '../../schemas/index.ts'
import type { Aggregator, EventStore } from '../backends/backend.ts'
import { summaryFrame } from './frames.ts'

/** A summary as it was at one cursor. */
export interface Snapshot {
  readonly cursor: string
  readonly bytes: Buffer
}

/** Who is told summaries of a window. */
export interface SummaryReader {
  /** There may be something new, or something may be due. */
  notify(): void
}

/** One window that somebody watches. */
export interface WatchedWindow {
  readonly window: TimeWindow
  readonly readers: Set<SummaryReader>
  /** The newest summary that differs from the one before. */
  latest: Snapshot | undefined
  /** All that counts as a change of it. */
  figures: string
  /** When that was. */
  changedAt: number
  /** When it was last summed up, or begun to be. */
  computedAt: number
  isComputing: boolean
  /** Whether it has been asked for while it was being computed. */
  isStale: boolean
}

/** The windows that somebody watches. */
export class Summaries {
  /** The cursors of the newest summaries. Frames of events end there, so that a summary can follow right after what it counts. */
  readonly cursors = new Set<string>()
  /** Least milliseconds between two summaries of a window. */
  readonly interval: number
  /** Milliseconds that never go back. */
  readonly now: () => number
  readonly #store: EventStore
  readonly #aggregator: Aggregator
  readonly #onError: (error: unknown) => void
  readonly #windows = new Map<TimeWindow, WatchedWindow>()

  constructor(store: EventStore, aggregator: Aggregator, interval: number, now: () => number, onError: (error: unknown) => void) {
    this.#store = store
    this.#aggregator = aggregator
    this.interval = interval
    this.now = now
    this.#onError = onError
  }

  /** Tells a reader the summaries of a window, the first one at once. */
  join(window: TimeWindow, reader: SummaryReader): WatchedWindow {
    let watched = this.#windows.get(window)
    if (watched === undefined) {
      watched = { window, readers: new Set(), latest: undefined, figures: '', changedAt: -Infinity, computedAt: -Infinity, isComputing: false, isStale: false }
      this.#windows.set(window, watched)
    }
    watched.readers.add(reader)
    if (watched.latest === undefined || !this.#isRecent(watched.computedAt)) this.#compute(watched)
    else this.#refresh(watched)
    return watched
  }

  /** Sums up anew where events have come since the latest summary. */
  #refresh(watched: WatchedWindow): void {
    this.#store.locate().then(({ cursor }) => {
      if (watched.latest?.cursor !== cursor) this.#compute(watched)
    }, this.#onError)
  }

  leave(watched: WatchedWindow, reader: SummaryReader): void {
    watched.readers.delete(reader)
    if (watched.readers.size > 0) return
    this.#windows.delete(watched.window)
    this.#mark()
  }

  /** The log has grown. */
  wake(): void {
    for (const watched of this.#windows.values()) if (!this.#isRecent(watched.changedAt)) this.#compute(watched)
  }

  /** Some time has passed: windows have moved on, and who was not due before may be so now. */
  tick(): void {
    for (const watched of this.#windows.values()) {
      if (this.#isRecent(watched.computedAt)) notify(watched)
      else this.#compute(watched)
    }
  }

  #isRecent(time: number): boolean {
    return this.now() - time < this.interval
  }

  #compute(watched: WatchedWindow): void {
    if (watched.isComputing) {
      watched.isStale = true
      return
    }
    watched.isComputing = true
    watched.isStale = false
    watched.computedAt = this.now()
    this.#aggregator.summary(watched.window).then(
      (summary) => {
        this.#update(watched, summary)
        this.#finish(watched)
      },
      (error) => {
        this.#onError(error)
        this.#finish(watched)
      }
    )
  }

  #finish(watched: WatchedWindow): void {
    watched.isComputing = false
    notify(watched)
    if (watched.isStale) this.#compute(watched)
  }

  #update(watched: WatchedWindow, summary: Summary): void {
    const figures = JSON.stringify({ ...summary, to: undefined })
    if (figures === watched.figures) return
    watched.figures = figures
    watched.changedAt = this.now()
    watched.latest = { cursor: summary.cursor, bytes: summaryFrame(summary) }
    this.#mark()
  }

  #mark(): void {
    this.cursors.clear()
    for (const { latest } of this.#windows.values()) if (latest !== undefined) this.cursors.add(latest.cursor)
  }
}

function notify(watched: WatchedWindow): void {
  for (const reader of watched.readers) reader.notify()
}
