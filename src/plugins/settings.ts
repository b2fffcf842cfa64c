/** Makes the settings known to every plugin and route as `app.settings`. */
import fp from 'fastify-plugin'
import type { Settings } from '../settings.ts'

declare module 'fastify' {
  interface FastifyInstance {
    settings: Settings
  }
}

export default fp<{ settings: Settings }>(async (app, { settings }) => {
  app.decorate('settings', settings)
}, { name: 'settings' })
