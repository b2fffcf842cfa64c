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
