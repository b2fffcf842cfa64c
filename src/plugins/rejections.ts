/** Keeps the newest refusals of events and requests, as `app.rejections`. [OPS-1] */
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Clock } from '../backends/backend.ts'
import type { Sender } from '../ingest/ingest.ts'
import { RejectionLog } from '../ingest/rejection-log.ts'

declare module 'fastify' {
  interface FastifyInstance {
    rejections: RejectionLog
  }
}

/** Who sent a request, as far as refusals and metrics tell it. */
export function senderOf({ keyLabel, headers }: FastifyRequest): Sender {
  return { key: keyLabel, origin: headers.origin }
}

export default fp<{ clock?: Clock }>(async (app, { clock }) => {
  app.decorate('rejections', new RejectionLog(() => clock === undefined ? Date.now() : clock.wall()))
}, { name: 'rejections' })
