/** Faults of a cluster, one shard at a time; each ends when every replica is in sync again. */
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterNode, RedisCluster } from '../../cluster/redis-cluster.ts'
import type { ServiceReplica } from './services.ts'

/** Milliseconds for which a stopped node stands still: longer than the cluster waits for it. */
const STANDSTILL = 3_500

/** What is done to a cluster and its services. */
export type Fault = (cluster: RedisCluster, services: readonly ServiceReplica[]) => Promise<void>

async function someMaster(cluster: RedisCluster): Promise<ClusterNode> {
  const masters = await cluster.masters()
  return masters[randomInt(masters.length)]
}

async function someReplica(cluster: RedisCluster): Promise<ClusterNode> {
  const masters = new Set(await cluster.masters())
  const replicas = cluster.nodes.filter((node) => !masters.has(node))
  return replicas[randomInt(replicas.length)]
}

/** Resolves once a node is no longer a master for the others: one of its replicas has been promoted. */
async function promoted(cluster: RedisCluster, { id }: ClusterNode): Promise<void> {
  const other = cluster.nodes.find((node) => node.id !== id)!
  for (;;) {
    const lines = (await other.client.call('CLUSTER', 'NODES') as string).split('\n')
    if (!lines.some((line) => line.startsWith(id) && / \d+-\d+/.test(line))) return
    await delay(50)
  }
}

/** Every kind of fault, by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'master killed': async (cluster) => {
    const master = await someMaster(cluster)
    await master.server.stop('SIGKILL')
    await promoted(cluster, master)
    await master.server.run()
  },
  'master stopped': async (cluster) => {
    const master = await someMaster(cluster)
    master.server.kill('SIGSTOP')
    await promoted(cluster, master)
    await delay(Math.max(0, STANDSTILL - 2_000))
    master.server.kill('SIGCONT')
  },
  'replica killed': async (cluster) => {
    const replica = await someReplica(cluster)
    await replica.server.stop('SIGKILL')
    await replica.server.run()
  },
  'failover asked for': async (cluster) => {
    const replica = await someReplica(cluster)
    await replica.client.call('CLUSTER', 'FAILOVER')
    while (!(await cluster.masters()).includes(replica)) await delay(50)
  },
  'slot moved': async (cluster) => moveSlot(cluster),
  'service killed': async (_cluster, services) => {
    const service = services[randomInt(services.length)]
    await service.stop('SIGKILL')
    await service.run()
  }
}

/** Moves a slot that holds a partition to another master, key by key. */
async function moveSlot(cluster: RedisCluster): Promise<void> {
  const masters = await cluster.masters()
  const source = masters[randomInt(masters.length)]
  const target = masters.find((node) => node !== source)!
  const [key] = (await source.client.keys('*:s'))
  if (key === undefined) return
  const slot = await source.client.call('CLUSTER', 'KEYSLOT', key) as number
  await target.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id)
  await source.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id)
  for (;;) {
    const keys = await source.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 50) as string[]
    if (keys.length === 0) break
    await source.client.call('MIGRATE', '127.0.0.1', target.server.port, '', 0, 5000, 'KEYS', ...keys)
  }
  for (const { client } of [target, source, ...masters.filter((node) => node !== source && node !== target)]) {
    await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', target.id)
  }
}
