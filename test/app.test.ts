import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { loadSettings } from '../src/settings.ts'
import { buildApp } from '../src/app.ts'
import { anEvent, checkProblem, post, startApp } from './harness.ts'

/** What needs no key; everything else does. */
const OPEN = ['/health', '/health/live', '/health/ready', '/problems', '/problems/{code}']

/** Whoever asks these may put anything into the query. */
const PROBED = ['/health', '/health/live', '/health/ready', '/metrics']

/** A WebSocket asks for its key at the handshake. */
const UPGRADES = ['/ws/events']

async function pathsOf(app: FastifyInstance): Promise<Record<string, object>> {
  await app.ready()
  return app.swagger().paths as Record<string, object>
}

t.test('every route asks for a key, but for those that are open', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'w', READ_KEYS: 'r' })
  const paths = await pathsOf(app)
  const asking: string[] = []
  for (const [path, operations] of Object.entries(paths)) {
    if (UPGRADES.includes(path)) continue
    for (const method of Object.keys(operations)) {
      const response = await app.inject({ method: method.toUpperCase() as 'GET', url: path.replace('{code}', 'not_found') })
      if (OPEN.includes(path)) {
        t.equal(response.statusCode, 200, `${method} ${path}`)
      } else {
        checkProblem(t, response, 'unauthorized')
        asking.push(`${method} ${path}`)
      }
    }
  }
  t.same(asking.sort(), [
    'get /analytics/summary', 'get /analytics/timeseries', 'get /analytics/users', 'get /events', 'get /events/rejections', 'get /events/stream', 'get /metrics', 'post /events'
  ])
})

t.test('every route answers what it does not know with a problem', async (t) => {
  const app = await startApp(t)
  const paths = await pathsOf(app)
  for (const [path, operations] of Object.entries(paths)) {
    const url = path.replace('{code}', 'not_found')
    if (!UPGRADES.includes(path) && !PROBED.includes(path)) checkProblem(t, await app.inject({ url: `${url}?surprise=1`, method: Object.keys(operations)[0].toUpperCase() as 'GET' }), 'invalid_query')
    checkProblem(t, await app.inject({ url, method: 'DELETE' }), 'method_not_allowed')
  }
})

t.test('two applications in one process share nothing', async (t) => {
  const [one, other] = await Promise.all([startApp(t), startApp(t)])
  await post(one, anEvent())
  t.equal(one.store.health().ids, 1)
  t.equal(other.store.health().ids, 0)
})

t.test('closing is enough for the process to end', async (t) => {
  const app = await buildApp(loadSettings({}))
  await app.ready()
  await app.close()
  t.same(process.getActiveResourcesInfo().filter((name) => name === 'Timeout'), [])
})
