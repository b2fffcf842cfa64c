import t from 'tap'
import { addressTest } from '../../src/plugins/proxies.ts'
import { readProxies } from '../../src/settings/proxy.ts'
import { startApp } from '../harness.ts'

/** What the application takes for the client's address. */
async function clientOf(app: Awaited<ReturnType<typeof startApp>>, remoteAddress: string, forwarded?: string): Promise<string> {
  const response = await app.inject({ url: '/who', remoteAddress, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } })
  return response.body
}

async function startWithPage(t: Parameters<typeof startApp>[0], env: Record<string, string>) {
  const app = await startApp(t, env)
  app.get('/who', async (request, reply) => reply.type('text/plain').send(request.clientAddress))
  return app
}

t.test('without TRUST_PROXY the client is the peer [CORS-3]', async (t) => {
  const app = await startWithPage(t, {})
  t.equal(await clientOf(app, '10.0.0.1', '203.0.113.9'), '10.0.0.1')
  t.equal(await clientOf(app, 'fe80::1%eth0'), 'fe80::1', 'without its zone')
})

t.test('a trusted proxy says who the client is, and nobody else does [CORS-3]', async (t) => {
  const app = await startWithPage(t, { TRUST_PROXY: 'uniquelocal, 127.0.0.1' })
  const cases: [string, string | undefined, string][] = [
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['203.0.113.1', '203.0.113.9', '203.0.113.1'],
    ['10.0.0.1', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '198.51.100.1, 203.0.113.9, 192.168.0.4', '203.0.113.9'],
    ['10.0.0.1', '10.0.0.3, 192.168.0.4', '10.0.0.3'],
    ['10.0.0.1', '2001:db8::1', '2001:db8::1'],
    ['10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['10.0.0.1', 'unknown', '10.0.0.1'],
    ['10.0.0.1', '_hidden', '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9\u0085", "level": 60', '10.0.0.1'],
    ['10.0.0.1', '1'.repeat(5000), '10.0.0.1']
  ]
  for (const [peer, forwarded, expected] of cases) t.equal(await clientOf(app, peer, forwarded), expected, `${peer} ${forwarded?.slice(0, 60)}`)
})

t.test('ranges hold what lies in them', async (t) => {
  const holds = addressTest(readProxies('192.0.2.0/25, 2001:db8::/33, 198.51.100.4').items)
  for (const address of ['192.0.2.0', '192.0.2.127', '::ffff:192.0.2.1', '2001:db8::1', '2001:db8:7fff::', '198.51.100.4', '192.0.2.1:80']) t.equal(holds(address), true, address)
  for (const address of ['192.0.2.128', '2001:db8:8000::', '198.51.100.5', 'x', '', undefined]) t.equal(holds(address), false, String(address))
})
