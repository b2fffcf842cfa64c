/** Bodies as they really arrive: in pieces, slowly, too long, not at all. */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import type { ProblemCode } from '../../src/errors.ts'
import { anEvent, startServer } from '../harness.ts'
import { chunk, LAST_CHUNK, RawClient, request, type RawAnswer } from '../raw-client.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const CHUNKED = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
const POST = 'POST /events'

function check(t: Test, answer: RawAnswer | undefined, status: number, code?: ProblemCode): void {
  if (code === undefined) {
    t.equal(answer?.status, status)
    return
  }
  const { headers, body } = answer!
  t.match({ answered: answer!.status, mediaType: headers['content-type'], ...JSON.parse(body) }, {
    answered: status, mediaType: 'application/problem+json', status, code, request_id: headers['x-request-id']
  })
}

t.test('a body in single bytes', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  client.socket.setNoDelay()
  const text = request(POST, JSON_TYPE, JSON.stringify([anEvent({ user_id: 'é😀' })]))
  for (const byte of Buffer.from(text)) {
    await client.send(Buffer.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  check(t, await client.answer(), 200)
  t.match((await app.inject('/events')).json().events, [{ user_id: 'é😀' }])
})

t.test('large bodies that arrive together keep to themselves', async (t) => {
  const { app, port } = await startServer(t)
  for (let round = 0; round < 3; round++) {
    const sent = await Promise.all(Array.from({ length: 8 }, async (_, i) => {
      const events = Array.from({ length: 1000 }, () => anEvent({ user_id: `user-${round}-${i}`, properties: { page: String(i).repeat(60) } }))
      const response = await fetch(`http://127.0.0.1:${port}/events`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(events) })
      t.match(await response.json(), { accepted: 1000 })
      return events
    }))
    for (const [i, events] of sent.entries()) {
      const page = (await app.inject(`/events?user_id=user-${round}-${i}&limit=1000`)).json()
      t.equal(JSON.stringify(page.events), JSON.stringify(events))
    }
  }
})

t.test('chunked bodies', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  const text = JSON.stringify([anEvent(), anEvent()])
  await client.send(request(POST, CHUNKED) + [...text].map(chunk).join('') + LAST_CHUNK)
  check(t, await client.answer(), 200)
  const compressed = gzipSync(text.replaceAll('"click"', '"signup"')).toString('latin1')
  await client.send(Buffer.from(`${request(POST, { ...CHUNKED, 'content-encoding': 'gzip' })}${compressed.length.toString(16)}\r\n${compressed}\r\n${LAST_CHUNK}`, 'latin1'))
  const again = await client.answer()
  check(t, again, 200)
  t.match(JSON.parse(again!.body), { duplicates: 2 })
  await client.send(request(POST, CHUNKED) + LAST_CHUNK)
  check(t, await client.answer(), 400, 'no_events')
  t.equal(app.store.health().ids, 2)
})

t.test('pipelined requests are answered in order', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  const parts: string[] = []
  for (let i = 0; i < 100; i++) {
    parts.push(request(POST, { ...JSON_TYPE, 'x-request-id': `post-${i}` }, JSON.stringify(anEvent())))
    if (i % 10 === 9) parts.push(request('GET /analytics/summary', { 'x-request-id': `sum-${i}` }))
  }
  await client.send(parts.join(''))
  const answers: [id: unknown, status: number][] = []
  while (answers.length < parts.length) {
    const { headers, status } = (await client.answer())!
    answers.push([headers['x-request-id'], status])
  }
  t.same(answers, Array.from({ length: 100 }, (_, i) => [[`post-${i}`, 200], ...i % 10 === 9 ? [[`sum-${i}`, 200]] : []]).flat())
  t.equal(app.store.health().ids, 100)
})

t.test('a body announced as too large is refused at once, and the connection stays usable', async (t) => {
  const { port } = await startServer(t, { MAX_BODY_BYTES: '10000' })
  const client = new RawClient(t, port)
  await client.send(request(POST, { ...JSON_TYPE, 'content-length': '10001' }))
  check(t, await client.answer(), 413, 'body_too_large')
  await client.send(' '.repeat(10001) + request('GET /health'))
  check(t, await client.answer(), 200)
})

t.test('a chunked body is refused at the limit, before its end, and the client sees why', async (t) => {
  const { port } = await startServer(t, { MAX_BODY_BYTES: '10000' })
  const client = new RawClient(t, port)
  await client.send(request(POST, CHUNKED) + chunk(' '.repeat(9000)) + chunk(' '.repeat(9000)))
  check(t, await client.answer(), 413, 'body_too_large')
  for (let i = 0; i < 100; i++) await client.send(chunk(' '.repeat(9000)))
  await client.send(LAST_CHUNK + request('GET /health'))
  check(t, await client.answer(), 200)
})

