import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import openapiTS, { COMMENT_HEADER, astToString } from 'openapi-typescript'
import t, { type Test } from 'tap'
import { createEventClient, type EventClient } from '../openapi/client.ts'
import type { components } from '../openapi/types.d.ts'
import { startServer } from './harness.ts'

type Event = components['schemas']['ActivityEvent']

async function connect(t: Test, env?: Record<string, string>, key?: string): Promise<EventClient> {
  const { port } = await startServer(t, env)
  return createEventClient(`http://127.0.0.1:${port}`, key)
}

const event = (user: string, type: Event['event_type']): Event => ({
  event_id: randomUUID(), user_id: user, event_type: type, timestamp: new Date().toISOString(), properties: { page: '/', campaign: 'spring' }
})

t.test('the types are those of the committed document', async (t) => {
  const document = new URL('../openapi/openapi.json', import.meta.url)
  const committed = await readFile(new URL('../openapi/types.d.ts', import.meta.url), 'utf8')
  t.equal(committed, COMMENT_HEADER + astToString(await openapiTS(document, { silent: true })), 'else: npm run sdk')
})

t.test('the generated client drives the service', async (t) => {
  const client = await connect(t)
  const events = [event('ada', 'signup'), event('ada', 'purchase'), event('bob', 'page_view')]

  const sent = await client.POST('/events', { body: events })
  t.match(sent.data, { accepted: 3, duplicates: 0, errors: [] })
  const again = await client.POST('/events', { body: [events[0]] })
  t.match(again.data, { accepted: 0, duplicates: 1 })

  const summary = await client.GET('/analytics/summary', { params: { query: { window: '1h' } } })
  const total: number | undefined = summary.data?.total_events
  const purchases: number | undefined = summary.data?.events_by_type.purchase
  t.equal(total, 3)
  t.equal(purchases, 1)
  t.equal(summary.data?.cursor, sent.data?.cursor)

  const users = await client.GET('/analytics/users', { params: { query: { user_id: ['bob', 'nobody'] } } })
  const lastSeen: (string | null)[] | undefined = users.data?.users.map((user) => user.last_seen)
  t.match(users.data?.users, [{ user_id: 'bob', total_events: 1 }, { user_id: 'nobody', total_events: 0 }])
  t.same(lastSeen, [events[2].timestamp, null])

  const series = await client.GET('/analytics/timeseries', { params: { query: { window: '1h', interval: 'minute' } } })
  const signups = series.data?.series.reduce((sum, step) => sum + step.events_by_type.signup, 0)
  t.equal(signups, 1)

  const page = await client.GET('/events', { params: { query: { after: 'earliest', limit: 2, event_type: ['signup', 'page_view'] } } })
  const found: Event[] | undefined = page.data?.events
  t.same(found, [events[0], events[2]])
  t.equal(page.data?.has_more, false)

  const health = await client.GET('/health')
  t.equal(health.data?.store.events_retained, 3)
})

t.test('refusals are typed, too', async (t) => {
  const client = await connect(t)
  const { data, error, response } = await client.POST('/events', { body: [event('', 'click')] })
  t.equal(response.status, 422)
  t.equal(data, undefined)
  t.match(error, { code: 'all_rejected', errors: [{ index: 0, code: 'invalid_user_id' }] })

  // @ts-expect-error -- there is no such window
  const summary = await client.GET('/analytics/summary', { params: { query: { window: '2h' } } })
  t.equal(summary.error?.code, 'invalid_query')
  // @ts-expect-error -- there is no such type of event
  const unknown = await client.POST('/events', { body: [event('ada', 'poke')] })
  t.equal(unknown.response.status, 422)
})

t.test('a key goes along', async (t) => {
  const env = { WRITE_KEYS: 'writer', READ_KEYS: 'reader' }
  const { port } = await startServer(t, env)
  const [writer, reader, nobody] = ['writer', 'reader', undefined].map((key) => createEventClient(`http://127.0.0.1:${port}`, key))
  t.equal((await writer.POST('/events', { body: [event('ada', 'click')] })).response.status, 200)
  t.equal((await reader.GET('/analytics/summary')).data?.total_events, 1)
  t.equal((await nobody.GET('/analytics/summary')).error?.code, 'unauthorized')
})
