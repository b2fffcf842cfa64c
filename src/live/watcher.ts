/**
 * The windows that one connection watches. Of each it is told the newest summary, at most once a second, and none it had
 * no room for: a newer one takes its place. To a connection that is also told every event, a summary comes right after
 * the last event that it counts, so that what follows it is exactly what it does not count yet [LIVE-3]; one that lags
 * too far for that is told all the same, and can go by the cursor.
 */
import type { TimeWindow } from '../../schemas/index.ts'
import type { Outbox } from './peer.ts'
import type { Subscriber } from './subscriber.ts'
import type { Snapshot, Summaries, SummaryReader, WatchedWindow } from './summaries.ts'

/** Intervals for which a summary waits for its place. */
const MAX_WAIT = 3

interface Watch {
  readonly watched: WatchedWindow
  shown: Snapshot | undefined
  shownAt: number
  /** Since when there has been something that was not shown. */
  owedSince: number | undefined
}

/** The watches of one connection. */
export class Watcher implements SummaryReader {
  readonly #summaries: Summaries
  readonly #subscriber: Subscriber
  readonly #outbox: Outbox
  readonly #watches = new Map<TimeWindow, Watch>()
  #unsent = 0

  constructor(summaries: Summaries, subscriber: Subscriber, outbox: Outbox) {
    this.#summaries = summaries
    this.#subscriber = subscriber
    this.#outbox = outbox
  }

  /** Tells the summary of a window as soon as can be, and from now on whenever it has changed. */
  watch(window: TimeWindow): void {
    const watch = this.#watches.get(window)
    if (watch === undefined) {
      const watched = this.#summaries.join(window, this)
      this.#watches.set(window, { watched, shown: undefined, shownAt: -Infinity, owedSince: undefined })
    } else {
      watch.shown = undefined
    }
    this.#subscriber.onMove = this.#notify
    this.notify()
  }

  unwatch(window: TimeWindow): void {
    const watch = this.#watches.get(window)
    if (watch === undefined) return
    this.#watches.delete(window)
    this.#summaries.leave(watch.watched, this)
    if (this.#watches.size === 0) this.#subscriber.onMove = undefined
  }

  /** Ends all watches. */
  close(): void {
    for (const window of [...this.#watches.keys()]) this.unwatch(window)
  }

  /** Tells what is new, due and in its place. */
  notify(): void {
    const now = this.#summaries.now()
    for (const watch of this.#watches.values()) {
      const { latest } = watch.watched
      if (latest === undefined || latest === watch.shown) continue
      watch.owedSince ??= now
      if (this.#unsent > 0 || now - watch.shownAt < this.#summaries.interval || !this.#isInPlace(watch, latest, now)) continue
      watch.shown = latest
      watch.shownAt = now
      watch.owedSince = undefined
      this.#unsent++
      this.#outbox.send(latest.bytes, this.#sent)
    }
  }

  #isInPlace({ watched, owedSince }: Watch, { cursor }: Snapshot, now: number): boolean {
    if (!this.#subscriber.isUnfiltered || this.#subscriber.cursor === cursor) return true
    // A newer one that is being made may be in its place.
    return now - owedSince! > MAX_WAIT * this.#summaries.interval && !watched.isComputing
  }

  readonly #notify = (): void => this.notify()

  readonly #sent = (): void => {
    this.#unsent--
    this.notify()
  }
}
