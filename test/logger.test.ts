import { Writable } from 'node:stream'
import t from 'tap'
import { createLogger } from '../src/logger.ts'
import { anEvent, LogLines, post, startApp } from './harness.ts'

t.test('one line a request, when it has been answered', async (t) => {
  const log = new LogLines()
  const app = await startApp(t, {}, { logger: await createLogger('info', log) })
  const answers = [await post(app, anEvent(), {}, '/events?validate_only=true'), await app.inject('/nope?a=b'), await app.inject('/analytics/summary?window=x')]
  t.match(log.lines, [
    { level: 30, method: 'POST', path: '/events', status: 200, msg: 'answered' },
    { level: 30, method: 'GET', path: '/nope', status: 404 },
    { level: 30, method: 'GET', path: '/analytics/summary', status: 400 }
  ])
  for (const [i, line] of log.lines.entries()) {
    t.equal(line.request_id, answers[i].headers['x-request-id'])
    t.type(line.ms, 'number')
  }
  t.equal(log.lines.length, 3)
})

t.test('the line says who, what and what became of it, and nothing of a key [OPS-1]', async (t) => {
  const log = new LogLines()
  const env = { WRITE_KEYS: 'shop:hidden-a,hidden-b', TRUST_PROXY: '10.0.0.1', ALLOWED_ORIGINS: 'https://shop.example' }
  const app = await startApp(t, env, { logger: await createLogger('info', log) })
  const send = (key: string, events: unknown, headers = {}) => app.inject({
    method: 'POST', url: '/events', remoteAddress: '10.0.0.1', payload: events as object, headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': '203.0.113.9', 'user-agent': 'curl/8.5', ...headers }
  })
  const one = anEvent()
  await send('hidden-a', [one, one, { ...anEvent(), user_id: '' }])
  await send('hidden-b', [{ ...anEvent(), user_id: '' }])
  await send('hidden-x', [anEvent()])
  await send('hidden-a', [anEvent()], { origin: 'https://blog.example' })
  await app.inject({ method: 'OPTIONS', url: '/events', headers: { origin: 'https://blog.example', 'access-control-request-method': 'POST' } })
  await app.inject('/%zz?key=hidden-a')
  const common = { address: '203.0.113.9', user_agent: 'curl/8.5', path: '/events' }
  t.match(log.lines, [
    { ...common, status: 207, key: 'shop', accepted: 1, duplicates: 1, rejected: 1, unavailable: 0, late: 0 },
    { ...common, status: 422, key: 'write#2', code: 'all_rejected', accepted: 0, rejected: 1 },
    { ...common, status: 401, code: 'unauthorized' },
    { ...common, status: 403, code: 'origin_not_allowed', key: 'shop' },
    { method: 'OPTIONS', path: '/events', status: 403, code: 'origin_not_allowed', address: '127.0.0.1' },
    { method: 'GET', path: '/%zz', status: 400, code: 'bad_request', address: '127.0.0.1' }
  ])
  t.equal(log.lines.length, 6, 'one line a request')
  t.notOk('code' in log.lines[0] || 'key' in log.lines[2] || 'accepted' in log.lines[2], 'what does not apply is left out')
  t.notMatch(JSON.stringify(log.lines), /hidden/)
})

t.test('what a client says of itself is cut, and holds nothing that a terminal obeys', async (t) => {
  const log = new LogLines()
  const app = await startApp(t, {}, { logger: await createLogger('info', log) })
  await app.inject({ url: `/${'x'.repeat(2000)}`, headers: { 'user-agent': `\u001b[2J\u009b2Jé"${'y'.repeat(5000)}` } })
  const [line] = log.lines
  t.match(line.user_agent, /^\\u001b\[2J\\u009b2J\\u00e9"y{240,}$/)
  t.ok(String(line.user_agent).length < 300)
  t.equal(String(line.path).length, 512)
})

t.test('probes leave none', async (t) => {
  const log = new LogLines()
  const app = await startApp(t, {}, { logger: await createLogger('info', log) })
  await app.inject('/health/live')
  await app.inject('/health/ready')
  t.same(log.lines, [])
})

t.test('what a request logs on its own names no query string either', async (t) => {
  const log = new LogLines()
  const app = await startApp(t, {}, { logger: await createLogger('info', log) })
  app.get('/odd', async (request) => {
    request.log.info({ req: request }, 'by the way')
    return {}
  })
  await app.inject('/odd?key=hidden')
  t.match(await log.find(/by the way/), { req: { method: 'GET', path: '/odd' } })
  t.notMatch(JSON.stringify(log.lines), /hidden/)
})

t.test('in a terminal it is pretty', async (t) => {
  let text = ''
  const terminal = Object.assign(new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    }
  }), { isTTY: true })
  const logger = await createLogger('info', terminal)
  logger.debug('too much')
  logger.info({ answer: 42 }, 'hello')
  await new Promise((resolve) => setImmediate(resolve))
  t.match(text, /INFO.*hello/)
  t.match(text, /answer.*42/)
  t.notMatch(text, /too much/)
  t.throws(() => JSON.parse(text))
})
