import t from 'tap'
import type { FastifyInstance } from 'fastify'
import type { RejectionList } from '../../schemas/index.ts'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, checkProblem, post, startApp, startServer } from '../harness.ts'
import { LiveClient } from '../live/clients.ts'

const PAGE = 'https://shop.example'
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

async function rejections(app: FastifyInstance): Promise<RejectionList['rejections']> {
  const response = await app.inject({ url: '/events/rejections', headers: bearer('reader') })
  if (response.statusCode !== 200) throw new Error(response.body)
  return (response.json() as RejectionList).rejections
}

t.test('what was refused can be found out, although nobody read the answers [OPS-1]', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'shop:hidden-w,hidden-v', READ_KEYS: 'reader', ALLOWED_ORIGINS: PAGE })
  t.same(await rejections(app), [])
  const bad = anEvent({ timestamp: 'yesterday' })

  await post(app, bad, { origin: PAGE, 'content-type': 'text/plain' }, '/events?key=hidden-w')
  await post(app, [anEvent(), { ...anEvent(), hidden: 1 }], bearer('hidden-v'))
  await post(app, '{"hidden', { origin: PAGE, ...bearer('hidden-w') })
  await post(app, anEvent(), { origin: 'https://hidden-not.example', ...bearer('hidden-w') })
  await post(app, anEvent(), { origin: PAGE, ...bearer('hidden-x') })
  await app.inject({ method: 'OPTIONS', url: '/events', headers: { origin: 'null', 'access-control-request-method': 'POST' } })
  await app.inject('/nope?key=hidden-w')
  await app.inject('/%zz?key=hidden-w')

  const all = await rejections(app)
  t.match(all, [
    { status: 400, code: 'bad_request' },
    { status: 404, code: 'not_found' },
    { status: 403, code: 'origin_not_allowed', origin: 'null' },
    { status: 401, code: 'unauthorized', origin: PAGE },
    { status: 403, code: 'origin_not_allowed', origin: 'https://hidden-not.example', key: 'shop' },
    { status: 400, code: 'invalid_json', key: 'shop', origin: PAGE },
    { status: 422, code: 'unknown_field', pointer: '/hidden', key: 'write#2' },
    { status: 422, code: 'invalid_timestamp', pointer: '/timestamp', event_id: bad.event_id, key: 'shop', origin: PAGE }
  ])
  t.equal(all.length, 8, 'an event is listed once, and not its request as well')
  t.notMatch(JSON.stringify(all), /hidden-[wvx]|yesterday/, 'no keys, no contents')
  for (const rejection of all) t.match(rejection.time, /^\d{4}-.*Z$/)
})

t.test('a dry run is not taken down [ING-4]', async (t) => {
  const app = await startApp(t)
  t.equal((await post(app, anEvent({ timestamp: 'yesterday' }), {}, '/events?validate_only=true')).statusCode, 422)
  t.same(await rejections(app), [])
})

t.test('WebSocket publishes are taken down like requests, and their rate counts', async (t) => {
  const clock = new TestClock(Date.now())
  const { app, port } = await startServer(t, { WRITE_KEYS: 'shop:w', READ_KEYS: 'reader', RATE_LIMIT: '3', ALLOWED_ORIGINS: PAGE }, { clock })
  const client = await LiveClient.open(t, port, '?subscribe=false', { headers: { ...bearer('w'), origin: PAGE } })
  client.send({ type: 'publish', events: [anEvent({ user_id: '' })] })
  t.match(await client.next('ack'), { rejected: 1 })
  client.send({ type: 'publish', events: [] })
  t.match(await client.next('error'), { code: 'no_events' })
  t.equal((await post(app, anEvent(), bearer('w'))).statusCode, 200, 'the same client over HTTP')
  client.send({ type: 'publish', id: 'much', events: [anEvent()] })
  t.match(await client.next('error'), { id: 'much', code: 'too_many_requests', detail: /3 times a second.* 1 s/ })
  checkProblem(t, await post(app, anEvent(), bearer('w')), 'too_many_requests')
  clock.advance(1000)
  client.send({ type: 'publish', events: [anEvent()] })
  t.match(await client.next('ack'), { accepted: 1 }, 'the connection stays usable')

  t.match(await rejections(app), [
    { status: 429, code: 'too_many_requests', key: 'shop' },
    { status: 429, code: 'too_many_requests', key: 'shop', origin: PAGE },
    { status: 400, code: 'no_events', key: 'shop', origin: PAGE },
    { status: 422, code: 'invalid_user_id', pointer: '/user_id', key: 'shop', origin: PAGE }
  ])
})

t.test('it needs a read key and takes no parameters', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'w', READ_KEYS: 'reader' })
  const read = (url: string, key?: string) => app.inject({ url, headers: key === undefined ? {} : bearer(key) })
  checkProblem(t, await read('/events/rejections'), 'unauthorized')
  checkProblem(t, await read('/events/rejections', 'w'), 'forbidden')
  checkProblem(t, await read('/events/rejections?limit=1', 'reader'), 'invalid_query')
  t.match((await read('/events/rejections', 'reader')).headers['content-type'], /^application\/json/)
})
