/** All contracts in one place, and the list of those that are registered by name. */
import { Summary, TimeSeries, UserCount, UserCounts } from './analytics.ts'
import { Event, EventBatch } from './event.ts'
import { Health, Liveness, StoreClock, StoreHealth } from './health.ts'
import { CLIENT_FRAMES, ClientFrame, SERVER_FRAMES, ServerFrame } from './live.ts'
import { EventPage } from './page.ts'
import { Problem, ProblemKind, ProblemList, ReceiptProblem, UnavailableProblem } from './problem.ts'
import { EventError, Receipt } from './receipt.ts'
import { Rejection, RejectionList } from './rejection.ts'

export * from './ajv-options.ts'
export * from './analytics.ts'
export * from './event.ts'
export * from './health.ts'
export * from './live.ts'
export * from './page.ts'
export * from './primitives.ts'
export * from './problem.ts'
export * from './receipt.ts'
export * from './rejection.ts'

/** The schemas that HTTP answers and requests refer to by `$id`, in the order in which they refer to each other. */
export const HTTP_SCHEMAS = [
  Event, EventBatch, EventError, Receipt, Problem, ReceiptProblem, UnavailableProblem, ProblemKind, ProblemList, Summary, UserCount, UserCounts, TimeSeries,
  EventPage, Rejection, RejectionList, StoreClock, StoreHealth, Health, Liveness
] as const

/** The schemas of the live frames. */
export const LIVE_SCHEMAS = [...SERVER_FRAMES, ...CLIENT_FRAMES, ServerFrame, ClientFrame] as const
