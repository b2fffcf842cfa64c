/** What is sent to the port and is not a request. */
import t from 'tap'
import type { Test } from 'tap'
import type { RejectionList } from '../../schemas/index.ts'
import { createLogger } from '../../src/logger.ts'
import type { ProblemCode } from '../../src/errors.ts'
import { anEvent, LogLines, startServer } from '../harness.ts'
import { RawClient, request, type RawAnswer } from '../raw-client.ts'

function check(t: Test, answer: RawAnswer | undefined, status: number, code: ProblemCode): void {
  t.equal(answer?.status, status)
  t.match(answer?.headers, { 'content-type': /^application\/problem\+json/, connection: 'close' })
  t.match(JSON.parse(answer?.body ?? '{}'), { type: `/problems/${code}`, status, code, request_id: answer?.headers['x-request-id'] })
}

t.test('bytes that are not HTTP are answered with a problem, and the connection ends', async (t) => {
  const { app, port } = await startServer(t)
  const cases: [string, string, number, ProblemCode][] = [
    ['nonsense', 'hello\r\n\r\n', 400, 'bad_request'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'bad_request'],
    ['a method that is none', request('BREW /events'), 400, 'bad_request'],
    ['HTTP/3 in plain text', 'GET / HTTP/3.0\r\nhost: a\r\n\r\n', 505, 'http_version_not_supported'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 505, 'http_version_not_supported'],
    ['a request of HTTP/2 in text', 'GET / HTTP/2.0\r\nhost: a\r\n\r\n', 505, 'http_version_not_supported'],
    ['lines that end with LF alone', 'GET / HTTP/1.1\nhost: a\n\n', 400, 'bad_request'],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\nhello', 501, 'not_implemented'],
    ['bytes beyond ASCII in an address', 'GET /events?user_id=\xe9 HTTP/1.1\r\nhost: a\r\n\r\n', 400, 'bad_request'],
    ['a transfer coding that does not say where the body ends', 'POST /events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nx', 400, 'bad_request'],
    ['a transfer coding that is not undone', 'POST /events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501, 'not_implemented'],
    ['the same in two lines', 'POST /events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 501, 'not_implemented'],
    ['headers that are too long', request('GET /health', { a: 'x'.repeat(70_000) }), 431, 'headers_too_large'],
    ['an address that is too long', request(`GET /events?after=${'x'.repeat(70_000)}`), 431, 'headers_too_large'],
    ['a header that is none', 'GET /health HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n', 400, 'bad_request'],
    ['two lengths', 'POST /events HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400, 'bad_request'],
    ['a length that is none', 'POST /events HTTP/1.1\r\nhost: a\r\ncontent-length: 1x\r\n\r\n', 400, 'bad_request'],
    ['a length and chunks', 'POST /events HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n', 400, 'bad_request']
  ]
  for (const [name, text, status, code] of cases) {
    const client = new RawClient(t, port)
    await client.send(Buffer.from(text, 'latin1'))
    check(t, await client.answer(), status, code)
    t.equal(await client.answer(), undefined, name)
  }
  t.equal((await app.inject('/health')).statusCode, 200)
})

t.test('a request without a host', async (t) => {
  const { port } = await startServer(t)
  const client = new RawClient(t, port)
  await client.send('GET /health HTTP/1.1\r\nx-request-id: lost\r\n\r\n')
  const answer = await client.answer()
  t.equal(answer?.status, 400)
  t.match(JSON.parse(answer!.body), { code: 'bad_request', request_id: 'lost' })
  const old = new RawClient(t, port)
  await old.send('GET /health HTTP/1.0\r\n\r\n')
  t.equal((await old.answer())?.status, 200, 'HTTP/1.0 has none')
})

t.test('good requests ahead of bad bytes are answered first', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  await client.send(request('POST /events', { 'content-type': 'application/json', 'x-request-id': 'good' }, JSON.stringify(anEvent())) + 'nonsense\r\n\r\n')
  const first = await client.answer()
  t.equal(first?.status, 200)
  t.equal(first?.headers['x-request-id'], 'good')
  check(t, await client.answer(), 400, 'bad_request')
  t.equal(await client.answer(), undefined)
  t.equal(app.store.health().ids, 1)
})

t.test('what was refused can be found in the log', async (t) => {
  const log = new LogLines()
  const { port } = await startServer(t, {}, { logger: await createLogger('info', log) })
  const client = new RawClient(t, port)
  await client.send('nonsense\r\n\r\n')
  const answer = await client.answer()
  t.match(await log.find(/refused/), { request_id: answer?.headers['x-request-id'], code: 'bad_request', reason: /^HPE_/ })
})

t.test('a connection that is cut in the middle of its headers is no news', async (t) => {
  const log = new LogLines()
  const { app, port } = await startServer(t, {}, { logger: await createLogger('info', log) })
  const client = new RawClient(t, port)
  await client.send('GET /hea')
  client.socket.resetAndDestroy()
  const other = new RawClient(t, port)
  await other.send(request('GET /health'))
  t.equal((await other.answer())?.status, 200)
  await app.close()
  t.notOk(log.lines.some(({ msg }) => /refused/.test(String(msg))))
})

t.test('what never reached a route is listed with the rejections, and nothing of what was sent [OPS-1]', async (t) => {
  const { app, port } = await startServer(t)
  const send = async (port: number, text: string) => {
    const client = new RawClient(t, port)
    await client.send(text)
    await client.answer()
  }
  const listed = async (of = app) => ((await of.inject('/events/rejections')).json() as RejectionList).rejections
  for (const text of ['hidden\r\n\r\n', request('GET /hidden', { origin: 'https://hidden.example', a: 'x'.repeat(70_000) }), 'CONNECT hidden:443 HTTP/1.1\r\nhost: hidden\r\n\r\n']) await send(port, text)
  t.same((await listed()).map(({ time, ...rest }) => rest), [
    { status: 501, code: 'not_implemented' },
    { status: 431, code: 'headers_too_large' },
    { status: 400, code: 'bad_request' }
  ])
  for (let i = 0; i < 120; i++) await send(port, 'nonsense\r\n\r\n')
  const rejections = await listed()
  t.equal(rejections.filter(({ code }) => code === 'bad_request').length, 100)
  t.equal(rejections.length, 102, 'a flood leaves the others')

  const hurried = await startServer(t, {}, { requestTimeout: 100 })
  await send(hurried.port, 'GET /hid')
  t.match(await listed(hurried.app), [{ status: 408, code: 'request_timeout' }])
})
