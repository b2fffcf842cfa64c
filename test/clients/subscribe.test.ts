/** `subscribe()` where time, the network and the page are the test's: resuming, silence, gaps, summaries. */
import t from 'tap'
import { subscribe, type SubscribeOptions } from '../../clients/client.js'
import { FakeHost, nextTurn } from './fake-host.ts'

const URL_ = 'https://events.example/prefix'

/** A subscription, what it tells, in order, and where it runs. */
async function rig(options: Partial<SubscribeOptions> = {}) {
  const host = new FakeHost()
  const told: unknown[][] = []
  const subscription = subscribe({
    url: URL_,
    onEvents: (events, { cursor }) => told.push(['events', events.map(({ event_id: id }) => id).join(''), cursor]),
    onGap: ({ reason, after, cursor }) => told.push(['gap', reason, after, cursor]),
    onSummary: ({ time_window: window, cursor }) => told.push(['summary', window, cursor]),
    onUsers: (users, { time_window: window }) => told.push(['users', window, users]),
    onState: (state, { failure, retryIn }) => told.push([state, ...failure === undefined ? [] : [failure.status], ...retryIn === undefined ? [] : [retryIn]]),
    ...options
  }, host)
  await nextTurn()
  return { host, told, subscription }
}

const events = (ids: string) => [...ids].map((id) => ({ event_id: id }))
const frame = (ids: string, cursor: string) => ({ type: 'events', cursor, events: events(ids) })
const welcome = (cursor: string, recovered?: boolean) => ({ type: 'welcome', cursor, recovered, heartbeat_seconds: 20 })
const summary = (window: string, cursor: string, users = 0) => ({ time_window: window, cursor, unique_users: users })
const page = (ids: string, cursor: string, hasMore = false) => ({ events: events(ids), cursor, has_more: hasMore })

t.test('events come in order with the cursor after them, from now on', async (t) => {
  const { host, told, subscription } = await rig()
  t.equal(host.socket.url.href, 'wss://events.example/prefix/ws/events')
  t.same(host.socket.protocols, [])
  host.socket.open()
  host.socket.say(welcome('1'), frame('ab', '3'), frame('', '4'), { type: 'of a later version' }, frame('c', '5'))
  t.same(told, [['connecting'], ['open'], ['events', 'ab', '3'], ['events', 'c', '5']])
  t.match(subscription, { state: 'open', cursor: '5' })
})

t.test('the address, the key and the filter are passed on', async (t) => {
  const { host } = await rig({
    url: new URL('http://127.0.0.1:8080/?a=b#c'), key: 'k-1', after: 'earliest', filter: { event_types: ['click', 'signup'], user_ids: ['a b'] }
  })
  t.equal(host.socket.url.href, 'ws://127.0.0.1:8080/ws/events?after=earliest&event_type=click&event_type=signup&user_id=a+b')
  t.same(host.socket.protocols, ['events.v1', 'bearer.k-1'])
})

t.test('after a cut it goes on where it was, later each time, and begins anew once it was open [LIVE-2]', async (t) => {
  const { host, told } = await rig({ backoff: { min: 100, max: 400 } })
  host.socket.open()
  host.socket.say(welcome('1'), frame('a', '2'))
  told.length = 0
  await host.socket.end()
  for (const delay of [100, 200, 400, 400]) {
    t.same(told.splice(0), [['waiting', delay]])
    await host.advance(delay)
    t.equal(host.socket.url.search, '?after=2')
    t.same(told.splice(0), [['connecting']])
    host.socket.open()
    await host.socket.end()
  }
  await host.advance(400)
  host.socket.open()
  host.socket.say(welcome('2', true), frame('b', '3'))
  host.chance = 0.5
  await host.socket.end()
  t.same(told.splice(-2), [['events', 'b', '3'], ['waiting', 75]], 'and chance takes up to a half away')
})

