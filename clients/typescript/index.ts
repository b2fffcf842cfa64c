/**
 * What the package exports: a sender that sends until every event has its verdict, a subscription that resumes, and a
 * typed client for everything else that can be asked.
 */
export { createEventClient, type EventClient } from '../../openapi/client.ts'
export { createSender, subscribe } from '../client.js'
export type {
  ActivityEvent, Backoff, EventError, Failure, Filter, Gap, NewEvent, Receipt, Sender, SenderOptions, SubscribeOptions, Subscription, SubscriptionState,
  Summary, TimeWindow
} from '../client.js'
/** Every schema and address of the service, as openapi-typescript names them. */
export type { components, operations, paths } from '../../openapi/types.d.ts'
