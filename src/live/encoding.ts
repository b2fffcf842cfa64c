/** How a transport writes down what a subscriber is told. One encoding serves all subscribers of its transport. */
import type { GAP_REASONS } from '../../schemas/index.ts'
import type { Page } from '../backends/backend.ts'

/** Why a stretch of events was not delivered. */
export type GapReason = (typeof GAP_REASONS)[number]

/** A stretch of events that was not delivered: what lies between two places. */
export interface Gap {
  reason: GapReason
  after: string
  cursor: string
}

/** See above. Each method makes the bytes of one or more whole frames. */
export interface Encoding {
  /** Names the encoding. */
  readonly name: string
  /**
   * The first `count` events of a page, at least one, in memory that nothing else lies in where it is worth freeing;
   * `cursor` is the place behind them. The page is used up.
   */
  events(page: Page, count: number, cursor: string): Buffer
  /** Nothing new up to this place. */
  silence(cursor: string): Buffer
  gap(gap: Gap): Buffer
}
