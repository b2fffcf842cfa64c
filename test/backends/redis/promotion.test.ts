/**
 * A replica becomes the master without the newest writes. What was shown of them before is told as lost, although their
 * positions are handed out again; and where replicas are waited for, nothing is shown that they do not have. [LIVE-1, STORE-1]
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { RedisCluster, type ClusterNode } from '../../../cluster/redis-cluster.ts'
import { redisObstacle } from '../../../cluster/redis-process.ts'
import type { Event, Receipt } from '../../../schemas/index.ts'
import { StorageUnavailableError, type Aggregator, type EventStore } from '../../../src/backends/backend.ts'
import { createRedisBackend } from '../../../src/backends/redis/redis.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'

const obstacle = redisObstacle()
const LIMITS = { events: 100, bytes: 1 << 20 }

/** A shard of one master and one replica. */
async function startShard(t: Test): Promise<{ cluster: RedisCluster, master: ClusterNode, replica: ClusterNode }> {
  const cluster = await RedisCluster.start({ masters: 1, replicas: 1 })
  t.teardown(() => cluster.remove())
  const [master, replica] = cluster.nodes
  return { cluster, master, replica }
}

interface Service {
  store: EventStore
  aggregator: Aggregator
  send: (event: Event) => Promise<Receipt>
}

async function openService(t: Test, cluster: RedisCluster, wait: number): Promise<Service> {
  const { store, aggregator } = await createRedisBackend({ nodes: cluster.addresses, wait, prefix: 'p', partitions: 2, logBytes: 1 << 24 })
  t.teardown(() => store.close())
  const ingest = createIngest({ store, maxEvents: 100 })
  const send = async (event: Event): Promise<Receipt> => await ingest(Buffer.from(JSON.stringify(event)), 'json')
  return { store, aggregator, send }
}

/** All of one user, so of one partition. */
function event(): Event {
  return { event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date().toISOString() }
}

async function idsAfter(store: EventStore, cursor: string): Promise<string[]> {
  const page = await store.read(cursor, {}, LIMITS)
  return (JSON.parse(`[${page.bytes.toString()}]`) as Event[]).map(({ event_id: id }) => id)
}

/** Asks until the engine can answer, letting time pass for the store as its owner does. */
async function patiently<T>(store: EventStore, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof StorageUnavailableError)) throw error
      store.maintain()
      await delay(20)
    }
  }
}

async function sendUntilTaken({ store, send }: Service, event: Event): Promise<Receipt> {
  return await patiently(store, async () => {
    const receipt = await send(event)
    if (receipt.unavailable > 0) throw new StorageUnavailableError('not yet')
    return receipt
  })
}

/** Makes the replica the master; it does not have what was written while it was down. */
async function promote({ master, replica }: { master: ClusterNode, replica: ClusterNode }): Promise<void> {
  await master.server.stop()
  await replica.server.run()
  await replica.client.call('CLUSTER', 'FAILOVER', 'TAKEOVER')
  while (!(await replica.client.info('replication')).includes('role:master')) await delay(20)
}

t.test('what a promotion has lost is told as lost to those who have seen it, and to nobody else', { skip: obstacle }, async (t) => {
  const { cluster, ...shard } = await startShard(t)
  const writer = await openService(t, cluster, 0)
  const reader = await openService(t, cluster, 0)
  await writer.send(event())
  const { cursor: before } = await writer.store.locate()
  await shard.master.client.wait(1, 5_000)
  await shard.replica.server.stop()
  await writer.send(event())
  const { cursor: after } = await writer.store.locate()
  await promote(shard)

  // A replica of the service that has not seen the lost event takes another in its place.
  const taken = event()
  t.match(await sendUntilTaken(reader, taken), { accepted: 1 })
  t.strictSame(await patiently(reader.store, async () => await idsAfter(reader.store, before)), [taken.event_id])
  for (const { store } of [writer, reader]) {
    await t.rejects(patiently(store, async () => await idsAfter(store, after)), { name: 'LostCursorError', reason: 'other_history' })
    t.match(await patiently(store, async () => await store.locate(after)), { recovered: false, lost: { reason: 'other_history' } })
    const { cursor } = await store.locate()
    t.strictSame(await idsAfter(store, cursor), [])
    t.strictSame(await idsAfter(store, before), [taken.event_id], 'what was read before the promotion goes on')
  }
})

t.test('what replicas have not acknowledged is not shown, and what they have is never told as lost', { skip: obstacle }, async (t) => {
  const { cluster, ...shard } = await startShard(t)
  const hasty = await openService(t, cluster, 0)
  const patient = [await openService(t, cluster, 1), await openService(t, cluster, 1)]
  t.match(await patient[0].send(event()), { accepted: 1 })
  const { cursor: before } = await patient[0].store.locate()
  await shard.replica.server.stop()
  const doubtful = event()
  t.match(await hasty.send(doubtful), { accepted: 1 })
  for (const { store, aggregator } of patient) {
    t.strictSame(await idsAfter(store, before).catch(() => []), [], 'no event that may still be lost')
    await t.rejects(aggregator.summary('1h'), StorageUnavailableError)
  }
  await promote(shard)
  await shard.master.server.run()
  t.match(await sendUntilTaken(patient[0], doubtful), { accepted: 1 }, 'it was lost with the master')
  for (const { store, aggregator } of patient) {
    t.strictSame(await patiently(store, async () => await idsAfter(store, before)), [doubtful.event_id], 'once')
    t.match(await patiently(store, async () => await aggregator.summary('1h')), { total_events: 2 })
  }
})