t.test('a connection that falls silent is cut off; a heartbeat keeps it', async (t) => {
  const { host, told } = await rig({ backoff: { min: 100, max: 100 } })
  const first = host.socket
  await host.advance(9_999)
  t.notOk(first.isClosed)
  await host.advance(1)
  t.ok(first.isClosed, 'no handshake within 10 s')
  await host.advance(100)
  const { socket } = host
  socket.open()
  socket.say(welcome('1'))
  for (let i = 2; i < 6; i++) {
    await host.advance(29_000)
    socket.say(frame('', String(i)))
  }
  t.notOk(socket.isClosed)
  told.length = 0
  await host.advance(30_000)
  t.ok(socket.isClosed, 'one and a half times the longest silence')
  t.same(told, [['waiting', 100]])
  await host.advance(100)
  t.equal(host.socket.url.search, '?after=5')
  socket.say(frame('x', '9'))
  await socket.end()
  t.equal(host.sockets.length, 3, 'what was cut off is not listened to any more')
})

t.test('a handshake that is refused is looked into: what will not get better ends it', async (t) => {
  for (const status of [400, 401, 403]) {
    const { host, told, subscription } = await rig({ key: 'k-1', after: 'c', filter: { user_ids: ['a'] } })
    await host.socket.end()
    t.equal(host.request.url.href, `${URL_}/events?limit=1&user_id=a&after=c`)
    t.match(host.request.init.headers, { authorization: 'Bearer k-1' })
    await host.request.answer(status, { code: 'why', detail: 'because' })
    t.same(told, [['connecting'], ['refused', status]])
    t.equal(subscription.state, 'refused')
    t.equal(host.timers + host.listeners('online'), 0)
  }
})

t.test('what may get better is tried again, after Retry-After where it is said', async (t) => {
  const { host, told } = await rig({ backoff: { min: 100, max: 100 } })
  const trouble: [() => Promise<void>, unknown[]][] = [
    [() => host.request.fail(), ['waiting', 100]],
    [() => host.request.answer(200, page('', '1')), ['waiting', 100]],
    [() => host.request.answer(503, {}, { 'retry-after': '5' }), ['waiting', 503, 5000]],
    [() => host.request.answer(429), ['waiting', 429, 100]],
    [() => host.request.answer(410), ['waiting', 410, 100]]
  ]
  for (const [answer, expected] of trouble) {
    await host.socket.end()
    await answer()
    if (expected.length === 2 && told.at(-1)!.length === 3) t.equal(told.at(-1)![1], undefined, 'there was no answer')
    t.same(told.at(-1)!.filter((value) => value !== undefined), expected)
    await host.advance(expected.at(-1) as number)
    t.equal(told.at(-1)![0], 'connecting')
  }
})

t.test('a browser that lets no connection be opened is said to, and asked again', async (t) => {
  const states: unknown[][] = []
  const { host, told } = await rig({ summary: '1h', onState: (state, { failure }) => states.push([state, failure?.detail]) })
  host.refuses = true
  await host.request.answer(200, summary('1h', '5'))
  t.same(states, [['connecting', undefined], ['waiting', 'not from here']])
  t.same(told, [['summary', '1h', '5']])
  host.refuses = false
  await host.advance(500)
  t.equal(host.socket.url.search, '?after=5')
})

t.test('it does not wait when the network comes back', async (t) => {
  const { host } = await rig()
  host.socket.open()
  host.socket.say(welcome('1'))
  await host.happen('online')
  t.equal(host.sockets.length, 1)
  await host.socket.end()
  await host.happen('online')
  t.equal(host.sockets.length, 2)
  await host.advance(5_000)
  t.equal(host.sockets.length, 2, 'once')
})

t.test('what is no frame of the service is not believed', async (t) => {
  const { host, told } = await rig()
  host.socket.open()
  host.socket.dispatchEvent(new MessageEvent('message', { data: '<h1>' }))
  t.same(told.at(-1), ['waiting', 500])
  t.ok(host.socket.isClosed)
})

t.test('a gap is told as it is, even if the connection is cut just before [LIVE-2]', async (t) => {
  const { host, told, subscription } = await rig({ after: 'lost', backoff: { min: 100, max: 100 } })
  host.socket.open()
  host.socket.say(welcome('7', false))
  await host.socket.end()
  t.equal(subscription.cursor, 'lost')
  await host.advance(100)
  t.equal(host.socket.url.search, '?after=lost')
  host.socket.open()
  host.socket.say(welcome('8', false), { type: 'gap', reason: 'not_retained', after: 'lost', cursor: '8' }, frame('a', '9'))
  t.same(told.slice(-2), [['gap', 'not_retained', 'lost', '8'], ['events', 'a', '9']])
})

