/**
 * How fast events reach many subscribers, and how soon, beside a bare `ws` server that sends the same frames in a loop;
 * and what idle subscribers cost ingest. See README.md, "Fan-out".
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Bodies } from './harness/bodies.ts'
import { service } from './harness/contenders.ts'
import { readFlags } from './harness/flags.ts'
import { Load } from './harness/load.ts'
import { PostRequests } from './harness/requests.ts'
import { Results } from './harness/results.ts'
import { ServerProcess, type ServerOptions } from './harness/server-process.ts'
import { median, percentile, ratios } from './harness/statistics.ts'
import { FrameCounter, type Arrival } from './harness/subscribers.ts'

const flags = readFlags({
  subscribers: [1, 100, 1000],
  deliveries: 2_000_000,
  batch: 10,
  rounds: 3,
  posts: 500,
  rate: 50,
  idle: 1000,
  events: 1_000_000
})

const SERVERS: Record<string, ServerOptions> = {
  service: service().server,
  loop: { script: 'bench/servers/fan-out-loop.ts' }
}

/** Every answer of either server begins so. */
const EXPECTED = '{"accepted":'

/** Events of a POST that make about as large a frame as the service makes at the most. */
const FRAME_BATCH = 350

/** Asks for everything from the beginning; of the loop, whatever is sent does. */
const EVERYTHING = '{"type":"subscribe","after":"earliest"}'

/** Events before the measurement, as a share of the measured ones. */
const WARMUP = 0.2

/** Most events that are posted for one measurement, however few the subscribers. */
const MAX_EVENTS = 200_000

/** Milliseconds in which everything posted must have arrived. */
const PATIENCE = 60_000

/** Opens subscribers, some at a time. */
async function subscribe(port: number, count: number, query: string, onArrival: Arrival): Promise<FrameCounter[]> {
  const subscribers: FrameCounter[] = []
  while (subscribers.length < count) {
    const more = Math.min(100, count - subscribers.length)
    subscribers.push(...await Promise.all(Array.from({ length: more }, () => FrameCounter.open(port, query, onArrival))))
  }
  return subscribers
}

/** Bytes of the events of a request, each with one comma. */
function eventBytesOf(request: Buffer): number {
  return request.length - request.indexOf('\r\n\r\n') - 4 - 1
}

/** Resolves when so many bytes of events have arrived in all; each subscriber must have got its share, no more and no less. */
class Finish {
  #awaited = Infinity
  #arrived = 0
  #resolve = () => {}

  readonly arrive = (bytes: number): void => {
    this.#arrived += bytes
    if (this.#arrived >= this.#awaited) this.#resolve()
  }

  async all(subscribers: readonly FrameCounter[], bytes: number): Promise<void> {
    this.#awaited = bytes * subscribers.length
    const patience = new AbortController()
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#resolve = resolve
        this.arrive(0)
      }),
      delay(PATIENCE, undefined, { signal: patience.signal }).then(() => { throw new Error(`${this.#arrived} of ${this.#awaited} bytes arrived`) })
    ])
    patience.abort()
    const wrong = subscribers.find((subscriber) => subscriber.eventBytes !== bytes)
    if (wrong !== undefined) throw new Error(`a subscriber got ${wrong.eventBytes} bytes of ${bytes}`)
  }
}

/** One measurement of deliveries. */
interface Deliveries {
  deliveriesPerSecond: number
  cpuMicroseconds: number
}

/** How many events are posted so that all subscribers together get about as many as the flag says. */
function eventsFor(count: number): number {
  return Math.min(MAX_EVENTS, flags.deliveries / count)
}

