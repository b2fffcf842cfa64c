/** The demo: its visitors behave, its count is the service's, and what goes wrong is told. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { seededRandom } from '../demo/random.ts'
import { run, type Clock } from '../demo/run.ts'
import { Traffic } from '../demo/traffic.ts'
import { EVENT_TYPES, type Event, type Receipt } from '../schemas/index.ts'
import { post, startApp, startServer } from './harness.ts'

const DEMO = join(import.meta.dirname, '..', 'demo', 'demo.ts')
const NOW = new Date('2026-11-23T12:00:00Z')

/** Ids that are new and the same in every run. */
function countedIds(): () => string {
  let next = 0
  return () => `${(next++).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
}

function makeEvents(seed: number, count: number): Event[] {
  const traffic = new Traffic(seededRandom(seed), countedIds())
  return Array.from({ length: count }, () => traffic.next(NOW))
}

/** A clock on which waiting takes no time. */
function virtualClock(): Clock & { slept: number } {
  const start = Date.now()
  return {
    slept: 0,
    now() { return start + this.slept },
    async sleep(milliseconds) { this.slept += milliseconds }
  }
}

/** Runs the demo within this process. */
async function runDemo(port: number, rate: number, seconds: number, seed = 1): Promise<{ exact: boolean, lines: string[], slept: number }> {
  const lines: string[] = []
  const random = seededRandom(seed)
  const clock = virtualClock()
  const url = new URL(`http://127.0.0.1:${port}/`)
  const exact = await run({ url, rate, seconds, traffic: new Traffic(random, randomUUID), random, print: (line) => lines.push(line), clock })
  return { exact, lines, slept: clock.slept }
}

/** Runs the demo as `npm run demo` does. */
function spawnDemo(...args: string[]): Promise<{ code: number | null, output: string, errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [DEMO, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text) => { output += text })
    child.stderr.setEncoding('utf8').on('data', (text) => { errors += text })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output, errors }))
  })
}

t.test('one seed, one set of visitors', async (t) => {
  t.same(makeEvents(7, 500), makeEvents(7, 500))
  t.notSame(makeEvents(7, 500), makeEvents(8, 500))
})

t.test('visitors behave like visitors', async (t) => {
  const events = makeEvents(3, 20_000)
  t.equal(new Set(events.map((event) => event.event_id)).size, events.length, 'every id is new')
  for (const type of EVENT_TYPES) t.ok(events.some((event) => event.event_type === type), `there is a ${type}`)
  const signedUp = new Set<string>()
  const basket = new Map<string, number>()
  const seen = new Set<string>()
  const mistakes: string[] = []
  for (const { user_id, event_type, properties = {} } of events) {
    const { element } = properties as { element?: string }
    if (!seen.has(user_id) && event_type !== 'page_view') mistakes.push(`${user_id} begins with ${event_type}`)
    seen.add(user_id)
    if (element === 'add-to-basket') basket.set(user_id, (basket.get(user_id) ?? 0) + 1)
    if (event_type === 'signup') {
      if (signedUp.has(user_id)) mistakes.push(`${user_id} signs up twice`)
      signedUp.add(user_id)
    }
    if (event_type === 'purchase') {
      const left = (basket.get(user_id) ?? 0) - 1
      basket.set(user_id, left)
      if (!signedUp.has(user_id)) mistakes.push(`${user_id} buys without an account`)
      if (left < 0) mistakes.push(`${user_id} buys what is not in the basket`)
      if (!((properties.amount ?? 0) > 0 && properties.product_id)) mistakes.push(`${user_id} buys nothing for nothing`)
    }
  }
  t.same(mistakes, [])
  t.ok(seen.size > 1000 && seen.size < 10_000, `visitors come back: ${seen.size} of them`)
})

t.test('every event is one that the service takes', async (t) => {
  const app = await startApp(t)
  const events = makeEvents(5, 2000).map((event) => ({ ...event, timestamp: new Date().toISOString() }))
  const receipt = (await post(app, events)).json() as Receipt
  t.match(receipt, { accepted: 2000, rejected: 0, errors: [] })
})

