/**
 * One hostile peer at a time against a server of its own: how much memory it takes at most, and how long anybody else
 * has to wait meanwhile. `--root` names another checkout to compare with. Run it with nothing else on the machine.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { brotliCompressSync } from 'node:zlib'
import { freePort } from '../cluster/redis-process.ts'
import { readFlags } from './harness/flags.ts'

const flags = readFlags({ root: join(import.meta.dirname, '..'), seconds: 8, attack: '', port: 0 })

const MIB = 1024 * 1024

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

function post(body: string | Buffer, headers: Record<string, string> = {}): Buffer {
  const lines = Object.entries({ host: 'localhost', 'content-type': 'application/json', 'content-length': String(body.length), ...headers })
  return Buffer.concat([Buffer.from(`POST /events HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`), Buffer.from(body)])
}

const anEvent = (page: string) => ({ event_id: randomUUID(), user_id: `user-${Math.floor(Math.random() * 1000)}`, event_type: 'click', timestamp: new Date().toISOString(), properties: { page } })

/** Opens connections that send and never read. */
function silent(port: number, count: number, bytes: string | Buffer): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.pause()
    socket.write(bytes)
    return socket
  })
}

/** Each way of being a bad neighbour. */
const ATTACKS: Record<string, (port: number) => Socket[]> = {
  nothing: () => [],
  '300 series on one connection, unread': (port) => silent(port, 1, get('/analytics/timeseries?window=7d&interval=minute').repeat(300)),
  '400 pages on one connection, unread': (port) => silent(port, 1, get('/events?limit=1000').repeat(400)),
  '4 pages on each of 1,000 connections, unread': (port) => silent(port, 1000, get('/events?limit=1000').repeat(4)),
  '12,000 streams on one connection': (port) => silent(port, 1, get('/events/stream').repeat(12_000)),
  '300 bodies of 27 bytes of brotli': (port) => silent(port, 300, post(brotliCompressSync(Buffer.alloc(10 * MIB, ' ')), { 'content-encoding': 'br' })),
  '16 bodies that stop before their last byte': (port) => silent(port, 16, post(Buffer.alloc(10 * MIB - 1, ' '), { 'content-length': String(10 * MIB) }))
}

/** This very script is started anew to attack, so that its own work does not look like waiting. */
if (flags.attack !== '') {
  ATTACKS[flags.attack](flags.port)
  await delay(600_000) // until it is ended
}

/** Sends one request on a fresh connection; resolves with its status, or with nothing if there was no answer. */
function ask(port: number, bytes: string | Buffer): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
    socket.once('data', (data) => {
      resolve(Number(String(data).slice(9, 12)))
      socket.destroy()
    })
    socket.write(bytes)
  })
}

console.log('| peer | memory before, at most (MiB) | longest wait of others (ms) | one-event POSTs of others answered |\n|---|---|---|---|')
for (const name of Object.keys(ATTACKS)) {
  const port = await freePort()
  const server = spawn(process.execPath, ['src/server.ts'], { cwd: flags.root, env: { PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'silent' }, stdio: 'inherit' })
  while (await ask(port, get('/health')) === undefined) await delay(50)
  for (let i = 0; i < 10; i++) await ask(port, post(JSON.stringify(Array.from({ length: 1000 }, () => anEvent('x'.repeat(3000))))))
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1]) / 1024
  const before = resident()
  let most = before
  const watching = setInterval(() => { most = Math.max(most, resident()) }, 20)
  const attacker = spawn(process.execPath, [import.meta.filename, '--attack', name, '--port', String(port)], { stdio: 'inherit' })
  let longest = 0
  let sent = 0
  let taken = 0
  const end = performance.now() + flags.seconds * 1000
  while (performance.now() < end) {
    const started = performance.now()
    sent++
    if (await ask(port, post(JSON.stringify(anEvent('/')))) === 200) taken++
    longest = Math.max(longest, performance.now() - started)
    await delay(20)
  }
  clearInterval(watching)
  console.log(`| ${name} | ${before.toFixed(0)}, ${most.toFixed(0)} | ${longest.toFixed(0)} | ${taken} of ${sent} |`)
  attacker.kill('SIGKILL')
  server.kill('SIGKILL')
  await once(server, 'exit')
}
process.exit()
