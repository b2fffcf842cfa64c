/** How the service is: for people (`/health`), for whoever restarts it (`/health/live`) and for whoever sends it requests (`/health/ready`). */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { Health, Liveness } from '../../schemas/index.ts'
import { ProblemError } from '../errors.ts'
import { COMMON_PROBLEMS, json, problem } from './responses.ts'

const healthSchema = {
  operationId: 'getHealth',
  tags: ['operations'],
  summary: 'See how the service is',
  description: 'What the store holds and how far back it remembers. `degraded` while counts are not exact, or the clock is not right.',
  response: { ...COMMON_PROBLEMS, 200: json(Health, 'The service answers.') }
}

const livenessSchema = {
  operationId: 'isLive',
  tags: ['operations'],
  summary: 'See whether it runs',
  description: 'Answers as long as the process does; if it does not, start it anew.',
  response: { ...COMMON_PROBLEMS, 200: json(Liveness, 'It runs.') }
}

const readinessSchema = {
  operationId: 'isReady',
  tags: ['operations'],
  summary: 'See whether it accepts requests',
  description: 'Answers 503 while the service is stopping, or its store cannot accept events; send requests elsewhere then.',
  response: { ...COMMON_PROBLEMS, 200: json(Liveness, 'It accepts requests.'), 503: problem('Not now.') }
}

const health: FastifyPluginAsyncTypebox = async (app) => {
  const started = performance.now()
  const config = { whileStopping: true }
  const logLevel = 'warn' // probes come every few seconds

  app.get('/health', { schema: healthSchema, config }, async () => {
    const store = app.store.health()
    return {
      status: store.exact && store.clock?.right !== false ? 'ok' as const : 'degraded' as const,
      version: packageJson.version,
      uptime_seconds: Math.floor((performance.now() - started) / 1000),
      subscribers: app.live.subscribers,
      store
    }
  })

  app.get('/health/live', { schema: livenessSchema, config, logLevel }, async () => ({ status: 'ok' as const }))

  app.get('/health/ready', { schema: readinessSchema, config, logLevel }, async () => {
    const { ready, detail } = app.isStopping() ? { ready: false, detail: 'the service is stopping' } : app.store.readiness()
    if (!ready) throw new ProblemError('not_ready', detail ?? 'the store cannot accept events now', { 'retry-after': '1' })
    return { status: 'ok' as const }
  })
}

export default fp(health, { name: 'health-routes', encapsulate: true, dependencies: ['backend', 'live', 'graceful-shutdown', 'docs'] })
