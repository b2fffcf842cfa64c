/**
 * The graceful stop, as `app.close()` brings it about: not ready, nothing new is accepted, what is in flight is
 * finished, and what does not finish in time is cut off so that the store can still be flushed.
 */
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is on its way out. */
    isStopping(): boolean
  }
  interface FastifyContextConfig {
    /** Whether a route still answers while the service is on its way out. */
    whileStopping?: boolean
  }
}

/** The part of the time for a stop that requests in flight may use; the rest is for the store. */
const SHARE_OF_REQUESTS = 0.75

export default fp(async (app) => {
  let stopping = false
  app.decorate('isStopping', () => stopping)

  // Requests that still come in on open connections.
  app.addHook('onRequest', (request, _reply, done) => {
    if (!stopping || request.routeOptions.config.whileStopping === true) done()
    else done(new ProblemError('stopping', 'send the request again, it goes to another instance or to the next start', { connection: 'close', 'retry-after': '1' }))
  })

  let sweep: NodeJS.Timeout | undefined
  let cut: NodeJS.Timeout | undefined

  app.addHook('preClose', async () => {
    stopping = true
    app.server.close()
    // Node leaves a connection open that was busy at that moment and is idle later.
    sweep = setInterval(() => app.server.closeIdleConnections(), 50)
    cut = setTimeout(() => {
      app.log.warn('requests in flight did not finish in time and are cut off')
      app.server.closeAllConnections()
      app.lingering.destroy()
    }, app.settings.SHUTDOWN_TIMEOUT * 1000 * SHARE_OF_REQUESTS)
  })

  app.addHook('onClose', async () => {
    clearInterval(sweep)
    clearTimeout(cut)
  })
}, { name: 'graceful-shutdown', dependencies: ['settings', 'headers', 'origins', 'problems', 'lingering-close'] })
