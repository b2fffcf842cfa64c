/**
 * The Redis backend: any number of replicas of the service share one Redis or Valkey server or cluster, and keep nothing
 * themselves. Users are spread over partitions, each in one slot; what a partition does, it does in one script.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { EVENT_TYPES, WINDOW_MINUTES, type StoreHealth } from '../../../schemas/index.ts'
import {
  LostCursorError, READY, RefusedError, StorageUnavailableError,
  type Allocate, type Backend, type EventStore, type Filter, type Judgement, type Location, type Page, type PageLimits, type Readiness
} from '../backend.ts'
import type { Batch } from '../batch.ts'
import { HORIZON_MINUTES } from '../core/dedup/generations.ts'
import { AppendSignal } from '../core/log/append-signal.ts'
import { PartitionAggregator } from './aggregator.ts'
import { Appender } from './append.ts'
import { HISTORY_BYTES, formatCursor, parseCursor, type LogPosition } from './cursor.ts'
import { Engine, EngineFullError, type EngineOptions } from './engine.ts'
import { PartitionHash, SECRET_BYTES, partitionPrefixes } from './keys.ts'
import { LogReader } from './log-reader.ts'
import { PartitionPage } from './page.ts'
import { Partition } from './partition.ts'

const HOUR = 3_600_000

/** Version of what lies in the engine. */
const LAYOUT = '1'

/** Milliseconds between two looks for what other replicas have added, while somebody listens. */
const POLL_INTERVAL = 30

/** Milliseconds between two rounds of upkeep: the masters' time, statistics, what has left the windows. */
const UPKEEP_INTERVAL = 1_000

/** Rounds after which each partition has a piece of upkeep, whether it is known to need it or not. */
const UPKEEP_ROUNDS = 10

/** Milliseconds that what is known of the logs' ends may be old when a page is asked for. */
const FRESH = 20

/** For how long an id is remembered, seconds. */
const HORIZON_SECONDS = HORIZON_MINUTES * 60

/** What a redis backend is made of. */
export interface RedisOptions extends Omit<EngineOptions, 'warn'> {
  /** What all keys begin with. */
  prefix: string
  partitions: number
  /** Bytes of the event log, of all partitions together. */
  logBytes: number
  report?: (report: RedisReport) => void
  /** Milliseconds since 1970; the masters' common time unless a test has its own. */
  wall?: () => number
}

/** What a redis backend has to say to whoever runs it. */
export type RedisReport =
  | { type: 'failed', detail: string }
  | { type: 'recovered' }
  | { type: 'warning', detail: string }

/**
 * Connects to the engine.
 * @throws RefusedError where it cannot keep the contract: the message says what to do
 */
export async function createRedisBackend(options: RedisOptions): Promise<Backend> {
  const report = options.report ?? (() => {})
  const engine = await Engine.connect({ ...options, warn: (detail) => report({ type: 'warning', detail }) })
  try {
    const meta = await openMeta(engine, options)
    const store = new RedisStore(engine, options, meta, report)
    await store.refresh()
    return { store, aggregator: store.aggregator }
  } catch (error) {
    engine.close()
    throw error
  }
}

/** What all replicas share. */
interface Meta {
  secret: Buffer
  history: Buffer
}

/**
 * Reads what all replicas share; where there is nothing, writes it.
 * @param secret what this replica has hashed by before: an engine that has come back empty gets it again, with a new history
 * @throws RefusedError where the data belong to other settings
 */
async function openMeta(engine: Engine, { prefix, partitions }: Pick<RedisOptions, 'prefix' | 'partitions'>, secret: Buffer = randomBytes(SECRET_BYTES)): Promise<Meta> {
  const wanted = { layout: LAYOUT, partitions: String(partitions), types: EVENT_TYPES.join(',') }
  const found = await engine.openMeta(`${prefix}:{meta}`, { ...wanted, secret: secret.toString('hex'), history: randomBytes(HISTORY_BYTES).toString('hex') })
  const refuse = (detail: string): never => { throw new RefusedError(`The data under REDIS_PREFIX=${prefix} ${detail}.`) }
  if (found.layout !== wanted.layout) refuse(`have layout ${found.layout}, and this version of the service uses ${LAYOUT}; use another prefix`)
  if (found.partitions !== wanted.partitions) {
    refuse(`have ${found.partitions} partitions, and REDIS_PARTITIONS is ${partitions}; set it to ${found.partitions}, or use another prefix`)
  }
  if (!wanted.types.startsWith(found.types)) refuse(`have the event types ${found.types}; new types are added at the end`)
  return { secret: Buffer.from(found.secret, 'hex'), history: Buffer.from(found.history, 'hex') }
}

