/** Several replicas of the service on one real cluster: what one of them does, all of them see. [DEDUP-1] [LIVE-1] [STORE-3] */
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { RedisCluster } from '../../../cluster/redis-cluster.ts'
import { redisObstacle } from '../../../cluster/redis-process.ts'
import type { Event, Receipt } from '../../../schemas/index.ts'
import type { Backend } from '../../../src/backends/backend.ts'
import { createRedisBackend, type RedisReport } from '../../../src/backends/redis/redis.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'

const PARTITIONS = 16
const WIDE = { events: 10_000, bytes: 1 << 24 }

/** One replica of the service, without HTTP. */
class Replica {
  readonly backend: Backend
  readonly reports: RedisReport[]
  readonly #ingest: ReturnType<typeof createIngest>

  private constructor(backend: Backend, reports: RedisReport[]) {
    this.backend = backend
    this.reports = reports
    this.#ingest = createIngest({ store: backend.store, maxEvents: 10_000 })
  }

  static async open(t: Test, nodes: readonly string[], prefix: string): Promise<Replica> {
    const reports: RedisReport[] = []
    const backend = await createRedisBackend({ nodes, wait: 0, prefix, partitions: PARTITIONS, logBytes: 1 << 26, report: (report) => reports.push(report) })
    t.teardown(() => backend.store.close())
    return new Replica(backend, reports)
  }

  send(...events: Event[]): Promise<Receipt> {
    return this.#ingest(Buffer.from(JSON.stringify(events)), 'json')
  }

  /** Sends until all is taken: a machine that is busy elsewhere may let calls to the engine run out of time. */
  async sendUntilTaken(...events: Event[]): Promise<void> {
    while ((await this.send(...events)).unavailable > 0);
  }

  async total(): Promise<number> {
    return (await this.backend.aggregator.summary('1h')).total_events
  }
}

function event(fields: Partial<Event> = {}): Event {
  return { event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date().toISOString(), ...fields }
}

const sum = (receipts: readonly Receipt[], key: 'accepted' | 'duplicates' | 'unavailable'): number => receipts.reduce((total, receipt) => total + receipt[key], 0)

async function run(): Promise<void> {
  const cluster = await RedisCluster.start({ masters: 3, replicas: 0 })
  t.teardown(() => cluster.remove())
  const open = (t: Test, prefix: string) => Replica.open(t, cluster.addresses, prefix)
  const three = async (t: Test, prefix: string) => [await open(t, prefix), await open(t, prefix), await open(t, prefix)]

  t.test('of 200 concurrent posts of one id over three replicas one is accepted [DEDUP-1] [DEDUP-3]', async (t) => {
    const replicas = await three(t, 'one-id')
    const same = event()
    const receipts = await Promise.all(Array.from({ length: 200 }, (_, i) => replicas[i % 3].send(same)))
    t.equal(sum(receipts, 'accepted'), 1)
    t.equal(sum(receipts, 'duplicates'), 199)
    for (const replica of replicas) t.equal(await replica.total(), 1)
  })

  t.test('one id with 200 users counts once, whoever comes first', async (t) => {
    const replicas = await three(t, 'many-users')
    const { event_id: id } = event()
    const receipts = await Promise.all(Array.from({ length: 200 }, (_, i) => replicas[i % 3].send(event({ event_id: id, user_id: `user ${i}` }))))
    t.equal(sum(receipts, 'accepted'), 1)
    t.equal(sum(receipts, 'duplicates') + sum(receipts, 'unavailable'), 199)
    t.match(await replicas[0].send(event({ event_id: id, user_id: 'somebody else' })), { duplicates: 1 })
    t.match(await replicas[1].backend.aggregator.summary('1h'), { total_events: 1, unique_users: 1 })
    const both = event()
    t.match(await replicas[2].send(both, { ...both, user_id: 'another' }, both), { accepted: 1, duplicates: 2 }, 'also in one batch')
  })

  t.test('what one replica takes is told to readers of another, in each user\'s order, and a cursor of one serves at the other [LIVE-1] [LIVE-2]', async (t) => {
    const [a, b] = await three(t, 'live')
    const start = (await b.backend.store.locate()).cursor
    const users = Array.from({ length: 20 }, (_, i) => `user ${i}`)
    const told = new Promise<void>((resolve) => b.backend.store.onAppend(resolve))
    const sent: Event[] = []
    for (let round = 0; round < 5; round++) {
      const events = users.map((user_id) => event({ user_id }))
      sent.push(...events)
      t.match(await a.send(...events), { accepted: 20 })
    }
    await told
    const read: Event[] = []
    let { cursor } = await a.backend.store.locate(start)
    for (let reader = 0; read.length < sent.length; reader++) {
      const page = await [a, b][reader % 2].backend.store.read(cursor, {}, { events: 7, bytes: 1 << 20 })
      read.push(...JSON.parse(`[${page.bytes.toString()}]`) as Event[])
      cursor = page.cursor
    }
    for (const user of users) {
      const idsOf = (events: Event[]) => events.filter(({ user_id: id }) => id === user).map(({ event_id: id }) => id)
      t.same(idsOf(read), idsOf(sent), user)
    }
    t.equal(read.length, sent.length, 'nothing twice')
    t.ok(cursor.length <= 512, `a cursor has ${cursor.length} characters`)
  })

  t.test('a summary and the events after its cursor are all there is, at any moment of a load [LIVE-3] [WIN-4]', async (t) => {
    const [a, b, c] = await three(t, 'load-then-subscribe')
    const batches = Array.from({ length: 60 }, () => Array.from({ length: 50 }, (_, i) => event({ user_id: `user ${i}` })))
    const loading = new Set(batches)
    const load = Promise.all(batches.map((events, i) => [a, b][i % 2].sendUntilTaken(...events).finally(() => loading.delete(events))))
    const summaries = []
    do summaries.push(await c.backend.aggregator.summary('1h'))
    while (loading.size > 0)
    await load
    for (const { total_events: total, events_per_hour: hours, cursor } of summaries) {
      let after = 0
      let page = await c.backend.store.read(cursor, {}, WIDE)
      for (; page.count > 0; page = await c.backend.store.read(page.cursor, {}, WIDE)) after += page.count
      t.equal(total + after, 3000, `${total} before and ${after} after`)
      t.equal(hours.reduce((all, { count }) => all + count, 0), total)
    }
    t.ok(summaries.length > 1)
  })

  t.test('flushed scripts are sent again', async (t) => {
    const replica = await open(t, 'flushed')
    await replica.send(event())
    for (const { client } of cluster.nodes) await client.script('FLUSH')
    t.match(await replica.send(event()), { accepted: 1 })
    t.equal(await replica.total(), 2)
  })

  t.test('keys lie under the prefix, and spread over the masters', async (t) => {
    const replica = await open(t, 'spread')
    await replica.send(...Array.from({ length: 500 }, (_, i) => event({ user_id: `user ${i}` })))
    const keys = await Promise.all(cluster.nodes.map(async ({ client }) => await client.keys('spread:*')))
    t.ok(keys.every((those) => those.filter((key) => key.endsWith(':s')).length >= 5), 'every master has a third of the partitions')
    t.ok((await Promise.all(cluster.nodes.map(async ({ client }) => await client.keys('*')))).flat()
      .every((key) => /^(one-id|many-users|live|load-then-subscribe|flushed|spread):\{/.test(key)))
  })
}

const obstacle = redisObstacle()
if (obstacle === undefined) await run()
else t.plan(0, obstacle)
