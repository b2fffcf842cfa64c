/** Makes the one way in known as `app.ingest`; HTTP and WebSocket call the same function. */
import fp from 'fastify-plugin'
import type { Receipt } from '../../schemas/index.ts'
import { createIngest, type Ingest } from '../ingest/ingest.ts'

declare module 'fastify' {
  interface FastifyInstance {
    ingest: Ingest
  }
  interface FastifyReply {
    /** What became of the events of the request, once it is known. */
    receipt: Receipt | null
  }
}

export default fp(async (app) => {
  app.decorateReply('receipt', null)
  app.decorate('ingest', createIngest({
    store: app.store,
    maxEvents: app.settings.MAX_EVENTS,
    fastPath: app.settings.FAST_PATH === 'on',
    onReceipt: (receipt, sender) => {
      app.countReceipt(receipt, sender.key)
      app.rejections.addEvents(receipt.errors, sender)
    }
  }))
}, { name: 'ingest', dependencies: ['settings', 'backend', 'metrics', 'rejections'] })