t.test('what it sent is what the service counted', async (t) => {
  const { app, port } = await startServer(t)
  const { exact, lines, slept } = await runDemo(port, 300, 10)
  t.ok(exact)
  t.ok(slept >= 10_000 && slept < 11_000, `3,000 events at 300 a second take 10 s, here ${slept / 1000}`)
  t.equal((await app.aggregator.summary('1h')).total_events, 3000)
  const progress = lines.filter((line) => /^ +\d+ s /.test(line))
  t.equal(progress.length, 10, 'a line a second')
  t.match(progress.at(-1), /10 s {3}3,000 sent {3}3,000 accepted {3}[1-9]\d* duplicates {3}0 errors/, 'some batches were sent twice')
  t.match(lines.join('\n'), /3,000 accepted, .* 0 errors\nthe service's summary of 24 h grew by 3,000:/)
  t.match(lines.at(-1), /^Every event counted once/)
})

t.test('a rate above what one batch holds is kept up with', async (t) => {
  const { app, port } = await startServer(t)
  const { exact, slept } = await runDemo(port, 25_000, 1)
  t.ok(exact)
  t.ok(slept < 2000)
  t.equal((await app.aggregator.summary('1h')).total_events, 25_000)
})

/** A service that spoils some answers; its summary counts the different ids that it saw. */
async function startSpoiler(t: Test, spoil: (post: number, request: IncomingMessage, response: ServerResponse) => boolean): Promise<number> {
  const ids = new Set<string>()
  let posts = 0
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      return response.end(JSON.stringify({ total_events: ids.size, events_by_type: { page_view: ids.size, click: 0, purchase: 0, signup: 0 } }))
    }
    const events = await new Response(request).json() as Event[]
    if (spoil(++posts, request, response)) return
    const known = ids.size
    for (const event of events) ids.add(event.event_id)
    const accepted = ids.size - known
    response.end(JSON.stringify({ accepted, duplicates: events.length - accepted, rejected: 0, unavailable: 0 }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

t.test('a batch without an answer is sent again', async (t) => {
  const port = await startSpoiler(t, (posts, request, response) => {
    if (posts === 2) request.socket.destroy()
    if (posts === 4) response.writeHead(503, { 'retry-after': '2' }).end('not now')
    return posts === 2 || posts === 4
  })
  const { exact, lines, slept } = await runDemo(port, 100, 2)
  t.ok(exact, lines.join('\n'))
  t.ok(slept >= 2000)
  t.match(lines.join('\n'), /last error: 503 not now/)
})

t.test('an error that lasts is told', async (t) => {
  const port = await startSpoiler(t, (_posts, _request, response) => {
    response.writeHead(401).end('a key is needed')
    return true
  })
  const { exact, lines } = await runDemo(port, 100, 1)
  t.notOk(exact)
  t.match(lines.join('\n'), /100 errors/)
  t.match(lines.join('\n'), /last error: 401 a key is needed/)
  t.match(lines.at(-1), /^Not the same/)

  const stubborn = await startSpoiler(t, (_posts, _request, response) => {
    response.writeHead(500).end()
    return true
  })
  t.match((await runDemo(stubborn, 10, 1)).lines.join('\n'), /10 errors/, 'and tried no more than a few times')
})

t.test('npm run demo', async (t) => {
  const { port } = await startServer(t)
  const { code, output } = await spawnDemo('--url', `http://127.0.0.1:${port}`, '--rate', '400', '--seconds', '1', '--seed', '1')
  t.equal(code, 0)
  t.match(output, /^400 events a second for 1 s to http:\/\/127\.0\.0\.1:\d+\/ \(seed 1\)$/m)
  t.match(output, /^Every event counted once/m)
})

t.test('what cannot be done is said, without a stack', async (t) => {
  const unused = createServer()
  await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve))
  const { port } = unused.address() as AddressInfo
  await new Promise((resolve) => unused.close(resolve))
  const cases: [string[], RegExp][] = [
    [['--url', `http://127.0.0.1:${port}`], /gives no summary \(ECONNREFUSED\).*npm start/],
    [['--rate', '0'], /^--rate must be a number above 0/],
    [['--seconds', 'long'], /^--seconds must be .*"long"/],
    [['--url', 'ftp://example.com'], /^--url must be an address/],
    [['--fast'], /--fast/]
  ]
  await Promise.all(cases.map(async ([args, message]) => {
    const { code, errors } = await spawnDemo(...args)
    t.equal(code, 1, args.join(' '))
    t.match(errors, message)
    t.notMatch(errors, /\n +at /)
  }))
  const help = await spawnDemo('--help')
  t.equal(help.code, 0)
  t.match(help.output, /^Usage: npm run demo/)
})
