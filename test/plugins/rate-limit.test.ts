import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { anEvent, checkProblem, post, startApp } from '../harness.ts'

// The limiter counts by the second of Date.now; here that second does not pass, however slow the machine.
const now = Date.now()
t.beforeEach((t) => { t.intercept(Date, 'now', { value: () => now }) })

const from = (app: FastifyInstance, remoteAddress: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/events', remoteAddress, headers: { 'content-type': 'application/json', ...headers }, payload: JSON.stringify(anEvent()) })

t.test('off unless it is set', async (t) => {
  const app = await startApp(t)
  for (let i = 0; i < 50; i++) t.equal((await post(app, anEvent())).statusCode, 200)
})

t.test('each client has its own share of POST /events', async (t) => {
  const app = await startApp(t, { RATE_LIMIT: '3' })
  for (let i = 0; i < 3; i++) t.equal((await from(app, '10.0.0.1')).statusCode, 200)
  const response = await from(app, '10.0.0.1')
  checkProblem(t, response, 'too_many_requests')
  t.equal(response.headers['retry-after'], '1')
  checkProblem(t, await from(app, '10.0.0.1', { authorization: 'Bearer made-up' }), 'too_many_requests')
  t.equal((await from(app, '10.0.0.2')).statusCode, 200, 'another client')
  t.equal((await app.inject({ url: '/events', remoteAddress: '10.0.0.1' })).statusCode, 200, 'another route')
  t.equal(app.store.health().ids, 4, 'what was refused is not taken')
})

t.test('with keys, a client is a key', async (t) => {
  const app = await startApp(t, { RATE_LIMIT: '2', WRITE_KEYS: 'a,b' })
  for (const address of ['10.0.0.1', '10.0.0.2']) t.equal((await from(app, address, { authorization: 'Bearer a' })).statusCode, 200)
  checkProblem(t, await from(app, '10.0.0.3', { authorization: 'Bearer a' }), 'too_many_requests')
  t.equal((await from(app, '10.0.0.1', { authorization: 'Bearer b' })).statusCode, 200)
  checkProblem(t, await from(app, '10.0.0.1', { authorization: 'Bearer x' }), 'unauthorized')
})
