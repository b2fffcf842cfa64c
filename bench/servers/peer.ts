/**
 * The peer for small requests: the application itself, with every plugin, hook and log line it has, and beside its own
 * routes `POST /peer`, which takes one event the way most services do: parsed, validated by the body schema, put into a Map.
 */
import type { FastifyPluginAsync } from 'fastify'
import { Event, Receipt, ref } from '../../schemas/index.ts'
import { buildApp } from '../../src/app.ts'
import { createLogger, standardOutput } from '../../src/logger.ts'
import { loadSettings } from '../../src/settings.ts'
import { createAjv, MapStore } from './map-store.ts'

const peer: FastifyPluginAsync = async (app) => {
  const ajv = createAjv()
  const store = new MapStore()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
  app.post<{ Body: Event }>('/peer', {
    schema: { body: Event, response: { 200: ref(Receipt) } },
    config: { scope: 'write', rateLimit: {} },
    validatorCompiler: () => ajv.getSchema('Event')!
  }, async ({ body }) => store.add([body]))
}

const settings = loadSettings(process.env)
const app = await buildApp(settings, { logger: await createLogger(settings.LOG_LEVEL, standardOutput()) })
await app.register(peer)
await app.listen({ port: settings.PORT, host: settings.HOST })
