/** The demo: its visitors behave, its count is the service's, and what goes wrong is told. */
import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HELP, readArguments, type Task } from '../demo/arguments.ts'
import { seededRandom } from '../demo/random.ts'
import { run, type Clock } from '../demo/run.ts'
import { Traffic } from '../demo/traffic.ts'
import { spread } from '../demo/week.ts'
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
class VirtualClock implements Clock {
  readonly #start = Date.now()
  slept = 0

  now = () => this.#start + this.slept

  setTimeout = (work: () => void, milliseconds: number) => {
    const timer = { isOn: true }
    const at = this.slept + milliseconds
    setImmediate(() => {
      if (!timer.isOn) return
      this.slept = Math.max(this.slept, at)
      work()
    })
    return timer
  }

  clearTimeout = (timer: { isOn: boolean } | undefined) => { if (timer !== undefined) timer.isOn = false }
}

/** Runs the demo within this process. */
async function runDemo(port: number, rate: number, seconds: number, task: Partial<Task> = {}): Promise<{ exact: boolean, lines: string[], slept: number }> {
  const lines: string[] = []
  const clock = new VirtualClock()
  const url = new URL(`http://127.0.0.1:${port}/`)
  const exact = await run({ url, key: undefined, rate, duration: seconds * 1000, history: 0, seed: 1, ...task, print: (line) => lines.push(line), clock })
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
  const text = (seed: number) => JSON.stringify(makeEvents(seed, 500))
  t.equal(text(7), text(7))
  t.not(text(7), text(8))
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
  const { app, port } = await startServer(t, { READ_KEYS: 'both-1', WRITE_KEYS: 'both-1' })
  const { exact, lines, slept } = await runDemo(port, 100, 10, { history: 2000, key: 'both-1' })
  t.ok(exact)
  t.ok(slept >= 10_000 && slept < 11_000, `10 s of virtual time, here ${slept / 1000}`)
  const total = (await app.aggregator.summary('7d')).total_events
  t.ok(total >= 3000 && total < 3500, `${total}: the history, 100 a second, and a swell`)
  const today = (await app.aggregator.summary('24h')).total_events
  t.ok(total - today > 1000, 'the history is of several days')
  const progress = lines.filter((line) => /^ +\d+ s /.test(line))
  t.equal(progress.length, 10, 'a line a second')
  const sent = total.toLocaleString('en-US')
  t.match(progress.at(-1), new RegExp(`10 s {3}${sent} sent {3}${sent} accepted {3}[1-9]\\d* duplicates {3}0 rejected`), 'some events were sent twice')
  t.match(lines.join('\n'), new RegExp(`${sent} accepted, .* 0 rejected\\nthe service's summary of 7 d grew by ${sent}:`))
  t.match(lines.at(-1), /^Every event counted once/)
})

t.test('a rate above what one request holds is kept up with', async (t) => {
  const { app, port } = await startServer(t)
  const { exact, slept } = await runDemo(port, 20_000, 1)
  t.ok(exact)
  t.ok(slept < 2000)
  t.ok((await app.aggregator.summary('1h')).total_events >= 20_000)
})

