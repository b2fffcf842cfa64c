import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, checkProblem, post, startApp } from '../harness.ts'

const from = (app: FastifyInstance, remoteAddress: string, headers: Record<string, string> = {}, url = '/events') =>
  app.inject({ method: 'POST', url, remoteAddress, headers: { 'content-type': 'application/json', ...headers }, payload: JSON.stringify(anEvent()) })

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

/** An application whose seconds pass when the test says so. */
async function start(t: Parameters<typeof startApp>[0], env: Record<string, string>) {
  const clock = new TestClock(Date.now())
  return { clock, app: await startApp(t, env, { clock }) }
}

t.test('off unless it is set', async (t) => {
  const app = await startApp(t)
  for (let i = 0; i < 50; i++) t.equal((await post(app, anEvent())).statusCode, 200)
})

t.test('each address has its own share of POST /events', async (t) => {
  const { app, clock } = await start(t, { RATE_LIMIT: '3' })
  for (let i = 0; i < 3; i++) t.equal((await from(app, '10.0.0.1')).statusCode, 200)
  const response = await from(app, '10.0.0.1')
  checkProblem(t, response, 'too_many_requests')
  t.equal(response.headers['retry-after'], '1')
  checkProblem(t, await from(app, '10.0.0.1', bearer('made-up')), 'too_many_requests')
  checkProblem(t, await from(app, '10.0.0.1', {}, '/events?key=made-up'), 'too_many_requests')
  t.equal((await from(app, '10.0.0.2')).statusCode, 200, 'another client')
  t.equal((await app.inject({ url: '/events', remoteAddress: '10.0.0.1' })).statusCode, 200, 'another route')
  t.equal(app.store.health().ids, 4, 'what was refused is not taken')
  clock.advance(1000)
  t.equal((await from(app, '10.0.0.1')).statusCode, 200, 'and the next second')
})

t.test('a client is an address and a known key, so that the key of a page does not throttle its visitors', async (t) => {
  const { app } = await start(t, { RATE_LIMIT: '2', WRITE_KEYS: 'page:a,b' })
  for (let visitor = 0; visitor < 20; visitor++) {
    for (let i = 0; i < 2; i++) t.equal((await from(app, `10.0.1.${visitor}`, bearer('a'))).statusCode, 200)
    checkProblem(t, await from(app, `10.0.1.${visitor}`, bearer('a')), 'too_many_requests')
  }
  t.equal((await from(app, '10.0.1.1', bearer('b'))).statusCode, 200, 'another key of the same address')
})

t.test('who guesses keys is one client, whatever the guess', async (t) => {
  const { app } = await start(t, { RATE_LIMIT: '3', WRITE_KEYS: 'a', READ_KEYS: 'r' })
  checkProblem(t, await from(app, '10.0.0.1', bearer('x1')), 'unauthorized')
  checkProblem(t, await from(app, '10.0.0.1', bearer('x2')), 'unauthorized')
  checkProblem(t, await from(app, '10.0.0.1'), 'unauthorized')
  for (const headers of [bearer('x3'), {}, bearer('')]) checkProblem(t, await from(app, '10.0.0.1', headers), 'too_many_requests')
  t.equal((await from(app, '10.0.0.1', bearer('a'))).statusCode, 200, 'and keeps nobody behind the same address from sending')
  checkProblem(t, await from(app, '10.0.0.1', bearer('r')), 'forbidden')
})

t.test('behind a trusted proxy the client is who it says, and without one who connects', async (t) => {
  const { app } = await start(t, { RATE_LIMIT: '1', TRUST_PROXY: '10.0.0.1' })
  for (const client of ['203.0.113.1', '203.0.113.2']) {
    t.equal((await from(app, '10.0.0.1', { 'x-forwarded-for': client })).statusCode, 200)
    checkProblem(t, await from(app, '10.0.0.1', { 'x-forwarded-for': client }), 'too_many_requests')
  }
  t.equal((await from(app, '10.0.0.2', { 'x-forwarded-for': '203.0.113.3' })).statusCode, 200)
  checkProblem(t, await from(app, '10.0.0.2', { 'x-forwarded-for': '203.0.113.4' }), 'too_many_requests')
})

t.test('the 64 bits of an IPv6 network are one client', async (t) => {
  const { app } = await start(t, { RATE_LIMIT: '1' })
  t.equal((await from(app, '2001:db8::1')).statusCode, 200)
  checkProblem(t, await from(app, '2001:db8::2'), 'too_many_requests')
  t.equal((await from(app, '2001:db8:0:1::1')).statusCode, 200)
})

t.test('a wall clock that is set back holds nobody back [TIME-4]', async (t) => {
  const { app, clock } = await start(t, { RATE_LIMIT: '1' })
  t.equal((await from(app, '10.0.0.1')).statusCode, 200)
  clock.jump(-3_600_000)
  clock.advance(1000)
  t.not((await from(app, '10.0.0.1')).statusCode, 429, 'whatever the event is to a clock that is not settled')
})
