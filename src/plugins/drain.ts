/**
 * The graceful stop, as `app.close()` brings it about: not ready, nothing new is accepted, what is in flight is
 * finished, and what does not finish in time is cut off so that the store can still be flushed.
 */
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is on its way out. */
    isDraining(): boolean
  }
  interface FastifyContextConfig {
    /** Whether a route still answers while the service is on its way out. */
    whileDraining?: boolean
  }
}

/** The part of the time for a stop that requests in flight may use; the rest is for the store. */
const SHARE_OF_REQUESTS = 0.75

export default fp(async (app) => {
  let draining = false
  app.decorate('isDraining', () => draining)

  // Requests that still come in on open connections.
  app.addHook('onRequest', (request, _reply, done) => {
    if (!draining || request.routeOptions.config.whileDraining === true) done()
    else done(new ProblemError('stopping', 'send the request again, it goes to another instance or to the next start', { connection: 'close', 'retry-after': '1' }))
  })

  let sweep: NodeJS.Timeout | undefined
  let cut: NodeJS.Timeout | undefined

  app.addHook('preClose', async () => {
    draining = true
    app.server.close()
    // Node leaves a connection open that was busy at that moment and is idle later.
    sweep = setInterval(() => app.server.closeIdleConnections(), 50)
    cut = setTimeout(() => {
      app.log.warn('requests in flight did not finish in time and are cut off')
      app.server.closeAllConnections()
    }, app.settings.SHUTDOWN_TIMEOUT * 1000 * SHARE_OF_REQUESTS)
  })

  app.addHook('onClose', async () => {
    clearInterval(sweep)
    clearTimeout(cut)
  })
}, { name: 'drain', dependencies: ['settings'] })