t.test('visitors come by day more than by night', async (t) => {
  const to = new Date(2026, 10, 23, 12, 34).getTime()
  const times = spread(to - 3 * 86_400_000, to, 10_000)
  t.equal(times.length, 10_000)
  t.ok(times.every((time, i) => time >= (times[i - 1] ?? to - 3 * 86_400_000) && time < to), 'in order, and within the span')
  const byHour = Map.groupBy(times, (time) => new Date(time).getHours())
  t.ok(byHour.get(20)!.length > 10 * byHour.get(3)!.length)
  t.same(spread(to, to, 0), [])
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
    response.end(JSON.stringify({ accepted, duplicates: events.length - accepted, rejected: 0, unavailable: 0, errors: [] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

t.test('a batch without an answer is sent again, and that is told', async (t) => {
  const port = await startSpoiler(t, (posts, request, response) => {
    if (posts === 2) request.socket.destroy()
    if (posts === 4) response.writeHead(503, { 'retry-after': '2' }).end('not now')
    return posts === 2 || posts === 4
  })
  const { exact, lines, slept } = await runDemo(port, 100, 2)
  t.ok(exact, lines.join('\n'))
  t.ok(slept >= 2000)
  t.match(lines.join('\n'), /^ +UND_ERR_SOCKET; again in \d\.\d s\n(.*\n)* +503 Service Unavailable; again in 2\.\d s$/m)
})

t.test('events that are rejected are told', async (t) => {
  const port = await startSpoiler(t, (_posts, _request, response) => {
    response.writeHead(422, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ accepted: 0, duplicates: 0, rejected: 1, unavailable: 0, errors: [{ index: 0, code: 'invalid_event', pointer: '', detail: 'no good' }] }))
    return true
  })
  const { exact, lines } = await runDemo(port, 11, 0.1)
  t.notOk(exact)
  t.match(lines.join('\n'), /1 rejected/)
  t.match(lines.at(-2), 'last rejection: no good')
  t.match(lines.at(-1), /^Not the same/)
})

t.test('an error that lasts ends it', async (t) => {
  const refusing = await startSpoiler(t, (_posts, _request, response) => {
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"detail":"a key is needed"}')
    return true
  })
  await t.rejects(runDemo(refusing, 100, 1), { message: /takes no events \(401 a key is needed\)/ })
  let posts = 0
  const failing = await startSpoiler(t, (_posts, _request, response) => {
    posts++
    response.writeHead(500).end()
    return true
  })
  await t.rejects(runDemo(failing, 10, 1), { message: /takes no events \(500 Internal Server Error\)/ })
  t.ok(posts > 3 && posts < 30, `within about a minute, after ${posts} tries`)
})

t.test('npm run demo', async (t) => {
  const { port } = await startServer(t)
  const { code, output } = await spawnDemo('--url', `http://127.0.0.1:${port}`, '--rate', '1000', '--minutes', '0.005', '--history', '100', '--seed', '1')
  t.equal(code, 0)
  t.match(output, /^1,000 events a second for 0\.005 min to http:\/\/127\.0\.0\.1:\d+\/ \(seed 1\)$/m)
  t.match(output, /^Every event counted once/m)
})

t.test('what cannot be done is said, without a stack', async (t) => {
  const unused = createServer()
  await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve))
  const { port } = unused.address() as AddressInfo
  await new Promise((resolve) => unused.close(resolve))
  const { code, errors } = await spawnDemo('--url', `http://127.0.0.1:${port}`)
  t.equal(code, 1)
  t.match(errors, /gives no summary \(ECONNREFUSED\).*npm start/)
  t.notMatch(errors, /\n +at /)
})

t.test('the arguments', async (t) => {
  t.same(readArguments([], 7), { url: new URL('http://localhost:8080/'), key: undefined, duration: 60_000, rate: 10, history: 100_000, seed: 7 })
  t.same(readArguments(['--url', 'https://a.example/prefix', '--key', 'k', '--minutes', '10', '--rate', '1', '--history', '0', '--seed', '3'], 7),
    { url: new URL('https://a.example/prefix/'), key: 'k', duration: 600_000, rate: 1, history: 0, seed: 3 })
  t.equal(readArguments(['--help'], 7), undefined)
  const names = Object.keys(readArguments([], 7)!).map((name) => name === 'duration' ? 'minutes' : name)
  for (const name of names) t.match(HELP, `--${name}`)
  for (const [args, message] of [
    [['--rate=-1'], /^--rate must be a number from 0/],
    [['--minutes', 'long'], /^--minutes must be .*"long"/],
    [['--history', ''], /^--history must be /],
    [['--url', 'ftp://example.com'], /^--url must be an address/],
    [['--fast'], /--fast/]
  ] as const) t.throws(() => readArguments(args, 7), { message })
})
