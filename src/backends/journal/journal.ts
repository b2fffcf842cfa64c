/**
 * The journal backend: the memory backend's core, and a journal on disk that every event is in before it is counted. What
 * is in the core is in the journal; when the process starts, the core is built again from it.
 */
import { Worker } from 'node:worker_threads'
import type { Interval, StoreHealth, Summary, TimeSeries, TimeWindow, UserCounts } from '../../../schemas/index.ts'
import {
  READY, RefusedError, StorageUnavailableError,
  type Aggregator, type Allocate, type Backend, type Clock, type EventStore, type Filter, type Judgement, type Location, type Page,
  type PageLimits, type Readiness
} from '../backend.ts'
import { Batch, Verdict } from '../batch.ts'
import { MemoryCore } from '../core/core.ts'
import type { Capacities } from '../core/intake.ts'
import { formatCursor } from '../core/log/cursor.ts'
import { HORIZON_MINUTES } from '../core/dedup/arrivals.ts'
import { MemoryAggregator, MemoryStore } from '../memory.ts'
import { CommitQueue, verdictOf } from './commit-queue.ts'
import type { Sync } from './connection.ts'
import type { Found } from './journal-file.ts'
import type { Answer, Request, WriterOptions } from './messages.ts'
import type { Slice } from './replay.ts'
import { Retention } from './retention.ts'

const MINUTE = 60_000

/** How long a row is kept at the least, in milliseconds: as long as its ids, longer than any window. A minute to spare, since ids are aged by whole minutes. */
const HORIZON = (HORIZON_MINUTES + 2) * MINUTE

/** Slices of the replay that are under way at a time: one is read while another is taken. */
const SLICES_AHEAD = 2

/** What a journal has to say to whoever runs it. */
export type JournalReport =
  | { type: 'replaying', events: number, total: number }
  | { type: 'replayed', events: number, seconds: number }
  /** The clock is over an hour from the newest events, so nothing is forgotten for an hour. [TIME-4] */
  | { type: 'cautious' }
  | { type: 'failed', detail: string }
  | { type: 'recovered' }
  | { type: 'warning', detail: string }

/** What a journal backend is made of. */
export interface JournalOptions extends Capacities {
  clock: Clock
  /** Folder of the journal; made if it does not exist. */
  directory: string
  sync: Sync
  report?: (report: JournalReport) => void
  /** The script of the writing thread; a test passes one whose disk fails. */
  thread?: URL
}

/** A backend that takes events once its journal has been read. */
export interface JournalBackend extends Backend {
  /**
   * Resolves when everything has been read again, or when the journal was closed before.
   * @throws RefusedError where it is damaged
   */
  replayed: Promise<void>
}

/**
 * Opens a journal. Events can be taken as soon as `replayed` resolves.
 * @throws RefusedError if the journal cannot be used: the message says why, and what to do
 */
export async function createJournalBackend(options: JournalOptions): Promise<JournalBackend> {
  const { clock, directory, sync, logBytes, thread = new URL('writer-thread.ts', import.meta.url) } = options
  const workerData: WriterOptions = { directory, sync, logBytes, horizon: HORIZON, wall: clock.wall() }
  // What is loaded into the main thread before anything else (tracing, say) is of no use to the writing one.
  const worker = new Worker(thread, { workerData, execArgv: [] })
  const found = await new Promise<Found>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (answer: Answer) => {
      worker.off('error', reject)
      if (answer.type === 'opened') resolve(answer.found)
      else reject(new RefusedError(answer.type === 'refused' ? answer.message : `unexpected ${answer.type}`))
    })
  })
  const store = new JournalStore(options, worker, found)
  return { store, aggregator: new JournalAggregator(store), replayed: store.replayed }
}

class JournalStore implements EventStore {
  readonly replayed: Promise<void>
  /** The core's two faces, once it is known what time it was when the journal begins. */
  readonly memory: MemoryStore
  readonly counts: MemoryAggregator
  readonly #core: MemoryCore
  /** What the newest rows get where they are from the future. */
  #openingTime = 0
  readonly #worker: Worker
  readonly #report: (report: JournalReport) => void
  readonly #queue: CommitQueue
  #found: Found
  readonly #exited: Promise<void>
  /** How far the replay is. */
  #state: 'replaying' | 'open' | 'closed' = 'replaying'
  #replayedEvents = 0
  #reportedTenths = 0
  #replayEnds!: { resolve: () => void, reject: (error: Error) => void }
  #replayStart = 0
  #replays = 0
  #retention: Retention

