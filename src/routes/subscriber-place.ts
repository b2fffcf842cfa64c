/** What is asked of everybody who wants to follow events, over whichever transport, before the first one is sent. */
import type { FastifyInstance } from 'fastify'
import { ProblemError } from '../errors.ts'
import type { SubscriberPlace } from '../live/hub.ts'

/**
 * Reserves the place of a subscriber, to be released when its connection is gone.
 * @param address of the client
 * @throws ProblemError too_many_subscribers [LIVE-6]
 */
export function reservePlace({ live }: FastifyInstance, address: string): SubscriberPlace {
  const place = live.reserve(address)
  if (place === undefined) throw new ProblemError('too_many_subscribers', 'no more live connections can be served now', { 'retry-after': '5' })
  return place
}
