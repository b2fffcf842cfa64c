/** The usual way: a Fastify route whose body schema is the batch of events, and a Map. No logs, no plugins. */
import Fastify from 'fastify'
import { EventBatch, EventError, Receipt, type Event } from '../../schemas/index.ts'
import { createAjv, MapStore } from './map-store.ts'

const app = Fastify({ bodyLimit: 64 * 1024 * 1024 })
const ajv = createAjv()
const store = new MapStore()

app.addSchema(EventError)
app.post<{ Body: Event[] }>('/events', {
  schema: { body: EventBatch, response: { 200: Receipt } },
  validatorCompiler: () => ajv.getSchema('EventBatch')!
}, async ({ body }) => store.add(body))

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