/** All subscribers ask at once for everything that was posted before, as often as it takes: delivery alone, with nothing coming in. */
async function measureResume(name: string, count: number): Promise<Deliveries> {
  const server = await ServerProcess.start(SERVERS[name])
  try {
    const posts = Math.max(4, Math.ceil(eventsFor(count) / FRAME_BATCH))
    const requests = new PostRequests(new Bodies({ batch: FRAME_BATCH, users: 10_000, form: 'array' }), 'array', posts)
    requests.refill('/events')
    const load = await Load.open(server.port, 1)
    await load.run((i) => requests.get(i), 0, posts, EXPECTED)
    load.close()
    let bytes = 0
    for (let i = 0; i < posts; i++) bytes += eventBytesOf(requests.get(i))
    const finish = new Finish()
    const warm = await subscribe(server.port, 1, '?subscribe=false', finish.arrive)
    warm[0].send(EVERYTHING)
    await finish.all(warm, bytes)
    warm[0].close()

    const passes = Math.max(1, Math.round(flags.deliveries / (posts * FRAME_BATCH * count)))
    let seconds = 0
    let cpuSeconds = 0
    for (let pass = 0; pass < passes; pass++) {
      const finishAll = new Finish()
      const subscribers = await subscribe(server.port, count, '?subscribe=false', finishAll.arrive)
      const [before, start] = [server.usage(), performance.now()]
      for (const subscriber of subscribers) subscriber.send(EVERYTHING)
      await finishAll.all(subscribers, bytes)
      seconds += (performance.now() - start) / 1000
      cpuSeconds += server.usage().cpuSeconds - before.cpuSeconds
      for (const subscriber of subscribers) subscriber.close()
    }
    const deliveries = posts * FRAME_BATCH * count * passes
    return { deliveriesPerSecond: deliveries / seconds, cpuMicroseconds: cpuSeconds / deliveries * 1e6 }
  } finally {
    await server.stop()
  }
}

/** Posts as fast as it is answered; deliveries are counted from the first request to the last arrival. */
async function measureLive(name: string, count: number): Promise<Deliveries> {
  const server = await ServerProcess.start(SERVERS[name])
  try {
    const posts = Math.max(10, Math.ceil(eventsFor(count) / flags.batch))
    const warmup = Math.ceil(posts * WARMUP)
    const requests = new PostRequests(new Bodies({ batch: flags.batch, users: 10_000, form: 'array' }), 'array', posts + warmup)
    requests.refill('/events')
    const load = await Load.open(server.port, 1)
    const finish = new Finish()
    const subscribers = await subscribe(server.port, count, '', finish.arrive)
    let bytes = 0
    const post = async (from: number, to: number) => {
      for (let i = from; i < to; i++) bytes += eventBytesOf(requests.get(i))
      await load.run((i) => requests.get(i), from, to, EXPECTED)
      await finish.all(subscribers, bytes)
    }
    await post(0, warmup)
    const [before, start] = [server.usage(), performance.now()]
    await post(warmup, warmup + posts)
    const seconds = (performance.now() - start) / 1000
    const deliveries = posts * flags.batch * count
    const cpuSeconds = server.usage().cpuSeconds - before.cpuSeconds
    load.close()
    for (const subscriber of subscribers) subscriber.close()
    return { deliveriesPerSecond: deliveries / seconds, cpuMicroseconds: cpuSeconds / deliveries * 1e6 }
  } finally {
    await server.stop()
  }
}

/** Posts one event at a time at a steady rate; the delay is from sending the POST to the arrival at each subscriber. */
async function measureDelay(name: string, count: number): Promise<{ p50: number, p99: number }> {
  const server = await ServerProcess.start(SERVERS[name])
  try {
    const warmup = Math.ceil(flags.posts * WARMUP)
    const posts = flags.posts + warmup
    const requests = new PostRequests(new Bodies({ batch: 1, users: 10_000, form: 'array' }), 'array', posts)
    requests.refill('/events')
    const load = await Load.open(server.port, 1)
    // Bytes tell which event it is: a subscriber has event i when it has the bytes of all up to it.
    const ends = new Float64Array(posts)
    for (let i = 0, end = 0; i < posts; i++) ends[i] = end += eventBytesOf(requests.get(i))
    const sentAt = new Float64Array(posts)
    const delays = new Float64Array((posts - warmup) * count)
    let arrivals = 0
    const finish = new Finish()
    const subscribers: FrameCounter[] = []
    const had = new Map<FrameCounter, number>()
    for (let s = 0; s < count; s++) {
      const subscriber = await FrameCounter.open(server.port, '', (bytes) => {
        const now = performance.now()
        let next = had.get(subscriber)!
        for (; next < posts && subscriber.eventBytes >= ends[next]; next++) if (next >= warmup) delays[arrivals++] = now - sentAt[next]
        had.set(subscriber, next)
        finish.arrive(bytes)
      })
      had.set(subscriber, 0)
      subscribers.push(subscriber)
    }
    const start = performance.now()
    for (let i = 0; i < posts; i++) {
      const due = start + i * 1000 / flags.rate
      if (due > performance.now()) await delay(due - performance.now())
      sentAt[i] = performance.now()
      await load.run(() => requests.get(i), i, i + 1, EXPECTED)
    }
    await finish.all(subscribers, ends[posts - 1])
    load.close()
    for (const subscriber of subscribers) subscriber.close()
    return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99) }
  } finally {
    await server.stop()
  }
}

