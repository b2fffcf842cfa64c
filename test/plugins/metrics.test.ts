import { randomUUID } from 'node:crypto'
import { on, once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { REJECTION_CODES, UNAVAILABLE_CODES } from '../../schemas/index.ts'
import { startApp, startServer } from '../harness.ts'
import { checkTable } from '../table.ts'

const start = (t: Test, env: Record<string, string> = {}) => startApp(t, { EVENT_LOG_BYTES: '1048576', ...env })

type App = Awaited<ReturnType<typeof start>>

const event = (fields: object = {}) => ({
  event_id: randomUUID(), user_id: 'user-42', event_type: 'click', timestamp: new Date().toISOString(), ...fields
})

const send = (app: App, events: unknown, query = '') => app.inject({ method: 'POST', url: `/events${query}`, payload: events as object })

/** Every sample of a scrape, by its name with its labels. */
async function scrape(app: App): Promise<Map<string, number>> {
  const answer = await app.inject('/metrics')
  if (answer.statusCode !== 200) throw new Error(answer.body)
  const samples = answer.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(samples.map((line) => {
    const space = line.lastIndexOf(' ')
    return [line.slice(0, space), Number(line.slice(space + 1))]
  }))
}

const requests = (samples: Map<string, number>, method: string, route: string, status: number) =>
  samples.get(`http_request_duration_seconds_count{method="${method}",route="${route}",status_code="${status}"}`)

t.test('events are counted by verdict, once a receipt', async (t) => {
  const app = await start(t, { USER_CAPACITY: '1' })
  const before = await scrape(app)
  const reasons = [...REJECTION_CODES.map((code) => `verdict="rejected",reason="${code}"`), ...UNAVAILABLE_CODES.map((code) => `verdict="unavailable",reason="${code}"`)]
  const all = ['verdict="accepted"', 'verdict="duplicate"', ...reasons]
  checkTable(t, all.map((labels) => [labels, before.get(`events_total{${labels}}`), 0]), 'each starts at 0, so that a rate can be computed')

  const first = event()
  const receipt = await send(app, [
    first, first, event(), event({ timestamp: '2020-01-01T00:00:00Z' }), event({ user_id: '' }), event({ user_id: 'another' })
  ])
  t.match(receipt.json(), { accepted: 3, duplicates: 1, rejected: 1, unavailable: 1, late: 1 })

  const after = await scrape(app)
  t.equal(after.get('events_total{verdict="accepted"}'), 3)
  t.equal(after.get('events_total{verdict="duplicate"}'), 1)
  t.equal(after.get('events_total{verdict="rejected",reason="invalid_user_id"}'), 1)
  t.equal(after.get('events_total{verdict="unavailable",reason="user_capacity"}'), 1)
  t.equal(after.get('events_late_total'), 1)
  let sum = 0
  for (const [name, value] of after) if (name.startsWith('events_total{')) sum += value
  t.equal(sum, 6, 'each event is in one of them')
})

t.test('what comes with a known key is counted by its name, and no key is a label [OPS-1]', async (t) => {
  const app = await start(t, { WRITE_KEYS: 'shop:hidden-a,hidden-b', READ_KEYS: 'board:hidden-c' })
  const scrapeWith = async () => (await app.inject({ url: '/metrics', headers: { authorization: 'Bearer hidden-c' } })).body
  t.match(await scrapeWith(), /^events_by_key_total\{key="write#2",verdict="accepted"\} 0$/m)
  const sendWith = (key: string, events: unknown) => app.inject({ method: 'POST', url: '/events', headers: { authorization: `Bearer ${key}` }, payload: events as object })
  const one = event()
  await sendWith('hidden-a', [one, one, event({ user_id: '' })])
  await sendWith('hidden-b', event())
  await sendWith('hidden-c', event())
  await sendWith('hidden-x', event())
  const body = await scrapeWith()
  for (const sample of [
    'events_by_key_total{key="shop",verdict="accepted"} 1', 'events_by_key_total{key="shop",verdict="duplicate"} 1', 'events_by_key_total{key="shop",verdict="rejected"} 1',
    'events_by_key_total{key="write#2",verdict="accepted"} 1', 'events_by_key_total{key="board",verdict="accepted"} 0',
    'http_requests_by_key_total{key="shop"} 1', 'http_requests_by_key_total{key="write#2"} 1', 'http_requests_by_key_total{key="board"} 2'
  ]) t.ok(body.split('\n').includes(sample), sample)
  t.notMatch(body, /hidden/)
})

t.test('events that are only validated are not counted [ING-4]', async (t) => {
  const app = await start(t)
  t.match((await send(app, event(), '?validate_only=true')).json(), { accepted: 1 })
  const samples = await scrape(app)
  t.equal(samples.get('events_total{verdict="accepted"}'), 0)
  t.equal(samples.get('events_dedup_ids'), 0)
})

t.test('what the store holds', async (t) => {
  const app = await start(t, { DEDUP_CAPACITY: '5000', USER_CAPACITY: '3000' })
  await send(app, [event(), event({ user_id: 'another' }), event()])
  const samples = await scrape(app)
  t.equal(samples.get('events_dedup_ids'), 3)
  t.equal(samples.get('events_users'), 2)
  t.equal(samples.get('events_log_events'), 3)
  t.equal(samples.get('events_exact'), 1)
  t.equal(samples.get('events_log_capacity_bytes'), 1048576)
  const health = (await app.inject('/health')).json().store
  t.equal(samples.get('events_dedup_ids_capacity'), health.id_capacity)
  t.equal(samples.get('events_users_capacity'), health.user_capacity)
  t.equal(samples.get('events_log_bytes'), health.log_bytes)
  t.ok(samples.get('events_dedup_horizon_seconds')! >= 8 * 24 * 3600)
})

t.test('an index that is too small is not exact [DEDUP-4]', async (t) => {
  const app = await start(t, { DEDUP_CAPACITY: '1' })
  for (let i = 0; i < 20; i++) await send(app, Array.from({ length: 10_000 }, () => event()))
  const samples = await scrape(app)
  const { store } = (await app.inject('/health')).json()
  t.equal(store.exact, false)
  t.equal(samples.get('events_exact'), 0)
  t.ok(samples.get('events_dedup_horizon_seconds')! < 8 * 24 * 3600)
})

t.test('what live delivery does', async (t) => {
  const { app, port } = await startServer(t)
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/events`)
  const frames = on(socket, 'message')
  await frames.next() // welcome
  await send(app, [event(), event()])
  await frames.next() // both events
  const during = await scrape(app)
  t.equal(during.get('events_live_subscribers'), 1)
  t.equal(during.get('events_live_delivered_total'), 2)
  t.equal(during.get('events_live_frames_total'), 1)
  t.equal(during.get('events_live_gaps_total'), 0)

  socket.close()
  await once(socket, 'close')
  t.equal((await scrape(app)).get('events_live_delivered_total'), 2, 'a counter is not counted twice')
})

t.test('requests are labelled by the pattern of their route and never by what a client wrote', async (t) => {
  const app = await start(t)
  await send(app, event())
  await send(app, event())
  await send(app, [event({ user_id: '' })])
  await app.inject('/analytics/summary?window=1h')
  await app.inject('/analytics/summary?window=banana')
  await app.inject('/problems/cursor_lost')
  await app.inject('/problems/no_such_code')
  await app.inject('/somewhere/else')
  await app.inject('/somewhere/quite/else?x="')
  await app.inject({ method: 'DELETE', url: '/events' })

  const samples = await scrape(app)
  t.equal(requests(samples, 'POST', '/events', 200), 2)
  t.equal(requests(samples, 'POST', '/events', 422), 1)
  t.equal(requests(samples, 'GET', '/analytics/summary', 200), 1)
  t.equal(requests(samples, 'GET', '/analytics/summary', 400), 1)
  t.equal(requests(samples, 'GET', '/problems/:code', 200), 1)
  t.equal(requests(samples, 'GET', '/problems/:code', 404), 1)
  t.equal(requests(samples, 'GET', 'unmatched', 404), 2)
  t.equal(requests(samples, 'DELETE', 'unmatched', 405), 1)
  t.same([...samples.keys()].filter((name) => /somewhere|banana|no_such_code/.test(name)), [])
})

t.test('applications in one process count apart; the process is measured once', async (t) => {
  const [one, other] = [await start(t), await start(t)]
  await send(one, event())
  t.equal((await scrape(one)).get('events_total{verdict="accepted"}'), 1)
  const samples = await scrape(other)
  t.equal(samples.get('events_total{verdict="accepted"}'), 0)
  t.equal(requests(samples, 'POST', '/events', 200), undefined)
  t.ok(samples.get('process_resident_memory_bytes')! > 0)
  t.ok(samples.has('nodejs_eventloop_lag_p99_seconds'))
})

t.test('the format is the one that Prometheus reads, and the key is one that may read', async (t) => {
  const app = await start(t, { READ_KEYS: 'reader' })
  t.equal((await app.inject('/metrics')).statusCode, 401)
  const answer = await app.inject({ url: '/metrics', headers: { authorization: 'Bearer reader' } })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(answer.body, /^# HELP events_total .+\n# TYPE events_total counter$/m)
})
