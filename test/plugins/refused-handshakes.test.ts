/** A WebSocket handshake that is refused, wherever, is answered, and its connection ends. [LIVE-6] [ING-5] */
import t from 'tap'
import type { ProblemCode } from '../../src/errors.ts'
import { startServer } from '../harness.ts'
import { HANDSHAKE } from '../live/raw-frames.ts'
import { RawClient, request } from '../raw-client.ts'

const READER = { authorization: 'Bearer r' }

/** What is refused: the request and the answer. */
const REFUSALS: Readonly<Record<string, readonly [string, number, ProblemCode]>> = {
  'no key': [request('GET /ws/events', HANDSHAKE), 401, 'unauthorized'],
  'the key of the other list': [request('GET /ws/events', { ...HANDSHAKE, authorization: 'Bearer w' }), 403, 'forbidden'],
  'a foreign host': [request('GET /ws/events', { ...HANDSHAKE, ...READER, host: 'evil.example' }), 403, 'host_not_allowed'],
  'a foreign origin': [request('GET /ws/events', { ...HANDSHAKE, ...READER, origin: 'https://evil.example' }), 403, 'origin_not_allowed'],
  'another version': [request('GET /ws/events', { ...HANDSHAKE, ...READER, 'sec-websocket-version': '12' }), 426, 'upgrade_required'],
  'no nonce': [request('GET /ws/events', { ...HANDSHAKE, ...READER, 'sec-websocket-key': 'x' }), 400, 'bad_request'],
  'a bad subprotocol': [request('GET /ws/events', { ...HANDSHAKE, ...READER, 'sec-websocket-protocol': 'a, a' }), 400, 'bad_request'],
  'a bad query': [request('GET /ws/events?nope=1', { ...HANDSHAKE, ...READER }), 400, 'invalid_query'],
  'a bad cursor': [request('GET /ws/events?after=nope', { ...HANDSHAKE, ...READER }), 400, 'invalid_cursor'],
  'a query that is not UTF-8': [request('GET /ws/events?after=%ff', { ...HANDSHAKE, ...READER }), 400, 'bad_request'],
  'two hosts': [request('GET /ws/events', { ...HANDSHAKE, ...READER }).replace('\r\n', '\r\nhost: a\r\n'), 400, 'bad_request'],
  'no host': [request('GET /ws/events', { ...HANDSHAKE, ...READER }).replace('host: localhost\r\n', ''), 400, 'bad_request'],
  'too many header lines': [request('GET /ws/events', { ...HANDSHAKE, ...READER, ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`a${i}`, 'x'])) }), 431, 'headers_too_large'],
  'an address that speaks no WebSocket': [request('GET /health', HANDSHAKE), 400, 'bad_request'],
  'an unknown address': [request('GET /nope', HANDSHAKE), 404, 'not_found'],
  'an address that the router cannot read': [request('GET /%zz', HANDSHAKE), 400, 'bad_request'],
  'a service that is full': [request('GET /ws/events', { ...HANDSHAKE, ...READER }), 503, 'too_many_subscribers']
}

t.test('each refusal arrives, and the connection ends, whatever else was sent', async (t) => {
  const { app, port } = await startServer(t, { READ_KEYS: 'r', WRITE_KEYS: 'w', MAX_SUBSCRIBERS: '1' }, { lingerTimes: { silence: 60_000 } })
  for (const [name, [text, status, code]] of Object.entries(REFUSALS)) {
    if (code === 'too_many_subscribers') t.ok(app.live.reserve())
    for (const more of ['', 'x'.repeat(300_000)]) {
      const client = new RawClient(t, port, true)
      let failed: Error | undefined
      client.socket.on('error', (error) => { failed = error })
      client.socket.pause()
      await client.send(text)
      if (more !== '') await client.send(more)
      client.socket.resume()
      const answer = await client.answer()
      t.match(answer, { status, body: `"code":"${code}"` }, name)
      t.equal(await client.answer(), undefined)
      t.equal(client.rest, '')
      t.equal(failed, undefined)
      client.socket.end()
      while (app.connections.count > 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
})

t.test('a service that stops', async (t) => {
  const { app, port } = await startServer(t)
  const client = new RawClient(t, port)
  const busy = new RawClient(t, port)
  await busy.send(request('POST /events', { 'content-type': 'application/json', 'content-length': '2' }) + '[')
  await client.send(request('GET /health'))
  t.equal((await client.answer())?.status, 200)
  const closing = app.close()
  while (!app.isStopping()) await new Promise((resolve) => setImmediate(resolve))
  await client.send(request('GET /ws/events', HANDSHAKE))
  const answer = await client.answer()
  if (answer !== undefined) t.equal(answer.status, 503) // it may have been idle long enough to be closed
  t.equal(await client.answer(), undefined)
  busy.socket.destroy()
  await closing
})
