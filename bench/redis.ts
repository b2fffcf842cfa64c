/** What the redis store costs: events a second, processor time of the engine, bytes of memory, and how long answers take; see README.md, "Redis". */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { RedisCluster } from '../cluster/redis-cluster.ts'
import { RedisProcess } from '../cluster/redis-process.ts'
import { createRedisBackend } from '../src/backends/redis/redis.ts'
import { createIngest } from '../src/ingest/ingest.ts'
import { readFlags } from './harness/flags.ts'
import { Results } from './harness/results.ts'
import { percentile } from './harness/statistics.ts'
import type { Row } from './harness/table.ts'
import { cpuSeconds, longestCall, memoryBytes } from './redis/engine-figures.ts'
import { sendNaively } from './redis/naive.ts'
import type { WorkerOrder, WorkerReport } from './redis/worker.ts'

const flags = readFlags({
  events: 200_000,
  ids: 1_000_000,
  users: 20_000,
  connections: 8,
  batches: [1, 100, 1000],
  masters: [1, 3],
  services: [1, 2],
  answers: 300,
  partitions: [16, 64]
})
const WORKER = join(import.meta.dirname, 'redis/worker.ts')
const results = new Results('redis', flags)

async function work(order: WorkerOrder, services: number): Promise<WorkerReport[]> {
  return await Promise.all(Array.from({ length: services }, async () => {
    const child = spawn(process.execPath, [WORKER, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (data) => { text += data })
    await once(child, 'close')
    return JSON.parse(text) as WorkerReport
  }))
}

let prefixes = 0

/** Events a second and processor time, for each number of masters and services and each size of batch. */
async function measureRates(): Promise<Row[]> {
  const rows: Row[] = []
  for (const masters of flags.masters) {
    const cluster = await RedisCluster.start({ masters, replicas: 0 }, '--appendonly', 'no')
    const clients = cluster.nodes.map(({ client }) => client)
    try {
      for (const services of flags.services) {
        for (const batch of flags.batches) {
          for (const client of clients) await client.flushall()
          const events = batch === 1 ? Math.ceil(flags.events / 20) : flags.events
          const before = await cpuSeconds(clients)
          const connections = batch === 1 ? 64 : flags.connections
          const reports = await work({ nodes: cluster.addresses, prefix: `b${prefixes++}`, partitions: 16, batch, events, users: flags.users, connections }, services)
          const cpu = await cpuSeconds(clients) - before
          const accepted = reports.reduce((sum, report) => sum + report.accepted, 0)
          rows.push({
            masters,
            services,
            batch,
            'events/s': Math.round(accepted / Math.max(...reports.map(({ seconds }) => seconds))),
            'Redis CPU µs/event': 1e6 * cpu / accepted,
            'events/s of Redis CPU': Math.round(masters * accepted / cpu),
            'service CPU µs/event': 1e6 * reports.reduce((sum, { cpuSeconds: seconds }) => sum + seconds, 0) / accepted,
            'longest call ms': await longestCall(clients)
          })
        }
      }
    } finally {
      await cluster.remove()
    }
  }
  return rows
}

/** The engine's processor time beside that of naive commands, at about 64 events a call, in turns. */
async function measureBesideNaive(): Promise<Row[]> {
  const rows: Row[] = []
  for (let round = 0; round < 3; round++) {
    const server = await RedisProcess.start()
    const client = server.connect()
    try {
      let before = await cpuSeconds([client])
      // 16 partitions and one batch of 1,024 at a time: 64 events and 64 claims a call.
      const [report] = await work({ nodes: [server.node], prefix: 'n', partitions: 16, batch: 1024, events: flags.events, users: flags.users, connections: 1 }, 1)
      const ours = 1e6 * (await cpuSeconds([client]) - before) / report.accepted
      await client.flushall()
      before = await cpuSeconds([client])
      await sendNaively(server.port, flags.events, flags.users)
      const naive = 1e6 * (await cpuSeconds([client]) - before) / flags.events
      rows.push({ round: round + 1, 'the store, µs/event': ours, 'naive, µs/event': naive, '× naive': ours / naive })
    } finally {
      client.disconnect()
      await server.remove()
    }
  }
  return rows
}

/** Bytes an id at several fills: one user and a small log, so that ids and claims are nearly all there is. */
async function measureMemory(): Promise<Row[]> {
  const server = await RedisProcess.start('--cluster-enabled', 'no')
  const client = server.connect()
  const rows: Row[] = []
  try {
    const backend = await createRedisBackend({ nodes: [server.node], prefix: 'm', partitions: 16, wait: 0, logBytes: 16 << 10 })
    const ingest = createIngest({ store: backend.store, maxEvents: 10_000 })
    const empty = await memoryBytes([client])
    const step = Math.ceil(flags.ids / 10)
    for (let held = 0; held < flags.ids;) {
      const target = held + step
      while (held < target) {
        const count = Math.min(5_000, target - held)
        await ingest(bodyOf(count, (i) => `user-${i % 64}`), 'json')
        held += count
      }
      rows.push({ ids: held, 'bytes/id': (await memoryBytes([client]) - empty) / held, 'longest call ms': await longestCall([client]) })
    }
    await backend.store.close()
    return rows
  } finally {
    client.disconnect()
    await server.remove()
  }
}

/** Bytes that an event with its id takes, and a user of one hour beside that. */
async function measurePieces(): Promise<Row[]> {
  const [events, users] = [200_000, 100_000]
  const server = await RedisProcess.start()
  const client = server.connect()
  try {
    const backend = await createRedisBackend({ nodes: [server.node], prefix: 'p', partitions: 16, wait: 0, logBytes: 1 << 30 })
    const ingest = createIngest({ store: backend.store, maxEvents: 10_000 })
    const empty = await memoryBytes([client])
    const send = async (user: (i: number) => string, count: number): Promise<void> => {
      for (let i = 0; i < count; i += 5000) await ingest(bodyOf(5000, (k) => user(i + k)), 'json')
      await backend.aggregator.users('24h', 1) // folds what waits into the totals
    }
    await send((i) => `user-${i % 100}`, events)
    const few = await memoryBytes([client]) - empty
    await send((i) => `user-${100 + i}`, users)
    const many = await memoryBytes([client]) - empty - few
    await backend.store.close()
    return [
      { what: 'an event of 134 bytes, with its id', bytes: few / events },
      { what: 'a user of one hour, in three windows', bytes: many / users - few / events }
    ]
  } finally {
    client.disconnect()
    await server.remove()
  }
}

/** Events of the present with new ids. */
function bodyOf(count: number, user: (i: number) => string): Buffer {
  const timestamp = new Date().toISOString()
  return Buffer.from(JSON.stringify(Array.from({ length: count }, (_, i) => ({ event_id: randomUUID(), user_id: user(i), event_type: 'click', timestamp }))))
}

/** How long summaries take, and how long an event takes from one replica to a reader of another. */
async function measureAnswers(): Promise<Row[]> {
  const rows: Row[] = []
  const cluster = await RedisCluster.start({ masters: 3, replicas: 0 }, '--appendonly', 'no')
  try {
    for (const partitions of flags.partitions) {
      const prefix = `a${partitions}`
      await work({ nodes: cluster.addresses, prefix, partitions, batch: 1000, events: flags.events, users: flags.users, connections: 4 }, 1)
      const options = { nodes: cluster.addresses, prefix, partitions, wait: 0, logBytes: 256 << 20 }
      const [a, b] = [await createRedisBackend(options), await createRedisBackend(options)]
      const row: Row = { partitions }
      for (const window of ['24h', '7d'] as const) {
        const times = new Float64Array(flags.answers)
        for (let i = 0; i < times.length; i++) {
          const started = performance.now()
          await a.aggregator.summary(window)
          times[i] = performance.now() - started
        }
        row[`${window} p50 ms`] = percentile(times, 0.5)
        row[`${window} p99 ms`] = percentile(times, 0.99)
      }
      const ingest = createIngest({ store: a.store, maxEvents: 10 })
      const delays = new Float64Array(Math.ceil(flags.answers / 3))
      for (let i = 0; i < delays.length; i++) {
        const told = new Promise<void>((resolve) => { const end = b.store.onAppend(() => { end(); resolve() }) })
        await ingest(bodyOf(1, () => `user-${i}`), 'json')
        const started = performance.now()
        await told
        delays[i] = performance.now() - started
      }
      row['live p50 ms'] = percentile(delays, 0.5)
      row['live p99 ms'] = percentile(delays, 0.99)
      rows.push(row)
      await a.store.close()
      await b.store.close()
    }
  } finally {
    await cluster.remove()
  }
  return rows
}

results.print('Beside the same work done naively, 64 events a call', await measureBesideNaive())
results.print('Memory of ids and claims', await measureMemory())
results.print('Memory of a user and an event', await measurePieces())
results.print('Answers', await measureAnswers())
results.print('Events a second', await measureRates())
results.save()
