import t from 'tap'
import type { Health } from '../../schemas/index.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, checkProblem, forgetIds, post, startApp } from '../harness.ts'

t.test('health says what the store holds', async (t) => {
  const app = await startApp(t, { DEDUP_CAPACITY: '1000', USER_CAPACITY: '2000', EVENT_LOG_BYTES: String(1 << 20) })
  await post(app, [anEvent(), anEvent({ user_id: 'grace' })])
  const response = await app.inject('/health')
  t.equal(response.statusCode, 200)
  t.match(response.json<Health>(), {
    status: 'ok',
    version: packageJson.version,
    uptime_seconds: Number,
    subscribers: 0,
    store: { kind: 'memory', ids: 2, users: 2, events_retained: 2, exact: true, log_capacity_bytes: 1 << 20, dedup_horizon_seconds: 8 * 24 * 3600 }
  })
  t.match(response.json<Health>().store.oldest_retained, /Z$/)
})

t.test('health is degraded while ids are forgotten too early [DEDUP-4]', async (t) => {
  const clock = new TestClock(Date.now())
  const app = await startApp(t, { DEDUP_CAPACITY: '2' }, { clock })
  await forgetIds(app, clock)
  t.match((await app.inject('/health')).json<Health>(), { status: 'degraded', store: { exact: false } })
  t.equal((await app.inject('/analytics/summary')).json().exact, false)
})

t.test('live and ready', async (t) => {
  const app = await startApp(t)
  for (const url of ['/health/live', '/health/ready']) {
    const response = await app.inject(url)
    t.equal(response.statusCode, 200)
    t.same(response.json(), { status: 'ok' })
    checkProblem(t, await app.inject({ url, method: 'POST' }), 'method_not_allowed')
  }
})

t.test('not ready while the store cannot accept events', async (t) => {
  const app = await startApp(t)
  t.intercept(app.store, 'readiness', { value: () => ({ ready: false, detail: 'reading the journal, 40 % done' }) })
  const response = await app.inject('/health/ready')
  t.match(checkProblem(t, response, 'not_ready'), { detail: /40 %/ })
  t.match(response.headers['retry-after'], /^\d+$/)
  t.equal((await app.inject('/health/live')).statusCode, 200, 'it lives all the same')
})
