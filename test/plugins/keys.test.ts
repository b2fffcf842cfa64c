import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { createLogger } from '../../src/logger.ts'
import { anEvent, checkProblem, LogLines, post, startApp } from '../harness.ts'

const READS = ['/events', '/analytics/summary', '/analytics/users', '/analytics/timeseries']
const OPEN = ['/health', '/health/live', '/health/ready', '/problems', '/problems/forbidden']
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const read = (app: FastifyInstance, url: string, headers = {}) => app.inject({ url, headers })

t.test('without keys everybody may do everything', async (t) => {
  const app = await startApp(t)
  t.equal((await post(app, anEvent())).statusCode, 200)
  t.equal((await post(app, anEvent(), bearer('anything'))).statusCode, 200)
  for (const url of READS) t.equal((await read(app, url)).statusCode, 200)
})

t.test('with both sets of keys', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'writer-1, writer-2', READ_KEYS: 'reader-1' })

  t.equal((await post(app, anEvent(), bearer('writer-1'))).statusCode, 200)
  t.equal((await post(app, anEvent(), { authorization: 'bearer  writer-2' })).statusCode, 200, 'the scheme in any case')
  t.equal((await post(app, anEvent(), {}, '/events?key=writer-1')).statusCode, 200, 'sendBeacon')
  for (const url of READS) t.equal((await read(app, url, bearer('reader-1'))).statusCode, 200, url)

  const missing = await post(app, anEvent())
  checkProblem(t, missing, 'unauthorized')
  t.equal(missing.headers['www-authenticate'], 'Bearer')
  for (const headers of [bearer('nope'), bearer('writer-'), bearer('writer-1,writer-2'), bearer('Writer-1'), bearer(''), { authorization: 'Basic d3JpdGVyLTE6' }, { authorization: 'writer-1' }]) {
    const response = await post(app, anEvent(), headers)
    checkProblem(t, response, 'unauthorized')
    t.match(response.headers['www-authenticate'], /^Bearer/)
  }
  checkProblem(t, await post(app, anEvent(), {}, '/events?key=nope'), 'unauthorized')
  checkProblem(t, await post(app, anEvent(), {}, '/events?key=writer-1&key=writer-2'), 'unauthorized')
  checkProblem(t, await post(app, anEvent(), bearer('nope'), '/events?key=writer-1'), 'unauthorized')

  const wrong = await post(app, anEvent(), bearer('reader-1'))
  checkProblem(t, wrong, 'forbidden')
  t.match(wrong.headers['www-authenticate'], /insufficient_scope/)
  for (const url of READS) {
    checkProblem(t, await read(app, url), 'unauthorized')
    checkProblem(t, await read(app, url, bearer('writer-1')), 'forbidden')
    const inAddress = await read(app, `${url}?key=reader-1`)
    checkProblem(t, inAddress, 'unauthorized')
    t.match(inAddress.json().detail, /Authorization: Bearer.*`\?key=` is taken by .* alone/, 'no key in the address where a header will do')
    t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 401, 'HEAD as well')
  }
  for (const url of OPEN) t.equal((await read(app, url)).statusCode, 200, `${url} is open`)
  t.equal(app.store.health().ids, 3, 'nothing came in without a key')
})

t.test('with keys for one thing, the other is open', async (t) => {
  const writers = await startApp(t, { WRITE_KEYS: 'w' })
  checkProblem(t, await post(writers, anEvent()), 'unauthorized')
  t.equal((await post(writers, anEvent(), bearer('w'))).statusCode, 200)
  for (const url of READS) t.equal((await read(writers, url)).statusCode, 200)

  const readers = await startApp(t, { READ_KEYS: 'r' })
  t.equal((await post(readers, anEvent())).statusCode, 200)
  for (const url of READS) checkProblem(t, await read(readers, url), 'unauthorized')
})

t.test('`?key=` is taken where a browser cannot set headers, and the answer says so', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'w', READ_KEYS: 'r' })
  for (const url of ['/events/stream', '/events']) {
    const response = url === '/events' ? await post(app, anEvent()) : await app.inject(url)
    checkProblem(t, response, 'unauthorized')
    t.match(response.json().detail, /`Authorization: Bearer <key>` or, where headers cannot be set, as `\?key=<key>`/)
  }
  t.equal((await app.inject({ method: 'HEAD', url: '/events/stream?key=r' })).statusCode, 200)
  t.equal((await post(app, anEvent(), {}, '/events?key=w')).statusCode, 200)
})

t.test('another scheme than Bearer gets a hint, which repeats nothing of it', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'writer' })
  for (const authorization of ['Basic d3JpdGVyOg==', 'Token writer', 'ApiKey writer', 'writer', 'Bearer', 'Bearer writer twice', '']) {
    const response = await post(app, anEvent(), { authorization })
    checkProblem(t, response, 'unauthorized')
    t.match(response.json().detail, /must be `Authorization: Bearer <key>`.*Basic or Token/, authorization)
    t.notMatch(response.body, /writer|d3Jp/)
    t.equal(response.headers['www-authenticate'], 'Bearer error="invalid_request"')
  }
})

t.test('a key for both', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'both', READ_KEYS: 'both,other' })
  t.equal((await post(app, anEvent(), bearer('both'))).statusCode, 200)
  t.equal((await read(app, '/events', bearer('both'))).statusCode, 200)
})

t.test('the key is asked for before the body is read', async (t) => {
  const app = await startApp(t, { WRITE_KEYS: 'w' })
  checkProblem(t, await post(app, 'not json'), 'unauthorized')
  checkProblem(t, await post(app, 'x', { 'content-type': 'image/png' }), 'unauthorized')
})

t.test('a WebSocket can bring its key as a subprotocol', async (t) => {
  const app = await startApp(t, { READ_KEYS: 'r' })
  t.equal((await read(app, '/events', { 'sec-websocket-protocol': 'events, bearer.r' })).statusCode, 200)
  checkProblem(t, await read(app, '/events', { 'sec-websocket-protocol': 'events, bearer.x' }), 'unauthorized')
})

t.test('no key reaches the log', async (t) => {
  const log = new LogLines()
  const app = await startApp(t, { WRITE_KEYS: 'hidden-w', READ_KEYS: 'hidden-r' }, { logger: await createLogger('trace', log) })
  for (const key of ['hidden-w', 'hidden-r', 'hidden-x']) {
    await post(app, anEvent(), bearer(key))
    await post(app, anEvent(), {}, `/events?key=${key}`)
    await read(app, `/events?key=${key}`, bearer(key))
    await read(app, `/nope?key=${key}`, bearer(key))
    await read(app, `/%zz?key=${key}`)
    await read(app, '/events', { 'sec-websocket-protocol': `bearer.${key}` })
  }
  t.ok(log.lines.length >= 15)
  t.notMatch(JSON.stringify(log.lines), /hidden/)
})
