import { once } from 'node:events'
import t from 'tap'
import { createLogger } from '../../src/logger.ts'
import { anEvent, LogLines, startServer } from '../harness.ts'
import { RawClient, request } from '../raw-client.ts'

const POST = ['POST /events', { 'content-type': 'application/json' }] as const

t.test('what is in flight is finished, and nothing new is begun', async (t) => {
  const { app, port } = await startServer(t)
  const text = () => request(...POST, JSON.stringify(anEvent()))

  const idle = new RawClient(t, port)
  await idle.send(request('GET /health'))
  t.equal((await idle.answer())?.status, 200)

  // Each has a request in flight, and then asks for one thing more.
  const cases: [string, number, string | undefined][] = [
    [text(), 503, 'stopping'],
    [request('GET /analytics/summary'), 503, 'stopping'],
    [request('GET /health/ready'), 503, 'not_ready'],
    [request('GET /health/live'), 200, undefined]
  ]
  const clients: { client: RawClient, rest: string }[] = []
  for (const [more] of cases) {
    const client = new RawClient(t, port)
    const body = text()
    const arrived = once(app.server, 'request')
    await client.send(body.slice(0, -10))
    await arrived
    clients.push({ client, rest: body.slice(-10) + more })
  }

  let closed = false
  const closing = app.close().then(() => { closed = true })
  t.equal(await idle.answer(), undefined, 'idle connections are closed')
  t.ok(app.isStopping())
  const late = new RawClient(t, port)
  t.equal(await late.answer(), undefined, 'no more connections are accepted')
  t.notOk(closed)

  for (const [i, { client, rest }] of clients.entries()) {
    await client.send(rest)
    const first = await client.answer()
    t.equal(first?.status, 200, 'the request in flight is finished')
    t.equal(JSON.parse(first!.body).accepted, 1)
    const [, status, code] = cases[i]
    const second = await client.answer()
    t.equal(second?.status, status)
    t.equal(second?.headers.connection, 'close')
    t.equal(JSON.parse(second!.body).code, code)
    if (status === 503) t.match(second!.headers, { 'retry-after': /\d/, 'content-type': /problem\+json/ })
    t.equal(await client.answer(), undefined)
  }
  await closing
  t.equal(app.store.health().ids, cases.length)
})

t.test('a connection that becomes idle later does not hold up the stop', async (t) => {
  const { app, port } = await startServer(t)
  const text = request(...POST, JSON.stringify(anEvent()))
  const busy = new RawClient(t, port)
  const arrived = once(app.server, 'request')
  await busy.send(text.slice(0, -10))
  await arrived
  const closing = app.close()
  await busy.send(text.slice(-10))
  t.equal((await busy.answer())?.status, 200)
  await closing
  t.pass('although the client kept its connection')
})

t.test('what does not finish in time is cut off, and the store is still closed', async (t) => {
  const log = new LogLines()
  const { app, port } = await startServer(t, { SHUTDOWN_TIMEOUT: '1' }, { logger: await createLogger('warn', log) })
  let flushed = false
  const { close } = app.store
  t.intercept(app.store, 'close', { value: () => { flushed = true; return close.call(app.store) } })
  const stuck = new RawClient(t, port)
  const arrived = once(app.server, 'request')
  await stuck.send(request(...POST, JSON.stringify(anEvent())).slice(0, -10))
  await arrived
  // The request never ends by itself, so this would not either.
  await app.close()
  t.ok(flushed)
  t.equal(await stuck.answer(), undefined)
  t.match(log.lines, [{ msg: /cut off/ }])
})