t.test('a summary is loaded and gone on from [LIVE-3]', async (t) => {
  const { host, told } = await rig({ summary: '24h', key: 'k-1', backoff: { min: 100, max: 100 } })
  t.equal(host.request.url.href, `${URL_}/analytics/summary?window=24h`)
  t.match(host.request.init.headers, { authorization: 'Bearer k-1' })
  await host.request.fail()
  t.equal(host.sockets.length, 0)
  await host.advance(100)
  await host.request.answer(200, summary('24h', '5'))
  t.equal(host.socket.url.search, '?after=5')
  host.socket.open()
  host.socket.say(welcome('5', true), frame('a', '6'))
  t.same(told.filter(([name]) => name === 'summary' || name === 'events'), [['summary', '24h', '5'], ['events', 'a', '6']])
  await host.socket.end()
  await host.advance(100)
  t.equal(host.socket.url.search, '?after=6', 'not loaded again')
  t.equal(host.requests.length, 0)
  t.same(host.socket.sent, [])
})

t.test('a refusal of what is loaded ends it', async (t) => {
  const { host, told } = await rig({ summary: '1h' })
  await host.request.answer(401, { code: 'unauthorized' })
  t.same(told, [['connecting'], ['refused', 401]])
})

t.test('further windows are told in their place: when all that they count was handed over, and nothing more [LIVE-3]', async (t) => {
  const { host, told } = await rig({ summary: ['1h', '24h', '7d'], watch: '7d' })
  await host.request.answer(200, summary('1h', '5'))
  told.length = 0
  const { socket } = host
  socket.open()
  socket.say(welcome('5', true))
  t.same(socket.sent, [{ type: 'watch', time_window: '7d' }, { type: 'watch', time_window: '24h' }])
  socket.say({ type: 'summary', summary: summary('24h', '7') }, { type: 'summary', summary: summary('7d', '5', 3) })
  t.same(told.splice(0), [['open'], ['summary', '7d', '5'], ['users', '7d', 3]])
  socket.say(frame('a', '6'), frame('b', '7'), frame('c', '8'), { type: 'summary', summary: summary('24h', '8') })
  t.same(told.splice(0), [['events', 'a', '6'], ['events', 'b', '7'], ['summary', '24h', '7'], ['events', 'c', '8']])
  t.same(socket.sent.slice(2), [{ type: 'unwatch', time_window: '24h' }])
})

t.test('after a gap the counts begin anew', async (t) => {
  const { host, told } = await rig({ summary: '24h', watch: ['1h'] })
  await host.request.answer(200, summary('24h', '5'))
  const { socket } = host
  socket.open()
  socket.say(welcome('5', true), frame('a', '6'), { type: 'gap', reason: 'too_slow', after: '6', cursor: '90' })
  t.same(socket.sent, [{ type: 'watch', time_window: '1h' }, { type: 'watch', time_window: '24h' }])
  told.length = 0
  socket.say({ type: 'summary', summary: summary('24h', '91') }, frame('b', '91'), frame('c', '92'))
  t.same(told, [['events', 'b', '91'], ['summary', '24h', '91'], ['events', 'c', '92']])
})

t.test('what is watched is watched again after a cut', async (t) => {
  const { host, told } = await rig({ watch: ['1h', '7d'], backoff: { min: 100, max: 100 } })
  for (let i = 0; i < 2; i++) {
    host.socket.open()
    host.socket.say(welcome('1'), { type: 'summary', summary: summary('1h', '1', i) })
    t.same(host.socket.sent, [{ type: 'watch', time_window: '1h' }, { type: 'watch', time_window: '7d' }])
    t.same(told.at(-1), ['users', '1h', i])
    await host.socket.end()
    await host.advance(100)
  }
})