/** Events a second in batches of 1,000 while subscribers are connected to whom none of them matters. */
async function measureIngest(idle: number): Promise<{ eventsPerSecond: number, cpuMicroseconds: number }> {
  const server = await ServerProcess.start(SERVERS.service)
  try {
    const batch = 1000
    const posts = Math.ceil(flags.events / batch)
    const warmup = Math.ceil(posts * WARMUP)
    const requests = new PostRequests(new Bodies({ batch, users: 100_000, form: 'array' }), 'array', posts + warmup)
    requests.refill('/events')
    const subscribers = await subscribe(server.port, idle, '?user_id=nobody', () => { throw new Error('an idle subscriber was sent events') })
    const load = await Load.open(server.port, 8)
    await load.run((i) => requests.get(i), 0, warmup, `${EXPECTED}${batch},`)
    const before = server.usage()
    const { seconds } = await load.run((i) => requests.get(i), warmup, warmup + posts, `${EXPECTED}${batch},`)
    const cpuSeconds = server.usage().cpuSeconds - before.cpuSeconds
    load.close()
    for (const subscriber of subscribers) subscriber.close()
    return { eventsPerSecond: posts * batch / seconds, cpuMicroseconds: cpuSeconds / (posts * batch) * 1e6 }
  } finally {
    await server.stop()
  }
}

const results = new Results('fan-out', flags)
const names = Object.keys(SERVERS)
const rounds = Array.from({ length: flags.rounds }, (_, round) => round)

/** Measures both servers with each number of subscribers, and prints the table. */
async function compareDeliveries(title: string, measure: (name: string, count: number) => Promise<Deliveries>): Promise<void> {
  const rows = []
  for (const count of flags.subscribers) {
    const samples = new Map(names.map((name) => [name, [] as Deliveries[]]))
    for (const round of rounds) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const sample = await measure(name, count)
        samples.get(name)!.push(sample)
        results.add({ what: measure.name, subscribers: count, round, server: name, ...sample })
      }
    }
    const rates = (name: string) => samples.get(name)!.map((sample) => sample.deliveriesPerSecond)
    for (const name of names) {
      rows.push({
        subscribers: count,
        server: name,
        'deliveries/s': median(rates(name)),
        lowest: Math.min(...rates(name)),
        highest: Math.max(...rates(name)),
        '× loop': median(ratios(rates(name), rates('loop'))),
        'CPU µs/delivery': median(samples.get(name)!.map((sample) => sample.cpuMicroseconds))
      })
    }
  }
  results.print(`${title}, median of ${flags.rounds} rounds`, rows)
}

await compareDeliveries('Events delivered a second out of the log, all subscribers together', measureResume)
await compareDeliveries(`Events delivered a second as they are posted, ${flags.batch} at a time, one POST after the other`, measureLive)

const delayRows = []
for (const count of flags.subscribers) {
  for (const name of names) {
    const samples = []
    for (const round of rounds) {
      const sample = await measureDelay(name, count)
      samples.push(sample)
      results.add({ subscribers: count, round, server: name, ...sample })
    }
    delayRows.push({
      subscribers: count, server: name, 'p50 ms': median(samples.map(({ p50 }) => p50)), 'p99 ms': median(samples.map(({ p99 }) => p99))
    })
  }
}
results.print(`Delay from POST to arrival, one event a POST, ${flags.rate} a second, median of ${flags.rounds} rounds`, delayRows)

const ingestSamples = new Map([0, flags.idle].map((idle) => [idle, [] as { eventsPerSecond: number, cpuMicroseconds: number }[]]))
for (const round of rounds) {
  for (const idle of round % 2 === 0 ? [0, flags.idle] : [flags.idle, 0]) {
    const sample = await measureIngest(idle)
    ingestSamples.get(idle)!.push(sample)
    results.add({ idle, round, ...sample })
  }
}
const ingestRates = (idle: number) => ingestSamples.get(idle)!.map((sample) => sample.eventsPerSecond)
results.print(`Ingest in batches of 1,000 beside idle subscribers, median of ${flags.rounds} rounds`, [0, flags.idle].map((idle) => ({
  'idle subscribers': idle,
  'events/s': median(ingestRates(idle)),
  '× none': median(ratios(ingestRates(idle), ingestRates(0))),
  'CPU µs/event': median(ingestSamples.get(idle)!.map((sample) => sample.cpuMicroseconds))
})))
results.save()
