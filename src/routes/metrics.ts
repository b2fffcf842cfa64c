/** `GET /metrics`: what the service counts about itself, for Prometheus. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { GUARDED_PROBLEMS } from './responses.ts'

const EXAMPLE = `# HELP events_total Events received, by verdict.
# TYPE events_total counter
events_total{verdict="accepted"} 12
events_total{verdict="duplicate"} 3
`

const schema = {
  operationId: 'getMetrics',
  tags: ['operations'],
  summary: 'Read the metrics',
  description: 'In the text format of Prometheus; requests are labelled by route pattern.',
  response: {
    ...GUARDED_PROBLEMS,
    200: { description: 'The metrics.', content: { 'text/plain': { schema: { type: 'string' }, example: EXAMPLE } } }
  }
}

const metrics: FastifyPluginAsyncTypebox = async (app) => {
  const logLevel = 'warn' // scrapes come every few seconds
  app.get('/metrics', { schema, config: { scope: 'read' }, logLevel }, async (_request, reply) =>
    reply.type(app.metrics.contentType).send(await app.metrics.metrics()))
}

export default fp(metrics, { name: 'metrics-routes', encapsulate: true, dependencies: ['metrics', 'docs'] })