t.test('with a filter a summary is told as it comes', async (t) => {
  const { host, told } = await rig({ summary: ['1h', '24h'], filter: { user_ids: ['a'] } })
  await host.request.answer(200, summary('1h', '5'))
  host.socket.open()
  host.socket.say(welcome('5', true), { type: 'summary', summary: summary('24h', '9') })
  t.same(told.at(-1), ['summary', '24h', '9'])
})

t.test('rewind: the newest events, and then what follows them', async (t) => {
  const { host, told } = await rig({ rewind: 3, filter: { event_types: ['click'] } })
  t.equal(host.request.url.search, '?limit=3&event_type=click')
  await host.request.answer(200, page('abc', '5'))
  t.equal(host.socket.url.search, '?after=5&event_type=click')
  t.same(told.at(-1), ['events', 'abc', '5'])
})

t.test('rewind and summary: an event that the summary does not count yet comes once, and after it', async (t) => {
  const { host, told } = await rig({ rewind: 4, summary: '1h' })
  await host.request.answer(200, summary('1h', '5'))
  await host.request.answer(200, page('abcd', '9'))
  t.equal(host.request.url.search, '?after=5&limit=1000')
  await host.request.answer(200, page('xc', '7', true))
  t.equal(host.request.url.search, '?after=7&limit=1000')
  await host.request.answer(200, page('de', '12', true))
  t.same(told, [['connecting'], ['events', 'ab', '5'], ['summary', '1h', '5']])
  t.equal(host.socket.url.search, '?after=5')

  const quiet = await rig({ rewind: 2, summary: '1h' })
  await quiet.host.request.answer(200, summary('1h', '5'))
  await quiet.host.request.answer(200, page('ab', '5'))
  t.same(quiet.told.slice(1), [['events', 'ab', '5'], ['summary', '1h', '5']])
})

t.test('nothing is told once it is closed, whenever that is', async (t) => {
  const early = await rig({ summary: '1h', rewind: 1 })
  early.subscription.close()
  await early.host.request.answer(200, summary('1h', '5'))
  await early.host.request.answer(200, page('a', '5'))
  t.same(early.told, [['connecting'], ['closed']])
  t.equal(early.host.sockets.length, 0)

  const within: { close?: () => void } = {}
  const { host, told, subscription } = await rig({
    rewind: 1,
    summary: '1h',
    onEvents: () => within.close!()
  })
  within.close = () => subscription.close()
  await host.request.answer(200, summary('1h', '5'))
  await host.request.answer(200, page('a', '5'))
  t.same(told, [['connecting'], ['closed']])
  host.socket.open()
  host.socket.say(welcome('5'), frame('b', '6'))
  await host.socket.end()
  subscription.close()
  t.same(told, [['connecting'], ['closed']])
  t.equal(host.timers + host.listeners('online'), 0, 'nothing is left behind')

  const refused = await rig()
  await refused.host.socket.end()
  refused.subscription.close()
  await refused.host.request.answer(401)
  t.same(refused.told.at(-1), ['closed'])
})

t.test('a callback that throws is reported, and the events count as handed over', async (t) => {
  const { host, subscription } = await rig({ onEvents() { throw new Error('of the page') } })
  const reported = new Promise((resolve) => process.once('uncaughtException', resolve))
  host.socket.open()
  host.socket.say(welcome('1'), frame('a', '2'))
  t.match(await reported, { message: 'of the page' })
  t.match(subscription, { state: 'open', cursor: '2' })
})

t.test('what makes no sense is said at once', async (t) => {
  const told = { onEvents() {}, onGap() {} }
  const host = new FakeHost()
  for (const [options, message] of [
    [{ url: 'ws://events.example' }, /http/],
    [{ url: URL_, key: 'a,b' }, /a key has/],
    [{ url: URL_, rewind: 1001 }, /up to 1000/],
    [{ url: URL_, rewind: 0.5 }, /whole number/],
    [{ url: URL_, rewind: 5, after: 'c' }, /neither with rewind/],
    [{ url: URL_, summary: '1h', after: 'c' }, /nor with summary/]
  ] as const) t.throws(() => subscribe({ ...told, ...options }, host), { message })
  await nextTurn()
  t.equal(host.sockets.length, 0)
})
