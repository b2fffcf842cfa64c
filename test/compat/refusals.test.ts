/**
 * Refusals reach clients and proxies that send all of a body before they read, or speak HTTP/1.0, or close after every
 * request. [ING-5]
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { freePort } from '../../cluster/redis-process.ts'
import { startServer } from '../harness.ts'
import { missing, startProgram } from './programs.ts'

const REQUESTS = 20

const MAX_BODY_BYTES = 4 << 20

const BODY = Buffer.from(`[${' '.repeat(MAX_BODY_BYTES)}`)

/** Each refusal, and what is sent to get it. */
const REFUSALS: readonly { status: number, path?: string, headers: Record<string, string> }[] = [
  { status: 401, headers: { 'content-type': 'application/json' } },
  { status: 403, headers: { 'content-type': 'application/json', authorization: 'Bearer r' } },
  { status: 413, headers: { 'content-type': 'application/json', authorization: 'Bearer w' } },
  { status: 415, headers: { 'content-type': 'application/xml', authorization: 'Bearer w' } },
  { status: 404, path: '/nope', headers: { 'content-type': 'application/json' } }
]

/** The status that a client sees, or why it sees none. */
type Client = (port: number, path: string, headers: Record<string, string>) => Promise<number | string>

const nodeClient = (keepAlive: boolean): Client => (port, path, headers) => {
  const agent = new Agent({ keepAlive })
  return new Promise<number | string>((resolve) => {
    const sent = request({ port, host: '127.0.0.1', path, method: 'POST', headers, agent }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode!))
    })
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    sent.end(BODY)
  }).finally(() => agent.destroy())
}

const PYTHON = `
import sys, json, urllib.request, urllib.error
url, headers, size = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
try:
    print(urllib.request.urlopen(urllib.request.Request(url, b'[' + b' ' * size, headers, method='POST')).status)
except urllib.error.HTTPError as error:
    error.read(); print(error.code)
except Exception as error:
    print(error)
`

const urllib: Client = async (port, path, headers) => {
  const { stdout } = await promisify(execFile)('python3', ['-c', PYTHON, `http://127.0.0.1:${port}${path}`, JSON.stringify(headers), String(BODY.length - 1)])
  return Number(stdout) || stdout.trim()
}

/** Puts a proxy in front of a port; resolves with its own. */
async function startProxy(t: Test, program: string, args: (config: string) => string[], config: (port: number, folder: string) => string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'events-proxy-'))
  const port = await freePort()
  const file = join(folder, 'proxy.conf')
  await writeFile(file, config(port, folder))
  t.teardown(() => rm(folder, { recursive: true }))
  await startProgram(t, port, program, args(file))
  return port
}

const nginx = (t: Test, upstream: number) => startProxy(t, 'nginx', (file) => ['-c', file], (port, folder) => `
daemon off; master_process off; pid ${folder}/pid; error_log /dev/null;
events {}
http {
  access_log off; client_max_body_size 0;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${upstream}; } }
}`)

const haproxy = (t: Test, upstream: number) => startProxy(t, 'haproxy', (file) => ['-db', '-f', file], (port) => `
defaults
  mode http
  option httpclose
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server service 127.0.0.1:${upstream}
`)

const direct = async (_t: Test, upstream: number) => upstream

const CASES: readonly { name: string, needs?: string, proxy: (t: Test, upstream: number) => Promise<number>, client: Client }[] = [
  { name: 'node:http without keep-alive', proxy: direct, client: nodeClient(false) },
  { name: 'node:http with keep-alive', proxy: direct, client: nodeClient(true) },
  { name: 'urllib of Python', needs: 'python3', proxy: direct, client: urllib },
  { name: 'nginx with its default of HTTP/1.0', needs: 'nginx', proxy: nginx, client: nodeClient(true) },
  { name: 'HAProxy with option httpclose', needs: 'haproxy', proxy: haproxy, client: nodeClient(true) }
]

for (const { name, needs, proxy, client } of CASES) {
  const skip = needs !== undefined && missing(needs, '-v')
  t.test(`${name} sees every refusal`, { skip }, async (t) => {
    const { app, port: upstream } = await startServer(t, { WRITE_KEYS: 'w', READ_KEYS: 'r', MAX_BODY_BYTES: String(MAX_BODY_BYTES), TRUST_PROXY: 'loopback' })
    const port = await proxy(t, upstream)
    for (const { status, path = '/events', headers } of REFUSALS) {
      const count = needs === 'python3' ? 4 : REQUESTS
      const seen = await Promise.all(Array.from({ length: count }, () => client(port, path, headers)))
      t.same(seen, Array.from({ length: count }, () => status), `${status} for ${path}`)
    }
    t.equal(app.store.health().ids, 0)
  })
}