class RedisStore implements EventStore {
  readonly aggregator: PartitionAggregator
  readonly #engine: Engine
  readonly #partitions: readonly Partition[]
  readonly #appender: Appender
  readonly #reader: LogReader
  readonly #signal = new AppendSignal()
  readonly #keyspace: Pick<RedisOptions, 'prefix' | 'partitions'>
  readonly #hash: PartitionHash
  #meta: Meta
  readonly #wall: () => number
  readonly #logCapacity: number
  readonly #report: (report: RedisReport) => void
  #lastNow = 0
  #refreshing: Promise<void> | undefined
  #refreshedAt = -Infinity
  #polls: AbortController | undefined
  #upkeepAt = 0
  #isKeepingUp = false
  #rounds = 0
  /** Undefined while the engine answers. */
  #fault: 'full' | 'unavailable' | undefined
  #listeners = 0
  #users = 0
  #oldest: string | null = null

  constructor(engine: Engine, { prefix, partitions, logBytes, wall }: RedisOptions, meta: Meta, report: (report: RedisReport) => void) {
    this.#engine = engine
    this.#keyspace = { prefix, partitions }
    this.#meta = meta
    this.#wall = wall ?? (() => engine.now())
    this.#logCapacity = logBytes
    this.#report = report
    this.#lastNow = this.#wall()
    const hash = this.#hash = new PartitionHash(meta.secret, partitions)
    this.#partitions = partitionPrefixes(prefix, partitions).map((base) => new Partition(`${base}s`, {
      engine,
      logBytes: Math.floor(logBytes / partitions),
      now: () => this.now(),
      onGrowth: () => this.#signal.raise(),
      onFailure: (error) => this.#fail(error)
    }))
    const shared = { engine, partitions: this.#partitions, hash, now: () => this.now() }
    this.#appender = new Appender(shared)
    this.#reader = new LogReader(engine, this.#partitions)
    this.aggregator = new PartitionAggregator({ ...shared, format: this.#format })
  }

  now(): number {
    this.#lastNow = Math.max(this.#lastNow, this.#wall(), ...this.#partitions.map(({ clock }) => clock))
    return this.#lastNow
  }

  latestNow(): number {
    return this.now()
  }

  async append(batch: Batch): Promise<Judgement> {
    await this.#appender.append(batch)
    return { cursor: this.#head, verdicts: batch.verdicts }
  }

  async check(batch: Batch): Promise<Judgement> {
    const reach = Math.floor((this.now() - WINDOW_MINUTES['7d'] * 60_000) / HOUR) * HOUR
    await this.#appender.check(batch, reach)
    return { cursor: this.#head, verdicts: batch.verdicts }
  }

  async locate(after?: string): Promise<Location> {
    await this.#keepFresh()
    if (after === undefined) return { cursor: this.#head }
    if (after === 'earliest') return { cursor: this.#format(this.#partitions.map(({ head, first }) => ({ epoch: head.epoch, position: first }))), recovered: true }
    const positions = parseCursor(after, this.#meta.history, this.#partitions.length)
    const reason = positions === undefined ? 'other_history' as const : await this.#reader.lossOf(positions)
    return reason === undefined ? { cursor: after, recovered: true } : { cursor: this.#head, recovered: false, lost: { after, reason } }
  }

  async read(after: string, filter: Filter, limits: PageLimits, allocate?: Allocate): Promise<Page> {
    const positions = parseCursor(after, this.#meta.history, this.#partitions.length)
    if (positions === undefined) throw new LostCursorError('other_history')
    await this.#keepFresh()
    const read = await this.#reader.read(positions, filter, limits)
    return new PartitionPage(read, this.#format, (end) => this.#partitions.some(({ head }, p) => end[p].position < head.position), allocate)
  }

  async newest(filter: Filter, limits: PageLimits): Promise<Page> {
    await this.#keepFresh()
    const heads = this.#heads
    const events = await this.#reader.newest(heads, filter, limits)
    const start = heads.map(({ epoch, position }, p) => {
      const first = events.find(({ partition }) => partition === p)
      return { epoch, position: first === undefined ? position : first.position - 1 }
    })
    const page = new PartitionPage({ start, events, looked: events, ends: events.map((_, i) => i + 1) }, this.#format, () => false)
    return Object.assign(page, { cursor: this.#format(heads) })
  }

  onAppend(listener: () => void): () => void {
    const end = this.#signal.listen(listener)
    this.#listeners++
    this.#poll()
    return () => {
      end()
      this.#listeners--
      if (this.#listeners === 0) this.#polls?.abort()
    }
  }

  readiness(): Readiness {
    if (this.#fault === undefined) return READY
    return { ready: false, detail: this.#fault === 'full' ? 'the memory of the engine is full' : 'the engine cannot be reached' }
  }

  health(): StoreHealth {
    const sum = (figure: (partition: Partition) => number): number => this.#partitions.reduce((total, partition) => total + figure(partition), 0)
    return {
      kind: 'redis',
      ids: sum(({ ids }) => ids),
      id_capacity: 0,
      dedup_horizon_seconds: HORIZON_SECONDS,
      exact: true,
      users: this.#users,
      user_capacity: 0,
      log_bytes: sum(({ logBytes }) => logBytes),
      log_capacity_bytes: this.#logCapacity,
      events_retained: sum(({ head, first }) => head.position - first),
      oldest_retained: this.#oldest
    }
  }

  maintain(): void {
    const now = performance.now()
    if (this.#isKeepingUp || now - this.#upkeepAt < UPKEEP_INTERVAL) return
    this.#upkeepAt = now
    this.#isKeepingUp = true
    this.#keepUp().then(() => this.#recover(), (error) => this.#fail(error as Error)).finally(() => { this.#isKeepingUp = false })
  }

  async close(): Promise<void> {
    this.#polls?.abort()
    this.#signal.close()
    for (const partition of this.#partitions) partition.close()
    this.#engine.close()
  }

  /** Reads where the partitions' logs end. */
  async refresh(): Promise<void> {
    await Promise.all(this.#partitions.map((partition) => partition.refresh()))
    this.#refreshedAt = performance.now()
  }

  async #keepFresh(): Promise<void> {
    if (performance.now() - this.#refreshedAt < FRESH) return
    await (this.#refreshing ??= this.refresh().finally(() => { this.#refreshing = undefined }))
  }

  /** Looks for what other replicas have added, as long as somebody listens. */
  async #poll(): Promise<void> {
    if (this.#polls?.signal.aborted === false) return
    const { signal } = this.#polls = new AbortController()
    while (!signal.aborted) {
      await delay(POLL_INTERVAL, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      await this.#keepFresh().then(() => this.#recover(), (error) => this.#fail(error as Error))
    }
  }

  async #keepUp(): Promise<void> {
    await this.#engine.readTime()
    await this.#followMeta()
    const isDue = ++this.#rounds % UPKEEP_ROUNDS === 0
    for (const partition of this.#partitions) if (isDue || partition.isPending) await this.aggregator.keepUp(partition, false)
    await this.refresh()
    this.#users = await this.#engine.countUsers(this.#partitions.map(({ key }) => key))
    this.#oldest = await this.#engine.oldestEntry(this.#partitions.map(({ key }) => key))
  }

  /** An engine that has lost everything has another history, and another secret where a replica that started since was the first. */
  async #followMeta(): Promise<void> {
    const meta = await openMeta(this.#engine, this.#keyspace, this.#meta.secret)
    if (meta.secret.equals(this.#meta.secret) && meta.history.equals(this.#meta.history)) return
    this.#meta = meta
    this.#hash.use(meta.secret)
    this.#report({ type: 'warning', detail: 'the engine holds another history than before; cursors of the old one are answered as lost' })
  }

  #fail(error: Error): void {
    const fault = error instanceof EngineFullError ? 'full' : 'unavailable'
    if (this.#fault === fault) return
    this.#fault = fault
    if (error instanceof StorageUnavailableError || error instanceof EngineFullError) this.#report({ type: 'failed', detail: error.message })
  }

  #recover(): void {
    if (this.#fault === undefined) return
    this.#fault = undefined
    this.#report({ type: 'recovered' })
  }

  get #heads(): LogPosition[] {
    return this.#partitions.map(({ head }) => head)
  }

  get #head(): string {
    return this.#format(this.#heads)
  }

  readonly #format = (positions: readonly LogPosition[]): string => formatCursor(this.#meta.history, positions)
}
