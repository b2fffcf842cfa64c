/** A cluster of one's own out of real servers on loopback: masters that share the slots evenly, and replicas of them. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { RedisProcess, freePort } from './redis-process.ts'

const SLOTS = 16_384

/** Milliseconds after which a node that does not answer counts as failed. */
const NODE_TIMEOUT = 2_000

/** Milliseconds in which a cluster must have come together. */
const START_TIMEOUT = 60_000

/** How many servers. */
export interface ClusterSize {
  masters: number
  /** Of each master. */
  replicas: number
  /** What the first master has in its environment beside what all have. */
  env?: Readonly<Record<string, string>>
}

/** One server of a cluster, and a connection to it. */
export interface ClusterNode {
  server: RedisProcess
  client: Redis
  id: string
}

/** Servers that together are one cluster; `remove` ends all of them. */
export class RedisCluster {
  readonly nodes: ClusterNode[] = []

  /** Starts a cluster and waits until it takes writes and every replica is in sync. */
  static async start({ masters, replicas, env }: ClusterSize, ...args: string[]): Promise<RedisCluster> {
    const cluster = new RedisCluster()
    try {
      for (let i = 0; i < masters * (1 + replicas); i++) cluster.nodes.push(await startNode(args, i === 0 ? env : undefined))
      const [first, ...others] = cluster.nodes
      for (let i = 0; i < masters; i++) {
        const { client } = cluster.nodes[i]
        await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
        await client.call('CLUSTER', 'ADDSLOTSRANGE', Math.floor(i * SLOTS / masters), Math.floor((i + 1) * SLOTS / masters) - 1)
      }
      for (const { client } of others) await client.call('CLUSTER', 'MEET', '127.0.0.1', first.server.port, await busPort(first))
      await cluster.until(async (lines) => lines.length === cluster.nodes.length && lines.every((line) => line.includes('connected') && !/handshake/.test(line)))
      for (let i = masters; i < cluster.nodes.length; i++) await cluster.nodes[i].client.call('CLUSTER', 'REPLICATE', cluster.nodes[i % masters].id)
      await cluster.inSync()
      return cluster
    } catch (error) {
      await cluster.remove()
      throw error
    }
  }

  /** `host:port` of every node. */
  get addresses(): string[] {
    return this.nodes.map(({ server }) => server.node)
  }

  /** The nodes that are masters now, as each of those that answer sees itself. */
  async masters(): Promise<ClusterNode[]> {
    const roles = await Promise.all(this.nodes.map(async (node) => await roleOf(node)))
    return this.nodes.filter((_, i) => roles[i] === 'master')
  }

  /** Resolves once every node is there, the slots are served, and every replica has what its master has. */
  async inSync(): Promise<void> {
    const count = this.nodes.length
    await this.until(async (lines) => lines.length === count && lines.every((line) => !/fail|handshake|noaddr/.test(line)))
    for (const { client } of this.nodes) {
      await patiently(async () => {
        const info = await client.info('replication')
        const state = await client.call('CLUSTER', 'INFO') as string
        return state.includes('cluster_state:ok') && (info.includes('role:master') || info.includes('master_link_status:up'))
      })
    }
  }

  /** Resolves once the lines of CLUSTER NODES on every running node are as wished. */
  async until(isFine: (lines: string[]) => Promise<boolean>): Promise<void> {
    for (const { client, server } of this.nodes) {
      if (server.isRunning) await patiently(async () => isFine((await client.call('CLUSTER', 'NODES') as string).trim().split('\n')))
    }
  }

  /** Ends every server and removes their folders. */
  async remove(): Promise<void> {
    for (const { client } of this.nodes) client.disconnect()
    await Promise.all(this.nodes.map(({ server }) => server.remove()))
  }
}

async function startNode(args: readonly string[], env: ClusterSize['env'] = {}): Promise<ClusterNode> {
  const server = await RedisProcess.startWith(
    env,
    '--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT), '--cluster-port', String(await freePort()),
    '--cluster-announce-ip', '127.0.0.1', '--appendonly', 'yes', '--repl-diskless-sync-delay', '0', '--cluster-allow-replica-migration', 'no', ...args
  )
  const client = server.connect()
  return { server, client, id: await client.call('CLUSTER', 'MYID') as string }
}

async function busPort({ client }: ClusterNode): Promise<number> {
  const [, port] = await client.config('GET', 'cluster-port') as [string, string]
  return Number(port)
}

async function roleOf({ client, server }: ClusterNode): Promise<string | undefined> {
  if (!server.isRunning) return undefined
  const answer = await Promise.race([client.info('replication').catch(() => ''), delay(500, '', { ref: false })])
  return /role:(\w+)/.exec(answer)?.[1]
}

/** Asks again and again until the answer is yes. */
async function patiently(ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + START_TIMEOUT
  for (;;) {
    if (await ask().catch(() => false)) return
    if (performance.now() > end) throw new Error('the cluster did not come together')
    await delay(50)
  }
}
