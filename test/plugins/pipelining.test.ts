/** Requests that are sent before the answer to the one before has been read, or has even left. [LIMIT-1] */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { anEvent, post, startApp, startServer } from '../harness.ts'
import { chunk, LAST_CHUNK, RawClient, request } from '../raw-client.ts'

/** The statuses of the next answers. */
async function statusesOf(client: RawClient, count: number): Promise<(number | undefined)[]> {
  const statuses: (number | undefined)[] = []
  while (statuses.length < count) statuses.push((await client.answer())?.status)
  return statuses
}

const JSON_TYPE = { 'content-type': 'application/json' }

/** Resolves when something has become true; asks after everything else has had its turn. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve))
}

/** Counts requests that are under way: routed, and their answers not yet gone. */
async function startCounting(t: Test, env: Record<string, string> = {}) {
  let underWay = 0
  let most = 0
  let begun = 0
  const { app, port } = await startServer(t, env, {
    arrange: (parts) => [...parts.slice(0, 1), {
      plugin: Object.assign((instance: Parameters<(typeof parts)[0]['plugin']>[0], _options: object, done: () => void) => {
        instance.addHook('onRequest', (_request, reply, next) => {
          begun++
          most = Math.max(most, ++underWay)
          reply.raw.once('finish', () => underWay--)
          next()
        })
        done()
      }, { [Symbol.for('skip-override')]: true }),
      options: {}
    }, ...parts.slice(1)]
  })
  return { app, port, most: () => most, begun: () => begun }
}

t.test('a thousand requests sent at once are answered in order, one at a time', async (t) => {
  const { app, port, most } = await startCounting(t)
  const client = new RawClient(t, port)
  const texts: string[] = []
  for (let i = 0; i < 1000; i++) {
    const id = { 'x-request-id': `r-${i}` }
    const body = JSON.stringify(anEvent())
    texts.push([
      request('GET /health', id),
      request('POST /events', { ...JSON_TYPE, ...id }, body),
      request('POST /events', { ...JSON_TYPE, ...id, 'transfer-encoding': 'chunked' }) + chunk(body.slice(0, 50)) + chunk(body.slice(50)) + LAST_CHUNK,
      request('POST /events', { ...JSON_TYPE, ...id, expect: '100-continue' }, body),
      request('GET /nope', id)
    ][i % 5])
  }
  await client.send(texts.join(''))
  let asked = 0
  for (let i = 0; i < 1000; i++) {
    let answer = await client.answer()
    if (i % 5 === 3 && answer?.status === 100) {
      asked++
      answer = await client.answer()
    }
    if (answer?.headers['x-request-id'] !== `r-${i}` || answer.status !== [200, 200, 200, 200, 404][i % 5]) t.fail(`answer ${i}: ${JSON.stringify(answer)}`)
  }
  t.equal(asked, 200, 'each was asked for its body when it was its turn')
  t.equal(most(), 1)
  t.equal(app.store.health().ids, 600)
  await client.send(request('GET /health'))
  t.equal((await client.answer())?.status, 200, 'and the connection stays usable')
})

t.test('requests in pieces that end anywhere are answered, each once', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  const body = JSON.stringify(anEvent()).padEnd(700, '\r\n\r\n ')
  const bytes = Buffer.from(Array.from({ length: 60 }, () => request('POST /events', JSON_TYPE, body)).join(''))
  for (let at = 0, size = 1; at < bytes.length; at += size, size = 1 + (size * 31 + 7) % 997) {
    await client.send(bytes.subarray(at, at + size))
    if (size % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  t.same(await statusesOf(client, 60), Array(60).fill(200))
  t.equal(app.store.health().ids, 1)
})

t.test('large bodies sent ahead', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  const bodies = Array.from({ length: 6 }, () => JSON.stringify(Array.from({ length: 3000 }, () => anEvent())))
  await client.send(bodies.map((body) => request('POST /events', JSON_TYPE, body)).join(''))
  for (let i = 0; i < bodies.length; i++) t.match(await client.answer(), { status: 200, body: /"accepted":3000/ })
  t.equal(app.store.health().events_retained, 18_000)
})

