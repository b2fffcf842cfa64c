/** Connections that close while their peer may still be sending. [ING-5] */
import t from 'tap'
import { startServer } from '../harness.ts'
import { RawClient, request } from '../raw-client.ts'

const HEADERS = { 'content-type': 'application/json', connection: 'close', 'content-length': String(4 << 20) }

t.test('a client that sends all of its body before it reads sees why it was refused', async (t) => {
  const { app, port } = await startServer(t, { WRITE_KEYS: 'w' })
  const body = Buffer.alloc(4 << 20, ' ')
  for (const version of ['1.0', '1.1']) {
    for (let i = 0; i < 10; i++) {
      const client = new RawClient(t, port, true)
      let failed: Error | undefined
      client.socket.on('error', (error) => { failed = error })
      client.socket.pause()
      const head = request('POST /events', HEADERS).replace('HTTP/1.1', `HTTP/${version}`)
      for (const piece of [Buffer.from(head), body.subarray(0, 1 << 20), body.subarray(1 << 20)]) await client.send(piece)
      client.socket.resume()
      t.match(await client.answer(), { status: 401, headers: { connection: 'close' } })
      t.equal(await client.answer(), undefined, 'and this half is closed')
      t.equal(failed, undefined)
      client.socket.end()
    }
  }
  while (app.lingering.size > 0) await new Promise((resolve) => setImmediate(resolve))
})

t.test('what is no request is refused in the same way', async (t) => {
  const { port } = await startServer(t)
  const client = new RawClient(t, port, true)
  client.socket.pause()
  await client.send(`nonsense\r\n\r\n${'x'.repeat(1 << 20)}`)
  client.socket.resume()
  t.match(await client.answer(), { status: 400 })
  t.equal(await client.answer(), undefined)
})

t.test('it ends after a silence, after a time, and after as much as a body may have', async (t) => {
  const closed = (client: RawClient) => new Promise<void>((resolve) => client.socket.once('close', () => resolve()))
  const refused = async (port: number) => {
    const client = new RawClient(t, port, true)
    await client.send(request('POST /events', HEADERS) + '[')
    t.match(await client.answer(), { status: 401 })
    return client
  }
  const silent = await startServer(t, { WRITE_KEYS: 'w' }, { lingerTimes: { silence: 50 } })
  const quiet = await refused(silent.port)
  while (silent.app.lingering.size > 0) await new Promise((resolve) => setImmediate(resolve))
  quiet.socket.destroy()

  const short = await startServer(t, { WRITE_KEYS: 'w' }, { lingerTimes: { total: 200 } })
  const busy = await refused(short.port)
  const ticking = setInterval(() => busy.socket.write(' '), 10)
  t.teardown(() => clearInterval(ticking))
  await closed(busy)

  const small = await startServer(t, { WRITE_KEYS: 'w', MAX_BODY_BYTES: '100000' })
  const greedy = await refused(small.port)
  const end = closed(greedy)
  greedy.socket.write(Buffer.alloc(8 << 20))
  await end
})

t.test('only so many linger; the oldest ends first', async (t) => {
  const { app, port } = await startServer(t, { WRITE_KEYS: 'w' }, { lingerTimes: { total: 300_000, silence: 300_000 } })
  const clients: RawClient[] = []
  for (let i = 0; i < 1003; i++) {
    const client = new RawClient(t, port, true)
    await client.send(request('POST /events', HEADERS) + '[')
    if ((await client.answer())?.status !== 401) t.fail(`client ${i}`)
    clients.push(client)
  }
  t.equal(app.lingering.size, 1000)
  const isOpen = async (client: RawClient) => new Promise<boolean>((resolve) => {
    client.socket.write(' ', (error) => { if (error != null) resolve(false) })
    client.socket.once('close', () => resolve(false))
    setImmediate(() => setImmediate(() => resolve(!client.socket.destroyed)))
  })
  while (await isOpen(clients[2])) await new Promise((resolve) => setImmediate(resolve))
  t.equal(await isOpen(clients[3]), true)
  t.equal(await isOpen(clients[1002]), true)
})

t.test('a stop does not wait for them', async (t) => {
  const { app, port } = await startServer(t, { WRITE_KEYS: 'w', SHUTDOWN_TIMEOUT: '1' })
  const client = new RawClient(t, port, true)
  await client.send(request('POST /events', HEADERS) + '[')
  t.match(await client.answer(), { status: 401 })
  t.equal(app.lingering.size, 1)
  await app.close()
  while (app.lingering.size > 0) await new Promise((resolve) => setImmediate(resolve))
})
