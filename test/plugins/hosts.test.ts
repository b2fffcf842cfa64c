import t from 'tap'
import { checkProblem, startApp, startServer } from '../harness.ts'
import { LiveClient } from '../live/clients.ts'
import { RawClient } from '../raw-client.ts'
import { checkTable, type Row } from '../table.ts'

const FOREIGN = ['evil.example', 'evil.example:8080', 'localhost.evil.example', 'notlocalhost', '128.0.0.1', '0.0.0.0:8080', '127.0.0.1.evil.example', '[::2]', '192.168.0.7']
const OWN = ['localhost', 'localhost:8080', 'LocalHost:80', 'localhost.', 'app.localhost:3000', '127.0.0.1', '127.9.9.9:1', '[::1]:8080', '[::1]', '[::ffff:127.0.0.1]:8080']
const URLS = ['/analytics/summary', '/events', '/health', '/metrics', '/docs', '/openapi.json', '/nope']

t.test('on a loopback HOST only names of this machine are accepted, with or without an Origin [CORS-4]', async (t) => {
  for (const HOST of ['127.0.0.1', 'localhost', '::1', '127.1.2.3']) {
    const app = await startApp(t, { HOST })
    const rows: Row[] = []
    for (const host of FOREIGN) {
      for (const headers of [{ host }, { host, origin: `http://${host}` }, { host, 'sec-fetch-site': 'same-origin', origin: `http://${host}` }] as Record<string, string>[]) {
        rows.push([JSON.stringify(headers), (await app.inject({ url: '/events', headers })).json().code, 'host_not_allowed'])
      }
    }
    for (const host of OWN) rows.push([host, (await app.inject({ url: '/events', headers: { host } })).statusCode, 200])
    checkTable(t, rows, HOST)
    for (const url of URLS) {
      const response = await app.inject({ url, headers: { host: 'evil.example' } })
      checkProblem(t, response, 'host_not_allowed')
      t.match(response.json().detail, /ALLOWED_ORIGINS.*TRUST_PROXY/)
    }
  }
})

t.test('the host of an allowed origin is accepted, on any port; a star allows them all', async (t) => {
  const app = await startApp(t, { ALLOWED_ORIGINS: 'http://events.test:3000, https://Shop.Example, http://[fd00::1]' })
  for (const host of ['events.test', 'events.test:8080', 'EVENTS.test', 'shop.example', '[fd00::1]:8080']) t.equal((await app.inject({ url: '/events', headers: { host } })).statusCode, 200, host)
  for (const host of ['events.test.evil.example', 'xevents.test', 'evil.example']) checkProblem(t, await app.inject({ url: '/events', headers: { host } }), 'host_not_allowed')
  const star = await startApp(t, { ALLOWED_ORIGINS: '*' })
  t.equal((await star.inject({ url: '/events', headers: { host: 'evil.example' } })).statusCode, 200)
})

t.test('a trusted proxy may send any host', async (t) => {
  const app = await startApp(t, { TRUST_PROXY: '10.0.0.1' })
  const from = (remoteAddress: string) => app.inject({ url: '/events', remoteAddress, headers: { host: 'shop.example', 'x-forwarded-host': 'localhost' } })
  t.equal((await from('10.0.0.1')).statusCode, 200)
  checkProblem(t, await from('10.0.0.2'), 'host_not_allowed')
})

t.test('a HOST that others can reach accepts every name', async (t) => {
  for (const HOST of ['0.0.0.0', '::', '192.168.0.7', 'events.example']) {
    const app = await startApp(t, { HOST })
    const rows: Row[] = []
    for (const host of FOREIGN) rows.push([host, (await app.inject({ url: '/events', headers: { host } })).statusCode, 200])
    checkTable(t, rows, HOST)
  }
})

t.test('neither does a WebSocket open under a foreign name, nor does HTTP/1.0 need one', async (t) => {
  const { app, port } = await startServer(t)
  await t.rejects(LiveClient.open(t, port, '', { headers: { host: 'evil.example' } }), { status: 403, code: 'host_not_allowed' })
  t.equal(app.live.subscribers, 0)
  const old = new RawClient(t, port)
  await old.send('GET /health HTTP/1.0\r\n\r\n')
  t.equal((await old.answer())?.status, 200)
})
