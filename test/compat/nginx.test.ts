/** The service behind a real nginx, as it comes and with the settings of docs/access.md. [CORS-3] */
import t from 'tap'
import { createSender, subscribe } from '../../clients/client.js'
import { createLogger } from '../../src/logger.ts'
import { anEvent, LogLines, startServer } from '../harness.ts'
import { LiveClient } from '../live/clients.ts'
import { FORWARDED, noNginx as skip, startNginx } from './nginx.ts'

const SETUPS: readonly { name: string, headers: readonly string[] }[] = [
  { name: 'nginx as it comes, which rewrites Host', headers: [] },
  { name: '`Host $host`, which has no port', headers: ['proxy_set_header Host $host'] }
]

for (const { name, headers } of SETUPS) {
  t.test(name, { skip, timeout: 60_000 }, async (t) => {
    const log = new LogLines()
    const trusting = await startServer(t, { TRUST_PROXY: 'loopback' }, { logger: await createLogger('info', log) })
    const plain = await startServer(t)
    const ports = {
      trusting: await startNginx(t, trusting.port, [...headers, ...FORWARDED]),
      silent: await startNginx(t, trusting.port, headers),
      plain: await startNginx(t, plain.port, [...headers, ...FORWARDED])
    }
    const send = async (port: number, origin: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}/events`, {
        method: 'POST', body: JSON.stringify(anEvent()), headers: { 'content-type': 'text/plain', origin, 'user-agent': 'page' }
      })
      const { code, detail } = await answer.json() as { code?: string, detail?: string }
      return { status: answer.status, code, detail }
    }

    t.match(await send(ports.trusting, `http://127.0.0.1:${ports.trusting}`), { status: 200 }, 'the service\'s own page')
    t.match(await send(ports.trusting, `https://127.0.0.1:${ports.trusting}`), { status: 403 }, 'the scheme is the one that nginx says')
    t.match(await send(ports.trusting, 'https://evil.example'), { status: 403, code: 'origin_not_allowed' })
    t.match(await send(ports.silent, `http://127.0.0.1:${ports.silent}`), { status: 403, code: 'origin_not_allowed', detail: /TRUST_PROXY/ }, 'nginx does not say which host was asked')
    t.match(await send(ports.plain, `http://127.0.0.1:${ports.plain}`), { status: 403, code: 'origin_not_allowed', detail: /TRUST_PROXY/ }, 'nobody\'s headers count without the setting')

    const client = await LiveClient.open(t, ports.trusting, '', { headers: { origin: `http://127.0.0.1:${ports.trusting}` } })
    await client.next('welcome')
    await client.close()
    t.match(log.lines.find((line) => line.user_agent === 'page'), { address: '127.0.0.1', status: 200 })
  })
}

t.test('under a prefix the client finds everything, itself included', { skip, timeout: 60_000 }, async (t) => {
  const { port } = await startServer(t, { READ_KEYS: 'reader', WRITE_KEYS: 'writer' })
  const url = `http://127.0.0.1:${await startNginx(t, port, FORWARDED, '/shop/events-of-ours')}/shop/events-of-ours`
  t.equal((await fetch(`${url}/client.js`)).status, 200)
  const sender = createSender({ url, key: 'writer' })
  const seen = new Promise<string[]>((resolve) => {
    const subscription = subscribe({
      url,
      key: 'reader',
      summary: '1h',
      onSummary: () => sender.send({ user_id: 'ada', event_type: 'click' }),
      onEvents: (events) => {
        subscription.close()
        resolve(events.map(({ user_id: user }) => user))
      },
      onGap: () => t.fail('there is no gap')
    })
  })
  t.same(await seen, ['ada'])
  await sender.close()
})

t.test('under a path that BASE_PATH names, every address that the service gives leads to it', { skip, timeout: 60_000 }, async (t) => {
  const BASE_PATH = '/events-api'
  const { port } = await startServer(t, { BASE_PATH })
  const url = `http://127.0.0.1:${await startNginx(t, port, FORWARDED, BASE_PATH)}${BASE_PATH}`
  const statusOf = async (address: string, base: string) => (await fetch(new URL(address, base))).status

  for (const [path, init] of [['/nope', {}], ['/events?limit=x', {}], ['/events', { method: 'POST', body: '{' }]] as const) {
    const answer = await fetch(`${url}${path}`, init)
    const { type, code } = await answer.json() as { type: string, code: string }
    t.equal(type, `${BASE_PATH}/problems/${code}`)
    t.equal(await statusOf(type, answer.url), 200, code)
  }
  const document = await (await fetch(`${url}/openapi.json`)).json() as { servers: { url: string }[], info: { description: string } }
  t.equal(await statusOf(`${document.servers[0].url}/health`, url), 200, 'the server')
  const links = [...document.info.description.matchAll(/\]\((\/[^)]+)\)/g)].map(([, link]) => link)
  t.ok(links.length > 0)
  for (const link of links) t.equal(await statusOf(link, url), 200, link)

  for (const path of ['/', '/docs', '/docs/']) {
    const page = await fetch(`${url}${path}`, { headers: { accept: 'text/html' } })
    t.equal(page.status, 200, path)
    t.ok(page.url.startsWith(`${url}/`), `${page.url} is still under the path`)
    for (const [, address] of (await page.text()).matchAll(/\b(?:src|href)="([^"#:]+)"/g)) t.equal(await statusOf(address, page.url), 200, `${address} of ${path}`)
  }
  const plain = await fetch(`${url}/`, { headers: { accept: '*/*' } })
  t.ok(plain.url.startsWith(`${url}/docs`), 'redirects stay under it')
})
