/** One replica of the service without HTTP, in a process of its own: takes batches for a while and says what it did. */
import { randomUUID } from 'node:crypto'
import { createRedisBackend } from '../../src/backends/redis/redis.ts'
import { createIngest } from '../../src/ingest/ingest.ts'

/** What a worker is told, as JSON in its first argument. */
export interface WorkerOrder {
  nodes: string[]
  prefix: string
  partitions: number
  batch: number
  events: number
  users: number
  /** Batches under way at a time. */
  connections: number
}

/** What a worker says, as one line of JSON. */
export interface WorkerReport {
  accepted: number
  seconds: number
  cpuSeconds: number
}

const order = JSON.parse(process.argv[2]) as WorkerOrder
const backend = await createRedisBackend({ nodes: order.nodes, prefix: order.prefix, partitions: order.partitions, wait: 0, logBytes: 256 << 20 })
const ingest = createIngest({ store: backend.store, maxEvents: 10_000 })
const TYPES = ['page_view', 'click', 'purchase', 'signup']

function body(): Buffer {
  const now = Date.now()
  return Buffer.from(JSON.stringify(Array.from({ length: order.batch }, () => ({
    event_id: randomUUID(),
    user_id: `user-${Math.floor(Math.random() ** 2 * order.users)}`,
    event_type: TYPES[Math.floor(Math.random() * 4)],
    timestamp: new Date(now - Math.floor(Math.random() * 3_600_000)).toISOString(),
    properties: { page: `/products/${Math.floor(Math.random() * 1000)}` }
  }))))
}

let left = Math.ceil(order.events / order.batch)
let accepted = 0
const started = performance.now()
await Promise.all(Array.from({ length: order.connections }, async () => {
  while (left-- > 0) {
    const receipt = await ingest(body(), 'json')
    accepted += receipt.accepted // read after the wait, since others add to it meanwhile
  }
}))
const { user, system } = process.cpuUsage()
process.stdout.write(JSON.stringify({ accepted, seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 } satisfies WorkerReport) + '\n')
await backend.store.close()
