/** The parts of the application may stand in any order that their declared dependencies allow. */
import { on } from 'node:events'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { buildApp, type Part } from '../src/app.ts'
import { loadSettings } from '../src/settings.ts'
import { anEvent, startServer } from './harness.ts'

/** What fastify-plugin writes down about a plugin. */
interface Meta {
  name: string
  dependencies?: readonly string[]
}

const metaOf = ({ plugin }: Part) => (plugin as unknown as Record<symbol, Meta>)[Symbol.for('plugin-meta')]

/** Every part after those that it depends on, and apart from that by its rank, lowest first. */
function byRank(parts: readonly Part[], rank: (part: Part) => number): Part[] {
  const left = [...parts].sort((a, b) => rank(a) - rank(b))
  const names = new Set<string>()
  const ordered: Part[] = []
  while (left.length > 0) {
    const next = left.findIndex((part) => (metaOf(part).dependencies ?? []).every((name) => names.has(name)))
    if (next < 0) throw new Error(`these depend on each other: ${left.map((part) => metaOf(part).name)}`)
    const [part] = left.splice(next, 1)
    names.add(metaOf(part).name)
    ordered.push(part)
  }
  return ordered
}

/** All that parts do for each other: it is the same whatever the order. */
async function checkTogether(t: Test, arrange: (parts: readonly Part[]) => readonly Part[]): Promise<void> {
  const env = { WRITE_KEYS: 'w', READ_KEYS: 'r', RATE_LIMIT: '3', ALLOWED_ORIGINS: 'https://shop.example' }
  const { app, port } = await startServer(t, env, { arrange })
  const headersOf = (key: string) => ({ authorization: `Bearer ${key}`, origin: 'https://shop.example' })
  const send = () => app.inject({ method: 'POST', url: '/events', headers: { ...headersOf('w'), 'content-type': 'application/json' }, payload: anEvent() })
  const read = (url: string) => app.inject({ url, headers: headersOf('r') })

  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/events?subscribe=false`, { headers: headersOf('w') })
  const frames = on(socket, 'message')
  await frames.next() // welcome
  socket.send(JSON.stringify({ type: 'publish', events: [anEvent()] }))
  t.match(JSON.parse(String((await frames.next()).value?.[0])), { type: 'ack', accepted: 1 })

  t.equal((await send()).statusCode, 200)
  await send()
  t.equal((await send()).statusCode, 429)
  t.equal((await app.inject('/events')).statusCode, 401)
  t.equal((await app.inject({ url: '/events', headers: { ...headersOf('r'), origin: 'https://other.example' } })).statusCode, 403)
  t.equal((await app.inject('/docs/')).statusCode, 200)
  t.match(Object.keys((await app.inject('/openapi.json')).json().paths).sort(), ['/analytics/summary', '/analytics/timeseries', '/analytics/users', '/events'])

  const { body } = await read('/metrics')
  t.match(body, /^events_total\{verdict="accepted".*\} 3$/m, 'events count over either transport')
  t.match(body, /^events_dedup_ids 3$/m)
  t.match(body, /^events_live_subscribers 1$/m)
  t.match(body, /^http_request_duration_seconds_count\{method="GET",route="\/docs[^"]*",status_code="200"\} 1$/m)

  for (const url of ['/health', '/events', '/nope', '/events?limit=x']) {
    const { headers } = await read(url)
    t.match(headers, { 'x-request-id': /./, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'access-control-allow-origin': 'https://shop.example' }, url)
  }
  await app.close()
}

t.test('parts in the order that reverses them as far as they allow', async (t) => {
  await checkTogether(t, (parts) => byRank(parts, (part) => -parts.indexOf(part)))
})

t.test('parts shuffled', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(fc.double({ noNaN: true }), { minLength: 40, maxLength: 40 }), async (ranks) => {
    await checkTogether(t, (parts) => byRank(parts, (part) => ranks[parts.indexOf(part)]))
  }), { numRuns: 5 })
})

t.test('a part that stands before one that it needs is refused by name', async (t) => {
  const settings = loadSettings({})
  for (const name of ['ingest', 'live', 'docs', 'events-routes']) {
    const first = (parts: readonly Part[]) => [...parts].sort((a, b) => Number(metaOf(b).name === name) - Number(metaOf(a).name === name))
    await t.rejects(buildApp(settings, { arrange: first }), { code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED', message: new RegExp(name) })
  }
})
