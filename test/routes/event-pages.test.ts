import t from 'tap'
import type { EventPage, Receipt } from '../../schemas/index.ts'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, checkProblem, post, startApp } from '../harness.ts'

t.test('pages', async (t) => {
  const app = await startApp(t)
  const start = (await post(app, [{}])).json<Receipt>().cursor
  const events = Array.from({ length: 25 }, (_, i) => anEvent({ user_id: `user-${i % 3}`, event_type: i % 2 === 0 ? 'click' : 'signup' }))
  await post(app, events)
  const page = async (query: string) => {
    const response = await app.inject(`/events?${query}`)
    t.equal(response.statusCode, 200, query)
    t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
    return response.json<EventPage>()
  }
  const ids = (list: { event_id: string }[]) => list.map((event) => event.event_id)

  for (const from of ['earliest', start]) {
    const seen: string[] = []
    let after = from
    for (;;) {
      const { events: some, cursor, has_more: more } = await page(`after=${after}&limit=10`)
      seen.push(...ids(some))
      after = cursor
      if (!more) break
    }
    t.same(seen, ids(events), `all of them once, in order, from ${from}`)
    t.same((await page(`after=${after}`)).events, [], 'and nothing more')
  }

  t.same(ids((await page('limit=3')).events), ids(events.slice(-3)), 'without a cursor, the newest')
  t.same(ids((await page('')).events), ids(events))
  const match = (type: string, users: string[]) => ids(events.filter((event) => event.event_type === type && users.includes(event.user_id)))
  t.same(ids((await page('event_type=signup&user_id=user-1')).events), match('signup', ['user-1']))
  t.same(ids((await page('after=earliest&event_type=click&user_id=user-1&user_id=user-2')).events), match('click', ['user-1', 'user-2']))
  t.same(ids((await page('after=earliest&event_type=click&event_type=signup')).events), ids(events))
  t.same((await page('user_id=nobody')).events, [])

  const head = await app.inject({ method: 'HEAD', url: '/events' })
  t.equal(head.statusCode, 200)
  t.equal(head.body, '')
})

t.test('a page ends early rather than being very large', async (t) => {
  const app = await startApp(t)
  const events = Array.from({ length: 300 }, () => anEvent({ properties: { page: 'x'.repeat(30_000) } }))
  await post(app, events)
  const seen: string[] = []
  let after = 'earliest'
  for (let pages = 1; ; pages++) {
    const response = await app.inject(`/events?after=${after}&limit=1000`)
    t.ok(response.rawPayload.length < 5_000_000)
    const page = response.json<EventPage>()
    seen.push(...page.events.map((event) => event.event_id))
    after = page.cursor
    if (page.has_more) continue
    t.ok(pages > 1)
    break
  }
  t.same(seen, events.map((event) => event.event_id), 'and nothing is left out')
})

t.test('events come out minified, in the sender\'s order, with the id in lower case and the time in UTC', async (t) => {
  const app = await startApp(t)
  await post(app, `{ "timestamp" : "2026-11-23T09:00:00.5+01:00", "properties": {"z" : 1, "a":[ ]}, "event_type":"click",
    "user_id":"\\u00e9", "event_id":"ABCDEFAB-CDEF-4BCD-8FAB-CDEFABCDEFAB"}`)
  const { body } = await app.inject('/events')
  t.match(body, '{"timestamp":"2026-11-23T08:00:00.500Z","properties":{"z":1,"a":[]},"event_type":"click",')
  t.match(body, '"event_id":"abcdefab-cdef-4bcd-8fab-cdefabcdefab"}')
  t.equal(JSON.parse(body).events[0].user_id, 'é')
})

t.test('cursors that cannot be read on from', async (t) => {
  const app = await startApp(t, { EVENT_LOG_BYTES: String(1 << 20) }, { clock: new TestClock(Date.now()) })
  const other = await startApp(t)
  const foreign = (await post(other, anEvent())).json<Receipt>().cursor
  for (const cursor of ['nonsense', 'a.b.c', 'x'.repeat(512), '%00', '../..', 'earliest2']) {
    checkProblem(t, await app.inject(`/events?after=${cursor}`), 'invalid_cursor')
  }
  checkProblem(t, await app.inject(`/events?after=${foreign}`), 'cursor_lost')

  const { cursor } = (await post(app, anEvent())).json<Receipt>()
  t.equal((await app.inject(`/events?after=${cursor}`)).statusCode, 200)
  for (let i = 0; i < 4; i++) {
    await post(app, Array.from({ length: 60 }, () => anEvent({ properties: { page: 'x'.repeat(10_000) } })))
  }
  const body = checkProblem(t, await app.inject(`/events?after=${cursor}`), 'cursor_lost')
  t.match(body.detail, /no longer retained/)
  t.equal((await app.inject('/events?after=earliest')).statusCode, 200)
})

t.test('queries of a page that are not valid', async (t) => {
  const app = await startApp(t)
  const cases: [string, RegExp][] = [
    ['limit=0', /`limit` must be >= 1/],
    ['limit=1001', /`limit` must be <= 1000/],
    ['limit=ten', /`limit` must be a whole number/],
    ['limit=', /`limit`/],
    ['limit=1&limit=2', /`limit`/],
    ['limit=1.5', /`limit`/],
    ['limit=Infinity', /`limit`/],
    ['limit=1e400', /`limit`/],
    ['limit=-Infinity', /`limit`/],
    ['limit=NaN', /`limit`/],
    ['after=', /`after`/],
    [`after=${'x'.repeat(513)}`, /`after`/],
    ['event_type=nap', /`event_type` must be one of page_view, click, purchase, signup/],
    ['user_id=', /`user_id`/],
    ['user_id=%00', /`user_id` is not valid.*control/],
    [Array.from({ length: 101 }, (_, i) => `user_id=${i}`).join('&'), /`user_id`/],
    ['offset=1', /unknown query parameter `offset`; known are after, limit, event_type, user_id/],
    ['key=abc', /unknown query parameter `key`/],
    ['__proto__=1', /unknown query parameter `__proto__`/]
  ]
  for (const [query, detail] of cases) t.match(checkProblem(t, await app.inject(`/events?${query}`), 'invalid_query').detail, detail, query)
})
