/** The bounds of one connection. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Test } from 'tap'
import { FRAMING_BYTES, LINGER_TIMES } from '../../src/plugins/lingering-close.ts'
import { startServer } from '../harness.ts'
import { RawClient, request } from '../raw-client.ts'
import { until, type Case } from './bound.ts'

/** A client that was refused while it sends: its connection is closing. */
async function refused(t: Test, port: number): Promise<RawClient> {
  const client = new RawClient(t, port, true)
  await client.send(request('POST /events', { 'content-length': String(4 << 20), connection: 'close' }) + '[')
  t.match(await client.answer(), { status: 401 })
  return client
}

export const CONNECTION_CASES: Readonly<Record<string, Case>> = {
  'requests under way': async (t, bound, { app, port }) => {
    const client = new RawClient(t, port)
    await until(() => app.live.subscribers === 0) // those of other cases have gone
    client.socket.write(request('GET /events/stream').repeat(bound.number))
    await until(() => app.live.subscribers === bound.number)
    client.socket.write(request('GET /events/stream').repeat(20))
    const other = new RawClient(t, port)
    await other.send(request('GET /health'))
    t.equal((await other.answer())?.status, 200)
    t.equal(app.live.subscribers, bound.number, bound.answer)
    client.socket.destroy()
  },
  'idle between requests': async (t, bound, world) => {
    t.equal(world.app.server.keepAliveTimeout, bound.number)
    const { app, port } = world.hurried
    Object.assign(app.server, { keepAliveTimeout: 50, keepAliveTimeoutBuffer: 0 })
    const client = new RawClient(t, port)
    for (let i = 0; i < 2; i++) {
      await client.send(request('GET /health/live'))
      t.equal((await client.answer())?.status, 200)
    }
    t.equal(await client.answer(), undefined, bound.answer)
  },
  'nothing taken or sent': async (t, bound, world) => {
    t.equal(world.app.server.timeout, bound.number)
    const { app, port } = world.hurried
    app.server.timeout = 50
    const client = new RawClient(t, port)
    await client.send(request('GET /health/live'))
    t.equal((await client.answer())?.status, 200)
    await client.send(request('GET /events/stream'))
    await client.until(/retry/)
    await once(client.socket, 'close')
    t.ok(client.socket.closed, bound.answer)
    app.server.timeout = bound.number
  },
  'closing while its peer still sends: time': async (t, bound) => {
    t.equal(LINGER_TIMES.total, bound.number)
    const { app, port } = await startServer(t, { WRITE_KEYS: 'w' }, { lingerTimes: { total: 100 } })
    const client = await refused(t, port)
    t.equal(app.lingering.size, 1)
    const ticking = setInterval(() => client.socket.write(' '), 10)
    await until(() => app.lingering.size === 0)
    clearInterval(ticking)
  },
  'closing while its peer still sends: silence': async (t, bound, { hurried: { app, port } }) => {
    t.equal(LINGER_TIMES.silence, bound.number)
    await refused(t, port)
    t.equal(app.lingering.size, 1)
    await until(() => app.lingering.size === 0)
  },
  'closing while its peer still sends: bytes': async (t) => {
    const { app, port } = await startServer(t, { WRITE_KEYS: 'w', MAX_BODY_BYTES: '100000' })
    const accepted = once(app.server, 'connection')
    const client = await refused(t, port)
    const [connection] = await accepted as [Socket]
    const { bytesRead } = connection
    await client.send(' '.repeat(100_000 + FRAMING_BYTES))
    await until(() => connection.bytesRead === bytesRead + 100_000 + FRAMING_BYTES)
    t.equal(app.lingering.size, 1, 'within')
    client.socket.write(' ')
    await until(() => app.lingering.size === 0)
  }
}