t.test('who asks before sending is told before sending', async (t) => {
  const { port } = await startServer(t, { MAX_BODY_BYTES: '10000' })
  const patient = new RawClient(t, port)
  const text = JSON.stringify(anEvent())
  await patient.send(request(POST, { ...JSON_TYPE, expect: '100-continue', 'content-length': String(text.length) }))
  check(t, await patient.answer(), 100)
  await patient.send(text)
  check(t, await patient.answer(), 200)

  const greedy = new RawClient(t, port)
  await greedy.send(request(POST, { ...JSON_TYPE, expect: '100-continue', 'content-length': '10001' }))
  check(t, await greedy.answer(), 413, 'body_too_large')
  t.equal(await greedy.answer(), undefined, 'and the connection is closed, since the body will not come')

  const odd = new RawClient(t, port)
  await odd.send(request(POST, { ...JSON_TYPE, expect: 'a-miracle' }, text))
  check(t, await odd.answer(), 200)
})

t.test('a slow body ends in 408', async (t) => {
  const { app, port } = await startServer(t, {}, { requestTimeout: 200 })
  const announced = new RawClient(t, port)
  await announced.send(request(POST, { ...JSON_TYPE, 'content-length': '1000', 'x-request-id': 'slow-1' }) + '[')
  const chunked = new RawClient(t, port)
  await chunked.send(request(POST, { ...CHUNKED, 'x-request-id': 'slow-2' }) + chunk('['))
  const silent = new RawClient(t, port)
  await silent.send(request(POST, { ...JSON_TYPE, 'content-length': '1000', 'x-request-id': 'slow-3' }))
  for (const [i, client] of [announced, chunked, silent].entries()) {
    const answer = await client.answer()
    check(t, answer, 408, 'request_timeout')
    t.equal(answer!.headers['x-request-id'], `slow-${i + 1}`)
    t.equal(answer!.headers.connection, 'close')
    t.equal(await client.answer(), undefined)
  }
  const headers = new RawClient(t, port)
  await headers.send('POST /events HTTP/1.1\r\nhost: te')
  check(t, await headers.answer(), 408, 'request_timeout')
  t.equal((await app.inject('/health')).statusCode, 200)
})

t.test('a body that is slow after it was refused is cut off, not answered twice', async (t) => {
  const { port } = await startServer(t, { MAX_BODY_BYTES: '10000' }, { requestTimeout: 200 })
  const client = new RawClient(t, port)
  await client.send(request(POST, { ...JSON_TYPE, 'content-length': '10001' }) + '[')
  check(t, await client.answer(), 413, 'body_too_large')
  t.equal(await client.answer(), undefined)
})

t.test('a body that ends early', async (t) => {
  const { app, port } = await startServer(t)
  for (const text of [request(POST, { ...JSON_TYPE, 'content-length': '1000' }) + '[', request(POST, CHUNKED) + chunk('['), request(POST, { ...JSON_TYPE, 'content-length': '5', 'content-encoding': 'gzip' })]) {
    const client = new RawClient(t, port, true)
    await client.send(text)
    client.socket.end()
    check(t, await client.answer(), 400, 'incomplete_body')
    t.equal(await client.answer(), undefined)
  }
  t.equal(app.store.health().ids, 0)
})

t.test('a client that goes away in the middle leaves nothing behind', async (t) => {
  const { app, port } = await startServer(t)
  const connections = () => new Promise<number>((resolve) => { app.server.getConnections((_error, count) => resolve(count)) })
  for (let i = 0; i < 20; i++) {
    const client = new RawClient(t, port)
    await client.send(request(POST, { ...JSON_TYPE, 'content-length': '1000000' }) + '['.repeat(100_000))
    client.socket.resetAndDestroy()
  }
  while (await connections() > 0) await new Promise((resolve) => setImmediate(resolve))
  t.equal(app.store.health().ids, 0)
  const client = new RawClient(t, port)
  await client.send(request(POST, JSON_TYPE, JSON.stringify(anEvent())))
  check(t, await client.answer(), 200)
})

t.test('chunks that are not chunks', async (t) => {
  const { port } = await startServer(t)
  const client = new RawClient(t, port)
  await client.send(request(POST, { ...CHUNKED, 'x-request-id': 'odd' }) + 'xyz\r\n')
  const answer = await client.answer()
  check(t, answer, 400, 'bad_request')
  t.equal(answer!.headers['x-request-id'], 'odd')
  t.equal(await client.answer(), undefined)
})

