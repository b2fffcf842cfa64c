/**
 * The stream as the common libraries read it, while a proxy cuts their connections at random bytes: every event arrives
 * once and in order. [LIVE-1, LIVE-2] `SSE_EVENTS` and `SSE_SEED` make it longer or another one.
 */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { anEvent, post, startServer } from '../harness.ts'
import { CuttingProxy } from './cutting-proxy.ts'

const EVENTS = Number(process.env.SSE_EVENTS ?? 400)
const SEED = Number(process.env.SSE_SEED ?? 1)

interface Reader {
  name: string
  command: string[]
  /** Bytes after which a connection is cut on average, where the library waits long before it comes back. */
  meanBytes?: number
  /** The Python module it needs. */
  module?: string
}

const javascript = (name: string): Reader =>
  ({ name, command: [process.execPath, '--no-warnings', '--experimental-eventsource', join(import.meta.dirname, 'sse-client.ts'), name] })
const python = (name: string, module = name): Reader =>
  ({ name: `python ${name}`, command: ['python3', join(import.meta.dirname, 'sse_client.py'), name], module })

const READERS: Reader[] = [
  javascript('eventsource1'),
  javascript('eventsource2'),
  javascript('eventsource3'),
  javascript('eventsource4'),
  javascript('fetch-event-source'),
  { ...javascript('event-source-polyfill'), meanBytes: EVENTS * 40 }, // waits a second at the least
  javascript('node EventSource'),
  python('urllib'),
  python('requests'),
  python('httpx_sse')
]

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Why a reader cannot be tried here; false if it can. */
function absence({ module }: Reader): string | false {
  if (module === undefined) return false
  const { status } = spawnSync('python3', ['-c', `import ${module}`])
  return status === 0 ? false : `python3 with the module ${module} is not installed`
}

const someEvents = (count: number) => Array.from({ length: count }, (_, i) => anEvent({ properties: { page: '/päge/€'.repeat(i % 5) } }))

t.jobs = 4

for (const [i, reader] of READERS.entries()) {
  t.test(`${reader.name} loses nothing under cuts`, { skip: absence(reader) }, async (t) => {
    const { app, port } = await startServer(t, { DEDUP_CAPACITY: '100000' })
    const before = someEvents(EVENTS / 2)
    await post(app, before)
    const proxy = new CuttingProxy(port, reader.meanBytes ?? 4_000, randomOf(SEED * 1000 + i))
    const url = `http://127.0.0.1:${await proxy.listen()}/events/stream?after=earliest`
    const [command, ...parameters] = reader.command
    const child = spawn(command, [...parameters, url])
    t.teardown(() => {
      child.kill()
      proxy.close()
    })
    let complaints = ''
    child.stderr.on('data', (text) => { complaints += text })

    const sent = before.map(({ event_id: id }) => id)
    const seen: string[] = []
    for await (const line of createInterface(child.stdout)) {
      seen.push(line)
      if (sent.length < EVENTS && seen.length % 10 === 0) { // the second half comes while it listens
        const more = someEvents(Math.min(20, EVENTS - sent.length))
        await post(app, more)
        sent.push(...more.map(({ event_id: id }) => id))
      }
      if (line === sent.at(-1) && sent.length === EVENTS) break
    }
    const seenOnce = new Set(seen)
    const lost = sent.filter((id) => !seenOnce.has(id)).length
    t.comment(`${reader.name}: lost ${lost} of ${sent.length}, ${seen.length - seenOnce.size} twice, under ${proxy.cuts} cuts`)
    t.same(seen, sent, 'every event once and in order')
    if (!t.passing()) t.comment(complaints)
    t.ok(proxy.cuts > 0)
  })
}
