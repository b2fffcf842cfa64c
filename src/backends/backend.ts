/**
 * The two interfaces that every backend implements, and their contract. The test-suite in `test/backends/suite.ts`
 * holds each backend to the words on this page.
 */
import type { Interval, StoreHealth, Summary, TimeSeries, TimeWindow, UserCounts } from '../../schemas/index.ts'
import type { Batch } from './batch.ts'

/** What a clock can be asked, all in milliseconds. Passed in, so that a test moves time without waiting. */
export interface Clock {
  /** Wall-clock time since 1970; may leap either way. */
  wall(): number
  /** Time since some fixed moment; never goes back, and stands still while the machine is suspended. */
  monotonic(): number
  /** Time since the machine was started, suspends included. */
  uptime(): number
}

/** Which events a reader wants; both conditions must hold, an absent one always does. */
export interface Filter {
  /** Indices into EVENT_TYPES. */
  types?: ReadonlySet<number>
  /** User ids. */
  users?: ReadonlySet<string>
}

/** Events as they were kept, ready to be sent. */
export interface Page {
  /** How many events it holds. */
  count: number
  /** Their canonical JSON, separated by commas: a copy, in memory that the caller gave, else in the page's own. */
  bytes: Buffer
  /** Each event's first byte in `bytes`, and one past a comma after the last: event i is `bytes[offsets[i] .. offsets[i+1]-1)`. */
  offsets: Uint32Array
  /** The cursor after event `index` of the page. */
  cursorOf(index: number): string
  /** The cursor after what was looked at, whether it matched or not. */
  cursor: string
  /** Whether more was retained after `cursor` when the page was made. */
  hasMore: boolean
}

/** How much one page may hold. */
export interface PageLimits {
  events: number
  /** At least one event is returned even if it is larger. */
  bytes: number
}

/** Gives memory for the events of a page, of just so many bytes; called once their number is known, and never for none. */
export type Allocate = (length: number) => Buffer

/** Why a cursor cannot be read on from. */
export type LostReason = 'not_retained' | 'other_history'

/** Where a reader begins. */
export interface Location {
  /** The cursor to read on from. */
  cursor: string
  /** Whether everything after the cursor that was given will be read; absent where none was given. [LIVE-2] */
  recovered?: boolean
  /** The cursor that was given and can no longer be read on from, and why; `cursor` is the newest event's then. */
  lost?: { after: string, reason: LostReason }
}

/** What became of a batch. */
export interface Judgement {
  /** The cursor after the newest event, once the batch's verdicts are final. */
  cursor: string
  /** One `Verdict` for each event of the batch; valid until the batch is cleared. */
  verdicts: Uint8Array
}

/** A cursor that no backend ever made. */
export class InvalidCursorError extends Error {
  override name = 'InvalidCursorError'
}

/** A well-formed cursor after which events can no longer be read whole. */
export class LostCursorError extends Error {
  override name = 'LostCursorError'
  readonly reason: LostReason

  constructor(reason: LostReason) {
    super(reason === 'not_retained' ? 'the events after this cursor are no longer retained' : 'this cursor belongs to another history')
    this.reason = reason
  }
}

/** The engine cannot answer now; nothing has changed, the same call may succeed later. [STORE-3] */
export class StorageUnavailableError extends Error {
  override name = 'StorageUnavailableError'
}

/** The data cannot be used as they are: a person has to do something, and the message says what. */
export class RefusedError extends Error {
  override name = 'RefusedError'
}

/** Whether a store can accept events now, and if not, why and how far it is. */
export interface Readiness {
  ready: boolean
  /** For people; holds nothing internal. */
  detail?: string
}

/** Nothing in the way. */
export const READY: Readiness = { ready: true }

/**
 * Counts events exactly once and returns them again in order of arrival.
 *
 * - *Atomicity.* `append` remembers each id and counts its event in one step: no reader, here or in the aggregator, ever
 *   sees one without the other. [DEDUP-3]
 * - *Order.* Events of one batch are judged in their order; of one id the first wins, the others are duplicates.
 *   Contents are not compared. [DEDUP-1]
 * - *A duplicate is a verdict, not an error*, and changes nothing. So is an unavailable event; its id stays unknown.
 * - *Visibility.* When `append` has resolved, the next summary and the next page include the batch. [ING-2]
 * - *Now* never goes back. [TIME-3]
 *
 * Whatever an engine over a network can only answer by asking is asynchronous and may reject with StorageUnavailableError;
 * the rest is answered from what the store knows.
 */
export interface EventStore {
  /** The core's now, in milliseconds since 1970. */
  now(): number
  /**
   * The time that timestamps are measured against [TIME-1]: now or, while it is not known which of two times it is, the
   * later of them, so that what is rejected would be by both [TIME-4].
   */
  latestNow(): number
  /** Judges the events of a batch, counts and keeps those that are accepted. */
  append(batch: Batch): Promise<Judgement>
  /** Judges as `append` would, and changes nothing. [ING-4] */
  check(batch: Batch): Promise<Judgement>
  /**
   * Where to read on from to have everything after a cursor; `earliest` stands for the one before the oldest retained event.
   * Without a cursor, and where it is lost, that is the cursor after the newest event: never part of what was asked for.
   * @throws InvalidCursorError
   */
  locate(after?: string): Promise<Location>
  /**
   * The next events after a cursor that match the filter. May end early, even empty, after much that does not match.
   * @param allocate for a caller that uses its memory again
   * @throws InvalidCursorError, LostCursorError
   */
  read(after: string, filter: Filter, limits: PageLimits, allocate?: Allocate): Promise<Page>
  /** The newest events that match the filter, in order of arrival; looks back a bounded way. */
  newest(filter: Filter, limits: PageLimits): Promise<Page>
  /** Calls back, at most once a turn of the event loop, after events have become readable. Returns a function that ends it. */
  onAppend(listener: () => void): () => void
  /** Whether it can accept events now. Cheap. */
  readiness(): Readiness
  /** What the store says of itself. Cheap. */
  health(): StoreHealth
  /** Does a small piece of the upkeep that time brings (expiry); called now and then, also in silence. */
  maintain(): void
  /** Flushes, and closes everything. */
  close(): Promise<void>
}

/**
 * Answers how many, by whom and when. Every figure is exact, and an answer is of one moment: its total, types, hours
 * and users belong together. [WIN-1 to WIN-4] No answer's cost depends on the number of events. [WIN-5]
 */
export interface Aggregator {
  summary(window: TimeWindow): Promise<Summary>
  /** The users with the most events, ties by id in the order of their bytes; or just the named ones, in the order given. */
  users(window: TimeWindow, limit: number, named?: readonly string[]): Promise<UserCounts>
  timeseries(window: TimeWindow, interval: Interval): Promise<TimeSeries>
}

/** One backend: both faces of the same data. */
export interface Backend {
  store: EventStore
  aggregator: Aggregator
}
