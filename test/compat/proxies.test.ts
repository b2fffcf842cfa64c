/** The service under a path prefix behind the proxies of examples/proxies, with TLS: sending, streams, WebSocket and large bodies. [CORS-3] */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import { freePort } from '../../cluster/redis-process.ts'
import type { Receipt, ServerFrame } from '../../schemas/index.ts'
import { anEvent, startServer } from '../harness.ts'
import { missing, startProgram } from './programs.ts'

const FOLDER = join(import.meta.dirname, '../../examples/proxies')

/** What a recipe's file has that is another one here. */
interface Place {
  folder: string
  port: number
  upstream: number
}

interface Proxy {
  name: string
  file: string
  skip: string | false
  /** Makes a whole configuration of the recipe, and says how to run it. */
  run: (recipe: string, place: Place) => { config: string, program: string, args: (file: string) => string[], env?: Record<string, string> }
}

/** Replaces each text, and sees to it that it is there. */
function adapt(recipe: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the recipe has no ${from}`)
    return text.replaceAll(from, to)
  }, recipe)
}

const PROXIES: readonly Proxy[] = [
  {
    name: 'nginx',
    file: 'nginx.conf',
    skip: missing('nginx', '-v'),
    run: (recipe, { folder, port, upstream }) => ({
      config: `daemon off; worker_processes 1; user root; pid ${folder}/pid; error_log stderr; events {}
        http {
          access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
          ${adapt(recipe, { 'listen 443': `listen 127.0.0.1:${port}`, '127.0.0.1:8080': `127.0.0.1:${upstream}`, '/etc/ssl': folder })}
        }`,
      program: 'nginx',
      args: (file) => ['-c', file, '-p', folder, '-e', 'stderr']
    })
  },
  {
    name: 'HAProxy',
    file: 'haproxy.cfg',
    skip: missing('haproxy', '-v'),
    run: (recipe, { folder, port, upstream }) => ({
      config: adapt(recipe, { 'bind :443': `bind 127.0.0.1:${port}`, '127.0.0.1:8080': `127.0.0.1:${upstream}`, '/etc/ssl': folder }),
      program: 'haproxy',
      args: (file) => ['-db', '-f', file]
    })
  },
  {
    name: 'Caddy',
    file: 'Caddyfile',
    skip: missing('caddy', 'version'),
    run: (recipe, { folder, port, upstream }) => ({
      config: `{
          admin off
          auto_https disable_redirects
        }
        ${adapt(recipe, { 'events.example {': `https://localhost:${port} {\ntls ${folder}/events.example.pem ${folder}/events.example.key`, '127.0.0.1:8080': `127.0.0.1:${upstream}` })}`,
      program: 'caddy',
      args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
      env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
    })
  }
]

/** A certificate for localhost and its key; the first file holds both. */
function makeCertificate(folder: string): void {
  const key = join(folder, 'events.example.key')
  const certificate = join(folder, 'events.example.pem')
  const { status, stderr } = spawnSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate
  ], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  writeFileSync(certificate, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
}

interface Answer {
  status: number
  text: string
}

/** Asks over TLS; resolves with the whole answer, or where `until` is given with what came until it did. */
function ask(port: number, path: string, options: RequestOptions = {}, body?: string, until?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: 'localhost', port, path, rejectUnauthorized: false, ...options }, (incoming) => {
      let text = ''
      const end = (): void => resolve({ status: incoming.statusCode!, text })
      incoming.setEncoding('utf8').on('data', (part) => {
        text += part
        if (until !== undefined && text.includes(until)) {
          end()
          outgoing.destroy()
        }
      }).on('end', end)
    }).on('error', reject)
    outgoing.end(body)
  })
}

async function checkProxy(t: Test, port: number): Promise<void> {
  const send = (body: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(port, '/events-api/events', { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }, body)
  const receipt = async (answer: Promise<Answer>): Promise<Receipt> => JSON.parse((await answer).text) as Receipt

  const first = anEvent()
  t.match(await receipt(send(JSON.stringify(first))), { accepted: 1 })
  t.match(await receipt(send(JSON.stringify(first), { origin: `https://localhost:${port}` })), { duplicates: 1 }, 'a page of the same origin')
  t.match(await send(JSON.stringify(first), { origin: 'https://elsewhere.example' }), { status: 403 }, 'and not one of another')
  const many = Array.from({ length: 1500 }, () => anEvent({ properties: { page: 'x'.repeat(1000) } }))
  t.match(await receipt(send(JSON.stringify(many))), { accepted: 1500 }, 'a body of two megabytes')

  const { text } = await ask(port, '/events-api/events/stream?after=earliest&user_id=ada', {}, undefined, first.event_id)
  t.match(text, `"event_id":"${first.event_id}"`, 'a stream arrives while it goes on')

  const socket = new WebSocket(`wss://localhost:${port}/events-api/ws/events`, { rejectUnauthorized: false })
  const frames = new Map<string, ServerFrame>()
  const published = anEvent()
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as ServerFrame
      frames.set(frame.type, frame)
      if (frame.type === 'welcome') socket.send(JSON.stringify({ type: 'publish', id: 1, events: [published] }))
      if (frames.has('ack') && frames.has('events')) resolve()
    })
  })
  t.match(frames.get('ack'), { accepted: 1 })
  t.match(frames.get('events'), { events: [published] })
  socket.terminate()

  t.match(await ask(port, '/events-api/docs/'), { status: 200, text: /swagger/ })
  t.match(JSON.parse((await ask(port, '/events-api/analytics/summary?window=1h')).text), { total_events: 1502 })
}

for (const { name, file, skip, run } of PROXIES) {
  t.test(`${name}, as in examples/proxies/${file}`, { skip, timeout: 60_000 }, async (t) => {
    const folder = t.testdir({})
    makeCertificate(folder)
    const { port: upstream } = await startServer(t, { TRUST_PROXY: 'loopback' })
    const port = await freePort()
    const { config, program, args, env } = run(readFileSync(join(FOLDER, file), 'utf8'), { folder, port, upstream })
    const path = join(folder, file)
    writeFileSync(path, config)
    await startProgram(t, port, program, args(path), env)
    await checkProxy(t, port)
  })
}