t.test('however many bodies arrive at the same time, they take bounded memory', async (t) => {
  const { app, port } = await startServer(t, { MAX_BODY_BYTES: String(4 << 20) })
  const connections = () => new Promise<number>((resolve) => { app.server.getConnections((_error, count) => resolve(count)) })
  const before = process.memoryUsage().arrayBuffers
  const part = Buffer.alloc(1 << 20, ' ')
  const clients = Array.from({ length: 80 }, () => new RawClient(t, port))
  const answers: RawAnswer[] = []
  for (const client of clients) {
    client.answer().then((answer) => { if (answer !== undefined) answers.push(answer) }, t.error)
    await client.send(request(POST, { ...JSON_TYPE, 'content-length': String(2 << 20) }))
    await client.send(part)
  }
  while (answers.length < 15) await new Promise((resolve) => setImmediate(resolve))
  for (const answer of answers) {
    check(t, answer, 503, 'overloaded')
    t.match(answer.headers['retry-after'], /^\d+$/)
  }
  t.ok(answers.length < 40, 'those that fit go on')
  t.ok(process.memoryUsage().arrayBuffers - before < 150 << 20)

  for (const client of clients) client.socket.destroy()
  while (await connections() > 0) await new Promise((resolve) => setImmediate(resolve))
  const later = new RawClient(t, port)
  await later.send(request(POST, JSON_TYPE, JSON.stringify(anEvent()).padEnd(4 << 20)))
  check(t, await later.answer(), 200)
})

t.test('bodies that stop one byte before their end keep nobody out [LIMIT-2]', async (t) => {
  const { app, port } = await startServer(t, { MAX_BODY_BYTES: String(4 << 20) })
  const full = Buffer.alloc((4 << 20) - 1, ' ')
  for (let i = 0; i < 20; i++) {
    const client = new RawClient(t, port)
    await client.send(request(POST, { ...JSON_TYPE, 'content-length': String(4 << 20) }))
    await client.send(full)
  }
  const small = new RawClient(t, port)
  for (let i = 0; i < 20; i++) {
    await small.send(request(POST, JSON_TYPE, JSON.stringify(anEvent())))
    check(t, await small.answer(), 200)
  }
  const large = new RawClient(t, port)
  await large.send(request(POST, JSON_TYPE, JSON.stringify(anEvent()).padEnd(4 << 20)))
  check(t, await large.answer(), 200)
  t.equal(app.store.health().ids, 21)
})

t.test('what small bodies become when they are decompressed is bounded in total [LIMIT-1]', async (t) => {
  const { app, port } = await startServer(t)
  const bombs = [[brotliCompressSync, 'br'], [gzipSync, 'gzip'], [zstdCompressSync, 'zstd'], [deflateSync, 'deflate']] as const
  const texts = bombs.map(([compress, encoding]) => {
    const body = compress(Buffer.alloc(10 << 20, ' '))
    return Buffer.concat([Buffer.from(request(POST, { ...JSON_TYPE, 'content-encoding': encoding, 'content-length': String(body.length) })), body])
  })
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  const clients = Array.from({ length: 24 }, () => new RawClient(t, port))
  const answers = await Promise.all(clients.map(async (client, i) => {
    await client.send(texts[i % texts.length])
    const answer = await client.answer()
    most = Math.max(most, process.memoryUsage().arrayBuffers)
    return answer?.status
  }))
  // Where reading is slower than decompressing, some must make room.
  t.ok(answers.every((status) => status === 400 || status === 503), String(answers))
  t.ok(answers.includes(400))
  t.ok(most - before < 200 << 20, `${(most - before) >> 20} MiB`)
  t.equal(app.store.health().ids, 0)
})

t.test('a zstd body whose window is larger than HTTP allows is not decompressed (RFC 9659)', async (t) => {
  const { port } = await startServer(t)
  const frame = (windowLog: number) => {
    const text = JSON.stringify(anEvent())
    const block = Buffer.alloc(3)
    block.writeUIntLE(1 | text.length << 3, 0, 3) // the last block, raw
    return Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3), block, Buffer.from(text)])
  }
  for (const [windowLog, status] of [[20, 200], [23, 200], [24, 400], [27, 400]]) {
    const body = frame(windowLog)
    const client = new RawClient(t, port)
    await client.send(Buffer.concat([Buffer.from(request(POST, { ...JSON_TYPE, 'content-encoding': 'zstd', 'content-length': String(body.length) })), body]))
    check(t, await client.answer(), status, status === 400 ? 'invalid_encoding' : undefined)
  }
})
