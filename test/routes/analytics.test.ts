import t from 'tap'
import type { Summary, TimeSeries, UserCounts } from '../../schemas/index.ts'
import { DAY, HOUR, MINUTE, START, TestClock } from '../backends/test-clock.ts'
import { anEvent, checkProblem, post, startApp } from '../harness.ts'

t.test('a summary is exact, sliding and stated [WIN-1 to WIN-4]', async (t) => {
  const clock = new TestClock()
  const app = await startApp(t, {}, { clock })
  const at = (ago: number, fields: object = {}) => anEvent({ timestamp: new Date(START - ago).toISOString(), ...fields })
  await post(app, [
    at(0), at(0, { event_type: 'signup', user_id: 'grace' }), at(50 * MINUTE, { event_type: 'purchase' }),
    at(2 * HOUR, { user_id: 'joan' }), at(3 * DAY, { user_id: 'mary' }), at(9 * DAY, { user_id: 'late' })
  ])

  const response = await app.inject('/analytics/summary')
  t.equal(response.statusCode, 200)
  t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(response.headers['cache-control'], 'no-store')
  const day = response.json<Summary>()
  t.same(Object.keys(day), ['time_window', 'from', 'to', 'total_events', 'exact', 'events_by_type', 'unique_users', 'events_per_hour', 'cursor'])
  t.match(day, {
    time_window: '24h',
    from: '2026-11-22T14:05:00.000Z',
    to: '2026-11-23T14:05:09.120Z',
    total_events: 4,
    exact: true,
    events_by_type: { page_view: 0, click: 2, purchase: 1, signup: 1 },
    unique_users: 3
  }, '24h is the default')
  t.equal(day.events_per_hour.length, 25)
  t.equal(day.events_per_hour.reduce((sum, { count }) => sum + count, 0), 4)

  const window = async (name: string) => (await app.inject(`/analytics/summary?window=${name}`)).json<Summary>()
  t.match(await window('1h'), { time_window: '1h', total_events: 3, unique_users: 2 })
  t.match(await window('7d'), { time_window: '7d', total_events: 5, unique_users: 4 })
  clock.advance(HOUR)
  t.match(await window('1h'), { total_events: 2 }, 'time has passed')
})

t.test('users', async (t) => {
  const app = await startApp(t)
  await post(app, [...'aaabbc'].map((user) => anEvent({ user_id: user })))
  const users = async (query = '') => {
    const response = await app.inject(`/analytics/users?${query}`)
    t.equal(response.statusCode, 200)
    return response.json<UserCounts>().users.map((user) => `${user.user_id}${user.total_events}`)
  }
  t.same(await users(), ['a3', 'b2', 'c1'])
  t.same(await users('limit=2'), ['a3', 'b2'])
  t.same(await users('user_id=c&user_id=nobody'), ['c1', 'nobody0'], 'named users are listed also with none')
  const nobody = (await app.inject('/analytics/users?user_id=nobody')).json<UserCounts>()
  t.same(nobody.users, [{ user_id: 'nobody', total_events: 0, last_seen: null }])
  t.match(nobody.from, /T\d\d:00:00(\.000)?Z$/, 'from is a whole hour')
})

t.test('a time series lists every interval', async (t) => {
  const app = await startApp(t, {}, { clock: new TestClock() })
  await post(app, anEvent({ timestamp: new Date(START).toISOString() }))
  const series = async (query: string) => (await app.inject(`/analytics/timeseries?${query}`)).json<TimeSeries>()
  const hours = await series('')
  t.match(hours, { time_window: '24h', interval: 'hour' })
  t.equal(hours.series.length, 25)
  const minutes = await series('window=1h&interval=minute')
  t.equal(minutes.series.length, 61)
  t.same(minutes.series.at(-1), { start: '2026-11-23T14:05:00Z', total_events: 1, events_by_type: { page_view: 0, click: 1, purchase: 0, signup: 0 } })
})

t.test('queries that are not valid name the choices', async (t) => {
  const app = await startApp(t)
  const cases: [string, RegExp][] = [
    ['summary?window=2h', /`window` must be one of 1h, 24h, 7d/],
    ['summary?window=', /1h, 24h, 7d/],
    ['summary?window=1h&window=24h', /`window`/],
    ['summary?windows=1h', /unknown query parameter `windows`; known are window/],
    ['summary?__proto__=1', /unknown/],
    ['users?limit=1001', /`limit` must be <= 1000/],
    ['users?limit=-1', /`limit` must be >= 1/],
    ['users?window=1d', /1h, 24h, 7d/],
    ['users?user_id=', /`user_id`/],
    ['users?user_id=%0a', /`user_id` is not valid/],
    ['users?key=1', /unknown query parameter `key`/],
    ['timeseries?interval=day', /`interval` must be one of minute, hour/],
    ['timeseries?x=1', /unknown query parameter `x`; known are window, interval/]
  ]
  for (const [query, detail] of cases) t.match(checkProblem(t, await app.inject(`/analytics/${query}`), 'invalid_query').detail, detail, query)
  const long = 'x'.repeat(10_000)
  t.ok((await app.inject(`/analytics/summary?${long}=1`)).body.length < 500, 'a long name is not repeated whole')
})
