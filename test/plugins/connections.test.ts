/** Connections are bounded in number, and so are the heads of requests that are there in part. [LIMIT-1] [LIMIT-2] */
import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Connections, MAX_UNFINISHED_HEADS } from '../../src/plugins/connections.ts'
import { startServer } from '../harness.ts'
import { LiveClient } from '../live/clients.ts'
import { RawClient, request } from '../raw-client.ts'

/** Resolves when something has become true; asks after everything else has had its turn. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve))
}

const HEAD = 'GET /health HTTP/1.1\r\nhost: localhost\r\n'

t.test('beyond the bound the connection ends that has been without a request longest', async (t) => {
  const connections = new Connections(3, () => {})
  const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => new Socket())
  for (const socket of [a, b, c]) connections.add(socket)
  connections.begin(a)
  t.same([a, b, c].map(({ destroyed }) => destroyed), [false, false, false], 'at the bound')
  connections.add(d)
  t.same([a, b, c, d].map(({ destroyed }) => destroyed), [false, true, false, false])
  await once(b, 'close')
  t.equal(connections.count, 3)
  connections.finish(a)
  connections.add(e)
  t.same([a, c, d].map(({ destroyed }) => destroyed), [false, true, false], 'who has just been answered is not the next')
  await once(c, 'close')
  connections.upgrade(d)
  connections.finish(d)
  for (const socket of [a, e]) connections.begin(socket)
  connections.add(f)
  t.same([a, d, e, f].map(({ destroyed }) => destroyed), [false, false, false, true], 'where all are at work, who comes next')
})

/** Opens connections that send the beginning of a head. */
async function begin(t: Test, port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}))
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  for (const socket of sockets) socket.write(HEAD)
  return sockets
}

t.test('heads that are there in part: beyond the bound the oldest connection ends', async (t) => {
  const { app, port } = await startServer(t)
  const { connections } = app
  const [oldest] = await begin(t, port, 1)
  await until(() => connections.unfinishedHeads === 1)
  const others = await begin(t, port, MAX_UNFINISHED_HEADS - 1)
  await until(() => connections.unfinishedHeads === MAX_UNFINISHED_HEADS)
  t.equal(oldest.destroyed, false, 'at the bound')
  const client = new RawClient(t, port)
  const ended = once(oldest, 'close')
  await client.send(request('GET /health'))
  t.equal((await client.answer())?.status, 200, 'whole ones still get in')
  await ended
  others[0].write('\r\n')
  t.match(String((await once(others[0], 'data'))[0]), /^HTTP\/1\.1 200/, 'and who goes on is answered')
  for (const socket of others) socket.destroy()
  await until(() => connections.unfinishedHeads === 0)
})

t.test('what comes after a whole request counts, too, and nothing of a connection that is idle, sends a body or is upgraded', async (t) => {
  const { app, port } = await startServer(t)
  const { connections } = app
  const client = new RawClient(t, port)
  await client.send(request('GET /health'))
  await client.answer()
  t.equal(connections.unfinishedHeads, 0)
  await client.send(request('POST /events', { 'content-length': '10' }) + 'x')
  await until(() => connections.count === 1 && connections.unfinishedHeads === 0)
  await client.send('x'.repeat(9) + request('GET /health') + HEAD)
  for (let i = 0; i < 2; i++) await client.answer()
  await until(() => connections.unfinishedHeads === 1)
  await client.send('\r\n')
  t.equal((await client.answer())?.status, 200)
  t.equal(connections.unfinishedHeads, 0)
  const live = await LiveClient.open(t, port)
  t.equal(connections.unfinishedHeads, 0)
  live.socket.terminate()
  client.socket.destroy()
  await until(() => connections.count === 0)
})
