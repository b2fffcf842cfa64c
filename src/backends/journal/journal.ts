/**
 * The journal backend: the memory backend's core, and a journal on disk that every event is in before it is counted. What
 * is in the core is in the journal; when the process starts, the core is built again from it.
 */
import { Worker } from 'node:worker_threads'
import type { Interval, Summary, TimeSeries, TimeWindow, UserCounts } from '../../../schemas/index.ts'
import { RefusedError, type Aggregator, type Backend, type Clock } from '../backend.ts'
import type { Sync } from './connection.ts'
import type { Found } from './journal-file.ts'
import { JournalStore, type StoreOptions } from './journal-store.ts'
import type { WriterAnswer, WriterOptions } from './messages.ts'
import type { JournalReport } from './report.ts'
import { HORIZON } from './retention.ts'

/** What a journal backend is made of. */
export interface JournalOptions extends StoreOptions {
  clock: Clock
  sync: Sync
  report?: (report: JournalReport) => void
  /** The script of the writing thread; a test passes one whose disk fails. */
  thread?: URL
}

/** A backend that accepts events once its journal has been read. */
export interface JournalBackend extends Backend {
  /**
   * Resolves when everything has been read again, or when the journal was closed before.
   * @throws RefusedError where it is damaged
   */
  replayed: Promise<void>
}

/**
 * Opens a journal. Events are accepted as soon as `replayed` resolves.
 * @throws RefusedError if the journal cannot be used: the message says why, and what to do
 */
export async function createJournalBackend(options: JournalOptions): Promise<JournalBackend> {
  const { clock, directory, sync, logBytes, report = () => {}, thread = new URL('writer-thread.ts', import.meta.url) } = options
  const workerData: WriterOptions = { directory, sync, logBytes, horizon: HORIZON, wall: clock.wall() }
  // What is loaded into the main thread before anything else (tracing, say) is of no use to the writing one.
  const worker = new Worker(thread, { workerData, execArgv: [] })
  const found = await new Promise<Found>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (answer: WriterAnswer) => {
      worker.off('error', reject)
      if (answer.type === 'opened') resolve(answer.found)
      else reject(new RefusedError(answer.type === 'refused' ? answer.message : `unexpected ${answer.type}`))
    })
  })
  const store = new JournalStore(clock, options, report, worker, found)
  return { store, aggregator: new JournalAggregator(store), replayed: store.replayed }
}

class JournalAggregator implements Aggregator {
  readonly #store: JournalStore

  constructor(store: JournalStore) {
    this.#store = store
  }

  async summary(window: TimeWindow): Promise<Summary> {
    this.#store.assertReplayed()
    return this.#store.counts.summary(window)
  }

  async users(window: TimeWindow, limit: number, named?: readonly string[]): Promise<UserCounts> {
    this.#store.assertReplayed()
    return this.#store.counts.users(window, limit, named)
  }

  async timeseries(window: TimeWindow, interval: Interval): Promise<TimeSeries> {
    this.#store.assertReplayed()
    return this.#store.counts.timeseries(window, interval)
  }
}