t.test('an upgrade waits for the answers before it, and what follows it is for the socket', async (t) => {
  const { port } = await startServer(t)
  const handshake = request('GET /ws/events', {
    host: `127.0.0.1:${port}`, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
  })
  const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0])
  for (const before of [1, 2, 3]) {
    const client = new RawClient(t, port)
    await client.send(Buffer.concat([Buffer.from(request('GET /health').repeat(before) + handshake), ping]))
    t.same(await statusesOf(client, before), Array(before).fill(200))
    t.equal((await client.answer())?.status, 101)
    let pong = false
    client.socket.on('data', (text) => { pong ||= String(text).includes('\x8a\x00') })
    await until(() => pong || client.rest.includes('\x8a\x00'))
    client.socket.destroy()
  }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/events`)
  await once(socket, 'open')
  socket.close()
  await once(socket, 'close')
})

t.test('12,000 streams asked for on one connection take one place', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  client.socket.write(request('GET /events/stream').repeat(12_000))
  await until(() => app.live.subscribers > 0)
  await post(app, anEvent())
  const other = new RawClient(t, port)
  await other.send(request('GET /health'))
  t.equal((await other.answer())?.status, 200)
  t.equal(app.live.subscribers, 1)
  client.socket.destroy()
  while (app.live.subscribers > 0) await post(app, anEvent()) // it is not read from, so that only a write tells
  await until(() => app.connectionMemory.bytes === 0)
})

t.test('who sends and never reads holds up itself alone, and in bounded memory', async (t) => {
  const { app, port, begun } = await startCounting(t)
  const events = Array.from({ length: 1000 }, () => anEvent({ properties: { page: 'x'.repeat(3000) } }))
  await post(app, events)
  const before = process.memoryUsage().arrayBuffers
  const one = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => one.destroy())
  one.pause()
  one.write(request('GET /events?limit=1000').repeat(400))
  await until(() => app.connectionMemory.bytes > 1 << 20)
  const other = new RawClient(t, port)
  for (let i = 0; i < 50; i++) {
    await other.send(request('GET /health'))
    t.equal((await other.answer())?.status, 200)
  }
  t.ok(begun() < 60, 'a few answers fill the buffers on the way, and no more are made')
  t.ok(process.memoryUsage().arrayBuffers - before < 64 << 20)
})

t.test('answers that nobody reads are bounded in total: those stuck longest end', async (t) => {
  const app = await startApp(t)
  // Buffers of such sockets are small, while those of TCP on one machine take megabytes of every answer.
  const folder = await mkdtemp(join(tmpdir(), 'events-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'socket')
  await app.listen({ path })
  await post(app, Array.from({ length: 1000 }, () => anEvent({ properties: { page: 'x'.repeat(700) } })))
  const other = new RawClient(t, path)
  const clients = new Set<Socket>()
  t.teardown(() => { for (const socket of clients) socket.destroy() })
  let most = 0
  let ended = 0
  app.server.on('connection', (socket) => socket.on('close', () => { ended++ }))
  const isOver = () => clients.size === 1000 && ended > 800
  while (!isOver()) {
    for (let i = 0; i < 20 && clients.size < 1000; i++) {
      const socket = connect(path)
      socket.pause()
      await once(socket, 'connect')
      socket.on('error', () => {})
      socket.write(request('GET /events?limit=1000').repeat(4))
      clients.add(socket)
    }
    await other.send(request('GET /health'))
    t.equal((await other.answer())?.status, 200)
    most = Math.max(most, app.connectionMemory.bytes)
  }
  t.ok(most <= 64 << 20)
  const reader = new RawClient(t, path)
  await reader.send(request('GET /events?limit=1000').repeat(3))
  for (let i = 0; i < 3; i++) t.equal(JSON.parse((await reader.answer())!.body).events.length, 1000, 'who reads is answered')
  for (const socket of clients) socket.destroy()
  await until(() => app.connectionMemory.bytes === 0)
})

t.test('good requests, then bytes that are no request, in either way of sending ahead', async (t) => {
  const { port } = await startServer(t)
  for (const count of [1, 2, 40]) {
    const client = new RawClient(t, port)
    await client.send(request('GET /health').repeat(count) + 'nonsense\r\n\r\nGET / HTTP/1.1\r\n\r\n')
    t.same(await statusesOf(client, count), Array(count).fill(200))
    t.match(await client.answer(), { status: 400, headers: { connection: 'close' } })
    t.equal(await client.answer(), undefined)
  }
  const cut = new RawClient(t, port)
  await cut.send(request('GET /health').repeat(2) + request('POST /events', { ...JSON_TYPE, 'transfer-encoding': 'chunked' }) + 'xyz\r\n')
  t.same(await statusesOf(cut, 2), Array(2).fill(200))
  t.match(await cut.answer(), { status: 400, headers: { connection: 'close' } })
})

t.test('a client that has sent all it wants and closes its half is answered all the same', async (t) => {
  const { port } = await startServer(t)
  const client = new RawClient(t, port, true)
  await client.send(request('GET /analytics/summary').repeat(200))
  client.socket.end()
  t.same(await statusesOf(client, 200), Array(200).fill(200))
  t.equal(await client.answer(), undefined)
})
