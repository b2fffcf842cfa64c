/**
 * The memory backend: everything in this process, nothing survives it. Around the core it puts the cursor, the
 * notification of readers and the asynchronous face that all backends share.
 */
import { randomBytes } from 'node:crypto'
import type { Interval, StoreHealth, Summary, TimeSeries, TimeWindow, UserCounts } from '../../schemas/index.ts'
import {
  LostCursorError, READY,
  type Aggregator, type Allocate, type Backend, type Clock, type EventStore, type Filter, type Judgement, type Location, type LostReason, type Page,
  type PageLimits, type Readiness
} from './backend.ts'
import type { Batch } from './batch.ts'
import { AppendSignal } from './core/log/append-signal.ts'
import { MemoryCore } from './core/core.ts'
import type { Capacities } from './core/intake.ts'
import { formatCursor, parseCursor, type ParsedCursor } from './core/log/cursor.ts'
import { MemoryPage, type LogRead } from './core/log/page.ts'

/** What a memory backend is made of. */
export interface MemoryOptions extends Capacities {
  clock: Clock
  /** Names this history; random unless a test chooses it. */
  epoch?: string
}

/** Makes an empty memory backend. */
export function createMemoryBackend(options: MemoryOptions): Backend {
  const core = new MemoryCore(options.clock, options)
  const store = new MemoryStore(core, options.epoch ?? randomBytes(6).toString('hex'))
  return { store, aggregator: new MemoryAggregator(core, store) }
}

/** The face of a core as a store. */
export class MemoryStore implements EventStore {
  readonly #core: MemoryCore
  readonly #epoch: string
  readonly #signal = new AppendSignal()

  constructor(core: MemoryCore, epoch: string) {
    this.#core = core
    this.#epoch = epoch
  }

  now(): number {
    return this.#core.now()
  }

  latestNow(): number {
    return this.#core.latestNow()
  }

  async append(batch: Batch): Promise<Judgement> {
    const before = this.#core.log.next
    this.#core.append(batch)
    if (this.#core.log.next !== before) this.#signal.raise()
    return { cursor: this.head, verdicts: batch.verdicts }
  }

  async check(batch: Batch): Promise<Judgement> {
    this.#core.check(batch)
    return { cursor: this.head, verdicts: batch.verdicts }
  }

  /** The cursor after the newest event. */
  get head(): string {
    return formatCursor(this.#epoch, this.#core.log.next)
  }

  /** The cursor before the oldest retained event. */
  get tail(): string {
    return formatCursor(this.#epoch, this.#core.log.first)
  }

  async locate(after?: string): Promise<Location> {
    if (after === undefined) return { cursor: this.head }
    if (after === 'earliest') return { cursor: this.tail, recovered: true }
    const reason = this.#lossOf(parseCursor(after))
    return reason === undefined ? { cursor: after, recovered: true } : { cursor: this.head, recovered: false, lost: { after, reason } }
  }

  async read(after: string, filter: Filter, limits: PageLimits, allocate?: Allocate): Promise<Page> {
    return this.#page(this.#core.log.read(this.#positionOf(after), filter, limits, allocate))
  }

  async newest(filter: Filter, limits: PageLimits): Promise<Page> {
    return this.#page(this.#core.log.read(this.#core.log.positionOfNewest(filter, limits), filter, limits))
  }

  onAppend(listener: () => void): () => void {
    return this.#signal.listen(listener)
  }

  /** Tells readers that the core has taken events by another way than `append`. */
  announce(): void {
    this.#signal.raise()
  }

  readiness(): Readiness {
    return READY
  }

  health(): StoreHealth {
    return { kind: 'memory', ...this.#core.health() }
  }

  maintain(): void {
    this.#core.upkeep(0)
  }

  async close(): Promise<void> {
    this.#signal.close()
  }

  #positionOf(cursor: string): number {
    const parsed = parseCursor(cursor)
    const reason = this.#lossOf(parsed)
    if (reason !== undefined) throw new LostCursorError(reason)
    return parsed.position
  }

  #lossOf({ epoch, position }: ParsedCursor): LostReason | undefined {
    const { log } = this.#core
    if (epoch !== this.#epoch || position > log.next) return 'other_history'
    return position < log.first ? 'not_retained' : undefined
  }

  #page(read: LogRead): Page {
    return new MemoryPage(read, this.#cursorAt, read.next < this.#core.log.next)
  }

  readonly #cursorAt = (position: number): string => formatCursor(this.#epoch, position)
}

/** The face of a core as an aggregator. */
export class MemoryAggregator implements Aggregator {
  readonly #core: MemoryCore
  readonly #store: MemoryStore
  /** Settles when the users that were asked for last have been found. */
  #previous: Promise<unknown> = Promise.resolve()

  constructor(core: MemoryCore, store: MemoryStore) {
    this.#core = core
    this.#store = store
  }

  async summary(window: TimeWindow): Promise<Summary> {
    return this.#core.summary(window, this.#store.head)
  }

  async users(window: TimeWindow, limit: number, named?: readonly string[]): Promise<UserCounts> {
    // One after the other: many that each take a part of every turn would make it long.
    const answer = this.#previous.then(() => this.#usersInTurn(window, limit, named))
    this.#previous = answer.catch(() => {})
    return answer
  }

  async #usersInTurn(window: TimeWindow, limit: number, named?: readonly string[]): Promise<UserCounts> {
    const ranking = named === undefined ? this.#core.rankUsers(window, limit) : undefined
    try {
      for (;;) {
        const counts = this.#core.users(window, ranking ?? named!)
        if (counts !== undefined) return counts
        // Between the parts everybody else has a turn.
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      ranking?.end()
    }
  }

  async timeseries(window: TimeWindow, interval: Interval): Promise<TimeSeries> {
    return this.#core.timeseries(window, interval)
  }
}
