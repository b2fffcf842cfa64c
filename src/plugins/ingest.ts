/** Makes the one way in known as `app.ingest`; HTTP and WebSocket call the same function. */
import fp from 'fastify-plugin'
import { createIngest, type Ingest } from '../ingest/ingest.ts'

declare module 'fastify' {
  interface FastifyInstance {
    ingest: Ingest
  }
}

export default fp(async (app) => {
  app.decorate('ingest', createIngest({ store: app.store, maxEvents: app.settings.MAX_EVENTS }))
}, { name: 'ingest', dependencies: ['settings', 'backend'] })
