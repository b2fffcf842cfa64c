/**
 * Watched windows: each is summed up at most about once a second for all who watch it, when events have come and as time
 * goes by. A summary has changed if anything in it has but `from` and `to`, which move by themselves.
 */
import type { Summary, TimeWindow } from '../../schemas/index.ts'
import type { Aggregator, EventStore } from '../backends/backend.ts'
import { summaryFrame } from './frames.ts'
import type { Watcher } from './watcher.ts'

/** A summary as it was at one place of the log. */
export interface Snapshot {
  readonly cursor: string
  readonly bytes: Buffer
}

/** One window that somebody watches. */
export interface Board {
  readonly window: TimeWindow
  readonly watchers: Set<Watcher>
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

/** See above. */
export class Summaries {
  /** The places of the newest summaries. Frames of events end there, so that a summary can follow right behind what it counts. */
  readonly cursors = new Set<string>()
  /** Least milliseconds between two summaries of a window. */
  readonly interval: number
  /** Milliseconds that never go back. */
  readonly now: () => number
  readonly #store: EventStore
  readonly #aggregator: Aggregator
  readonly #onError: (error: unknown) => void
  readonly #boards = new Map<TimeWindow, Board>()

  constructor(store: EventStore, aggregator: Aggregator, interval: number, now: () => number, onError: (error: unknown) => void) {
    this.#store = store
    this.#aggregator = aggregator
    this.interval = interval
    this.now = now
    this.#onError = onError
  }

  /** Lets a watcher have the summaries of a window, the first one at once. */
  join(window: TimeWindow, watcher: Watcher): Board {
    let board = this.#boards.get(window)
    if (board === undefined) {
      board = { window, watchers: new Set(), latest: undefined, figures: '', changedAt: -Infinity, computedAt: -Infinity, isComputing: false, isStale: false }
      this.#boards.set(window, board)
    }
    board.watchers.add(watcher)
    if (board.latest === undefined || !this.#isRecent(board.computedAt)) this.#compute(board)
    else this.#refresh(board)
    return board
  }

  /** Sums up anew where events have come since the latest summary. */
  #refresh(board: Board): void {
    this.#store.locate().then(({ cursor }) => {
      if (board.latest?.cursor !== cursor) this.#compute(board)
    }, this.#onError)
  }

  leave(board: Board, watcher: Watcher): void {
    board.watchers.delete(watcher)
    if (board.watchers.size > 0) return
    this.#boards.delete(board.window)
    this.#mark()
  }

  /** The log has grown. */
  wake(): void {
    for (const board of this.#boards.values()) if (!this.#isRecent(board.changedAt)) this.#compute(board)
  }

  /** Some time has passed: windows have moved on, and who was not due before may be so now. */
  tick(): void {
    for (const board of this.#boards.values()) {
      if (this.#isRecent(board.computedAt)) offer(board)
      else this.#compute(board)
    }
  }

  #isRecent(time: number): boolean {
    return this.now() - time < this.interval
  }

  #compute(board: Board): void {
    if (board.isComputing) {
      board.isStale = true
      return
    }
    board.isComputing = true
    board.isStale = false
    board.computedAt = this.now()
    this.#aggregator.summary(board.window).then(
      (summary) => {
        this.#take(board, summary)
        this.#finish(board)
      },
      (error) => {
        this.#onError(error)
        this.#finish(board)
      }
    )
  }

  #finish(board: Board): void {
    board.isComputing = false
    offer(board)
    if (board.isStale) this.#compute(board)
  }

  #take(board: Board, summary: Summary): void {
    const figures = JSON.stringify({ ...summary, from: undefined, to: undefined })
    if (figures === board.figures) return
    board.figures = figures
    board.changedAt = this.now()
    board.latest = { cursor: summary.cursor, bytes: summaryFrame(summary) }
    this.#mark()
  }

  #mark(): void {
    this.cursors.clear()
    for (const { latest } of this.#boards.values()) if (latest !== undefined) this.cursors.add(latest.cursor)
  }
}

function offer(board: Board): void {
  for (const watcher of board.watchers) watcher.offer()
}
