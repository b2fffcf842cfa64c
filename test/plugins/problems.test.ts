import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { StorageUnavailableError, type Backend } from '../../src/backends/backend.ts'
import { createLogger } from '../../src/logger.ts'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, checkProblem, LogLines, post, startApp } from '../harness.ts'

/** A real backend of which every answer fails. */
function failingBackend(error: Error): Backend {
  const backend = createMemoryBackend({ clock: new TestClock(Date.now()), dedupCapacity: 10, userCapacity: 10, logBytes: 1 << 20 })
  const fail = async () => { throw error }
  Object.assign(backend.aggregator, { summary: fail })
  Object.assign(backend.store, { append: fail, newest: fail })
  return backend
}

const failingRequests = (app: FastifyInstance) => [
  () => app.inject('/analytics/summary'), () => app.inject('/events'), () => post(app, anEvent())
]

t.test('nothing there: 404', async (t) => {
  const app = await startApp(t)
  for (const url of ['/nope', '/Events', '/events/x', '/__proto__', '/constructor', '/health/live/x']) {
    checkProblem(t, await app.inject({ url, method: 'GET' }), 'not_found')
  }
  checkProblem(t, await app.inject({ method: 'POST', url: '/nope', headers: { 'content-type': 'application/json' }, payload: '{"broken' }), 'not_found')
  checkProblem(t, await app.inject({ method: 'POST', url: '/nope', headers: { 'content-type': 'nonsense' }, payload: 'x' }), 'not_found')
})

t.test('the wrong method: 405 and the right ones in Allow', async (t) => {
  const app = await startApp(t)
  const cases: [string, string, string][] = [
    ['/events', 'DELETE', 'GET, HEAD, POST'],
    ['/events?limit=1', 'PUT', 'GET, HEAD, POST'],
    ['/events', 'PATCH', 'GET, HEAD, POST'],
    ['/events', 'OPTIONS', 'GET, HEAD, POST'],
    ['/events', 'TRACE', 'GET, HEAD, POST'],
    ['/events', 'PROPFIND', 'GET, HEAD, POST'],
    ['/analytics/summary', 'POST', 'GET, HEAD'],
    ['/analytics/users', 'DELETE', 'GET, HEAD'],
    ['/health', 'POST', 'GET, HEAD'],
    ['/problems/not_found', 'POST', 'GET, HEAD']
  ]
  for (const [url, method, allow] of cases) {
    const response = await app.inject({ url, method: method as 'PUT', headers: { 'content-type': 'application/json' }, payload: method === 'TRACE' ? undefined : '{"broken' })
    checkProblem(t, response, 'method_not_allowed')
    t.equal(response.headers.allow, allow, `${method} ${url}`)
  }
})

t.test('addresses that are not any: 400', async (t) => {
  const app = await startApp(t)
  for (const url of ['/%zz', '/events%', '/problems/%c3%28']) checkProblem(t, await app.inject(url), 'bad_request')
})

t.test('what nobody foresaw: 500 without a word about it, logged once', async (t) => {
  const log = new LogLines()
  const app = await startApp(t, {}, { backend: failingBackend(new TypeError('secret at line 3')), logger: await createLogger('info', log) })
  for (const request of failingRequests(app)) {
    log.lines.length = 0
    const response = await request()
    checkProblem(t, response, 'internal_error')
    t.notMatch(response.body, /secret/)
    const errors = log.lines.filter(({ level }) => Number(level) >= 50)
    t.match(errors, [{ request_id: response.headers['x-request-id'], err: { message: 'secret at line 3' } }])
    t.equal(errors.length, 1)
  }
  t.equal((await app.inject('/health')).statusCode, 200, 'and the process goes on')
})

t.test('no storage: 503 and when to try again [STORE-3]', async (t) => {
  const app = await startApp(t, {}, { backend: failingBackend(new StorageUnavailableError('redis://10.0.0.1 is gone')) })
  for (const request of failingRequests(app)) {
    const response = await request()
    checkProblem(t, response, 'storage_unavailable')
    t.equal(response.headers['retry-after'], '1')
    t.notMatch(response.body, /redis/)
  }
})

t.test('an answer that cannot be sent as declared is a 500, too', async (t) => {
  const backend = failingBackend(new Error('unused'))
  Object.assign(backend.aggregator, { summary: async () => ({}) })
  const app = await startApp(t, {}, { backend })
  checkProblem(t, await app.inject('/analytics/summary'), 'internal_error')
})
