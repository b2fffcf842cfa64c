/** The process itself, as a child. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { anEvent } from './harness.ts'
import { RawClient, request } from './raw-client.ts'
import { ServerProcess } from './server-process.ts'

t.test('SIGTERM: what is in flight is finished, then it exits with 0', async (t) => {
  const server = new ServerProcess(t)
  const port = await server.port()
  const text = request('POST /events', { 'content-type': 'application/json', expect: '100-continue' }, JSON.stringify(anEvent()))
  const busy = new RawClient(t, port)
  await busy.send(text.slice(0, -10))
  t.equal((await busy.answer())?.status, 100, 'the request has begun')

  server.child.kill('SIGTERM')
  for (;;) { // until the port is closed
    const late = new RawClient(t, port)
    const refused = new Promise<boolean>((resolve) => {
      late.socket.once('connect', () => resolve(false))
      late.socket.once('error', () => resolve(true))
    })
    if (await refused) break
    late.socket.destroy()
  }
  t.equal(server.child.exitCode, null, 'it waits for the request in flight')

  await busy.send(text.slice(-10))
  const answer = await busy.answer()
  t.equal(answer?.status, 200)
  t.match(JSON.parse(answer!.body), { accepted: 1 })
  t.equal(await server.exit, 0)
  t.equal(server.stderr, '')
  const lines = server.stdout.trim().split('\n').map((line) => JSON.parse(line) as { msg: string })
  const messages = lines.map(({ msg }) => msg)
  t.match(messages.slice(0, 2), [/listening/, 'stopping'], 'JSON where there is no terminal')
  t.same(messages.slice(2).sort(), ['answered', 'stopped'])
})

t.test('SIGTERM: a client that never finishes does not keep it from exiting with 0', async (t) => {
  const server = new ServerProcess(t, { SHUTDOWN_TIMEOUT: '4' })
  const stuck = new RawClient(t, await server.port())
  await stuck.send(request('POST /events', { 'content-type': 'application/json', expect: '100-continue', 'content-length': '100' }))
  t.equal((await stuck.answer())?.status, 100)
  server.child.kill('SIGTERM')
  t.equal(await server.exit, 0)
})

t.test('SIGINT stops it as well', async (t) => {
  const server = new ServerProcess(t)
  await server.port()
  server.child.kill('SIGINT')
  t.equal(await server.exit, 0)
})

t.test('settings that are not valid: all of them at once, exit code 1', async (t) => {
  const server = new ServerProcess(t, { PORT: 'http', STORE: 'postgres', WRITE_KEYS: 'top secret' })
  t.equal(await server.exit, 1)
  t.match(server.stderr, /PORT must be a whole number.*not "http"/)
  t.match(server.stderr, /STORE must be one of memory/)
  t.match(server.stderr, /WRITE_KEYS: key 1 must have/)
  t.notMatch(server.stderr, /secret/)
  t.equal(server.stdout, '')
})

t.test('--help lists the settings, whatever they are', async (t) => {
  for (const flag of ['--help', '-h']) {
    const server = new ServerProcess(t, { PORT: 'http' }, [flag])
    t.equal(await server.exit, 0)
    t.match(server.stdout, /EVENT_LOG_BYTES.*\(default 268435456\)/)
    t.equal(server.stderr, '')
  }
})

t.test('arguments that are not known', async (t) => {
  const server = new ServerProcess(t, {}, ['--port', '80'])
  t.equal(await server.exit, 1)
  t.match(server.stderr, /--port/)
  t.match(server.stderr, /--help/)
})

t.test('a port that is taken', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const server = new ServerProcess(t, { PORT: String(port) })
  t.equal(await server.exit, 1)
  t.equal(server.stderr, `Port ${port} on 127.0.0.1 is taken by another process; set PORT to a free one.\n`)
})

t.test('an address that is not here', async (t) => {
  const server = new ServerProcess(t, { HOST: '192.0.2.1' })
  t.equal(await server.exit, 1)
  t.match(server.stderr, /no address 192\.0\.2\.1; set HOST/)
})
