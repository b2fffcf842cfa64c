/** What is asked of everybody who wants to follow events, over whichever transport, before the first one is sent. */
import type { FastifyInstance } from 'fastify'
import { LostCursorError } from '../backends/backend.ts'
import { ProblemError } from '../errors.ts'

/**
 * Passes places to go on from that were given by an answer, lost ones, too: what is lost is told by the stream itself.
 * @throws InvalidCursorError
 */
export function checkPlace({ store }: FastifyInstance, after: string | undefined): void {
  if (after === undefined || after === 'earliest') return
  try {
    store.assertReadable(after)
  } catch (error) {
    if (!(error instanceof LostCursorError)) throw error
  }
}

/** @throws ProblemError too_many_subscribers [LIVE-6] */
export function checkRoom({ live }: FastifyInstance): void {
  if (live.isFull) throw new ProblemError('too_many_subscribers', 'no more live connections can be served now', { 'retry-after': '5' })
}