  constructor({ clock, report = () => {}, ...capacities }: JournalOptions, worker: Worker, found: Found) {
    this.#worker = worker
    this.#report = report
    this.#found = found
    this.#retention = new Retention(HORIZON, found.oldest)
    this.#core = new MemoryCore(clock, capacities, found.oldest && found.newest)
    this.memory = new MemoryStore(this.#core, found.epoch)
    this.counts = new MemoryAggregator(this.#core, this.memory)
    this.#queue = new CommitQueue({
      core: this.#core,
      reading: () => this.#core.reading(),
      commit: (rows) => {
        this.#retention.adds(rows[0])
        this.#ask({ type: 'commit', rows }, [rows[0].columns.buffer as ArrayBuffer])
      },
      cursor: () => this.memory.head,
      counted: () => this.memory.announce()
    })
    this.replayed = new Promise((resolve, reject) => { this.#replayEnds = { resolve, reject } })
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    worker.on('message', (answer: Answer) => this.#hear(answer))
    worker.on('error', (error) => this.#lose(`the writing thread failed: ${(error as Error).message}`))
    worker.on('exit', () => this.#lose('the writing thread ended'))
    if (found.notice !== undefined) this.#report({ type: 'warning', detail: `a new history begins, and cursors of the old one are answered as lost: ${found.notice}` })
    this.#startReplay()
  }

  now(): number {
    return this.#core.now()
  }

  latestNow(): number {
    return this.#core.latestNow()
  }

  async append(batch: Batch): Promise<Judgement> {
    if (this.#state === 'open') return { cursor: await this.#queue.append(batch), verdicts: batch.verdicts }
    batch.verdicts.fill(Verdict.StorageUnavailable, 0, batch.count)
    return { cursor: this.#head, verdicts: batch.verdicts }
  }

  async check(batch: Batch): Promise<Judgement> {
    // What hangs on a commit is judged when that is over.
    while (this.#state === 'open' && this.#hangs(batch)) await this.#queue.settled()
    if (this.#state !== 'open') batch.verdicts.fill(Verdict.StorageUnavailable, 0, batch.count)
    else if (this.#queue.trouble !== undefined) this.#core.refuse(batch, verdictOf(this.#queue.trouble))
    else this.#core.check(batch)
    return { cursor: this.#head, verdicts: batch.verdicts }
  }

  async locate(after?: string): Promise<Location> {
    if (after === undefined) return { cursor: this.#head }
    this.assertReplayed()
    return this.memory.locate(after)
  }

  async read(after: string, filter: Filter, limits: PageLimits, allocate?: Allocate): Promise<Page> {
    this.assertReplayed()
    return this.memory.read(after, filter, limits, allocate)
  }

  async newest(filter: Filter, limits: PageLimits): Promise<Page> {
    this.assertReplayed()
    return this.memory.newest(filter, limits)
  }

  onAppend(listener: () => void): () => void {
    return this.memory.onAppend(listener)
  }

  readiness(): Readiness {
    if (this.#state === 'replaying') return { ready: false, detail: `the journal is being read: ${this.#replayedEvents} of ${this.#total} events` }
    if (this.#state === 'closed') return { ready: false, detail: 'the journal is closed' }
    if (this.#queue.trouble === undefined) return READY
    return { ready: false, detail: this.#queue.trouble === 'full' ? 'the disk of the journal is full' : 'the journal cannot be written' }
  }

  health(): StoreHealth {
    return { ...this.memory.health(), kind: 'journal' }
  }

  maintain(): void {
    if (this.#state !== 'open') return
    this.memory.maintain()
    if (this.#queue.trouble !== undefined) return
    const { openingTime } = this.#core
    if (openingTime !== undefined) {
      this.#openingTime = openingTime
      this.#state = 'replaying'
      this.#restart()
      return
    }
    if (!this.#core.mayForget) return
    const request = this.#retention.next(this.#core.reading(), this.#core.log.first)
    if (request !== undefined) this.#ask(request)
  }

  async close(): Promise<void> {
    const before = this.#state
    this.#state = 'closed'
    this.#replayEnds.resolve()
    if (before !== 'closed') {
      while (this.#queue.isBusy) await this.#queue.settled()
      this.#ask({ type: 'close' })
    }
    await this.#exited
    await this.memory.close()
  }

  /** @throws StorageUnavailableError while the past is not known yet */
  assertReplayed(): void {
    if (this.#state === 'replaying') throw new StorageUnavailableError('the journal is being read')
  }

  /** The cursor after the newest event, known before the replay is over. */
  get #head(): string {
    return this.#state === 'replaying' ? formatCursor(this.#found.epoch, this.#found.end) : this.memory.head
  }

  get #total(): number {
    return this.#found.end - (this.#found.oldest?.position ?? this.#found.end)
  }

  #ask(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer)
  }

  #hear(answer: Answer): void {
    switch (answer.type) {
      case 'slice': return this.#take(answer.slice)
      case 'replayed': return this.#open()
      case 'committed': return this.#queue.committed(answer.memory)
      case 'failed':
        this.#queue.failed(answer.code)
        this.#retention.dropped()
        this.#report({ type: 'failed', detail: answer.detail })
        return this.#ask({ type: 'recover' })
      case 'recovered':
        this.#queue.recovered()
        if (this.#state === 'replaying') this.#askForRetiming()
        return this.#report({ type: 'recovered' })
      case 'trimmed':
        this.#retention.trimmed(answer)
        if (answer.failed !== undefined) this.#report({ type: 'warning', detail: `old events could not be deleted: ${answer.failed}` })
        return
      case 'warning': return this.#report(answer)
      case 'retimed': return this.#replayAgain(answer.found)
      case 'refused':
        this.#replayEnds.reject(new RefusedError(answer.message))
        if (this.#replays > 1) this.#report({ type: 'failed', detail: answer.message })
    }
  }

  /** The newest rows are of a time that has not come: they get the present one, and all is read again by that. [TIME-4] */
  async #restart(): Promise<void> {
    while (this.#queue.isBusy) await this.#queue.settled()
    this.#report({ type: 'warning', detail: 'the newest events are from the future by a clock that has been the same for a minute: they get the present time, and the journal is read again' })
    this.#askForRetiming()
  }

  #askForRetiming(): void {
    if (this.#state === 'replaying') this.#ask({ type: 'retime', wall: this.#openingTime })
  }

  #replayAgain(found: Found): void {
    if (this.#state !== 'replaying') return
    this.#found = found
    this.#retention = new Retention(HORIZON, found.oldest)
    this.#core.restart(this.#openingTime)
    this.#startReplay()
  }

  #startReplay(): void {
    this.#replays++
    this.#replayedEvents = this.#reportedTenths = 0
    this.#replayStart = performance.now()
    for (let i = 0; i < SLICES_AHEAD; i++) this.#ask({ type: 'replay' })
  }

  #take(slice: Slice): void {
    if (this.#state !== 'replaying') return
    const { position, wall, elapsed, logged } = slice
    this.#ask({ type: 'replay' })
    if (logged && this.#core.log.next === 0) this.#core.log.startAt(position)
    const batch = Batch.from(slice.batch)
    this.#core.restore(batch, { wall, elapsed }, logged)
    this.#replayedEvents = position + batch.count - this.#found.oldest!.position
    const tenths = Math.floor(10 * this.#replayedEvents / this.#total)
    if (tenths === this.#reportedTenths) return
    this.#reportedTenths = tenths
    this.#report({ type: 'replaying', events: this.#replayedEvents, total: this.#total })
  }

  #open(): void {
    if (this.#state !== 'replaying') return
    this.#core.restored()
    this.#state = 'open'
    this.#replayEnds.resolve()
    if (!this.#core.mayForget) this.#report({ type: 'cautious' })
    this.#report({ type: 'replayed', events: this.#total, seconds: (performance.now() - this.#replayStart) / 1000 })
  }

  /** The writing thread is gone: nothing can be written any more, what is known can still be read. */
  #lose(detail: string): void {
    this.#queue.failed('unavailable')
    if (this.#state === 'closed') return
    this.#replayEnds.reject(new Error(detail))
    this.#report({ type: 'failed', detail })
  }

  #hangs(batch: Batch): boolean {
    for (let i = 0; i < batch.count; i++) if (this.#core.isPending(batch, i)) return true
    return false
  }
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
