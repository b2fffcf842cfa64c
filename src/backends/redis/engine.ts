/**
 * The connection to the engine, one server or a cluster: runs scripts within a time, says what a failure means, and knows the
 * masters' common time. Nothing above it knows the client library.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import { RefusedError, StorageUnavailableError } from '../backend.ts'
import type { Script } from './scripts.ts'

/** Milliseconds that one call may take. */
export const CALL_TIMEOUT = 1_000

/** Milliseconds in which a start must have found the engine. */
const START_TIMEOUT = 10_000

/** Milliseconds between two attempts at a call that the engine has refused to begin. */
const RETRY_INTERVAL = 50

/** Oldest major version. */
const OLDEST_VERSION = 7

/** Milliseconds by which a master's clock may differ from the common time. */
const CLOCK_TOLERANCE = 60_000

/** How to reach an engine. */
export interface EngineOptions {
  /** `host:port` of some nodes. */
  nodes: readonly string[]
  username?: string
  password?: string
  tls?: boolean
  /** Replicas that must have a write before it is acknowledged. */
  wait: number
  /** Told of what a person should know. */
  warn: (message: string) => void
}

/** The engine has no room for a write. */
export class EngineFullError extends Error {
  override name = 'EngineFullError'
}

type Reply = unknown[]

/**
 * Errors by which the engine says that it has not begun with a call, so that it may be sent again without counting twice.
 * ASK is among them and not followed: while a slot moves, its new master would take keys that are still at the old one for
 * missing. "Non local key" is what a script meets there, before it has written anything.
 */
const REFUSAL = /NOSCRIPT|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|READONLY|MASTERDOWN|non local key/

/** Connections to all masters. Its errors are EngineFullError and StorageUnavailableError. */
export class Engine {
  readonly #client: Redis | Cluster
  readonly #wait: number
  readonly #warn: (message: string) => void
  /** The common time of the masters, less this process's monotonic time; milliseconds. */
  #offset = 0
  #lastNow = 0
  /** Nodes that were said to have a wrong clock. */
  readonly #wrongClocks = new Set<string>()

  private constructor(client: Redis | Cluster, { wait, warn }: EngineOptions) {
    this.#client = client
    this.#wait = wait
    this.#warn = warn
  }

  /**
   * Connects and checks that the engine can keep the contract.
   * @throws RefusedError with what to do
   */
  static async connect(options: EngineOptions): Promise<Engine> {
    const { nodes, username, password, tls } = options
    const redisOptions: RedisOptions = {
      username,
      password,
      tls: tls ? {} : undefined,
      connectTimeout: 1_000,
      maxRetriesPerRequest: 0,
      enableAutoPipelining: false
    }
    const probe = await reach(nodes, redisOptions)
    const isCluster = /cluster_enabled:1/.test(probe.info)
    const engine = new Engine(isCluster ? connectCluster(nodes, redisOptions) : connectServer(probe.node, redisOptions), options)
    engine.#client.on('error', () => {}) // each call says itself that it failed
    try {
      await engine.#ready()
      await engine.#check()
      await engine.readTime()
    } catch (error) {
      engine.close()
      throw error
    }
    return engine
  }

  /** Whether replicas must have a write before it is acknowledged. */
  get waits(): boolean {
    return this.#wait > 0
  }

  /** Milliseconds since 1970 by the masters' common time; never goes back. */
  now(): number {
    this.#lastNow = Math.max(this.#lastNow, Math.floor(this.#offset + performance.now()))
    return this.#lastNow
  }

  /**
   * Runs a script on a partition; replies are buffers and numbers.
   * @param acknowledge whether replicas must have what it writes
   * @throws EngineFullError, StorageUnavailableError
   */
  async call(script: Script, key: string, args: readonly (string | number | Buffer)[], acknowledge = false): Promise<Reply> {
    const work = this.#run(script, key, args, acknowledge && this.waits).catch((error) => { throw describe(error) })
    return within(work, CALL_TIMEOUT)
  }

  async #run(script: Script, key: string, args: readonly (string | number | Buffer)[], waits: boolean): Promise<Reply> {
    const parts = [1, key, ...args] as const
    const send = async (...command: [string, string]): Promise<Reply> => {
      if (!waits) return await this.#client.callBuffer(command[0], command[1], ...parts) as Reply
      // The acknowledgement must come over the very connection that wrote.
      const results = await this.#client.pipeline().callBuffer(command[0], command[1], ...parts).wait(this.#wait, CALL_TIMEOUT).exec()
      const [[error, reply], [waitError, replicas]] = results as [[Error | null, Reply], [Error | null, number]]
      if (error !== null) throw error
      if (waitError !== null) throw waitError
      if (replicas < this.#wait) throw new Error(`only ${replicas} of ${this.#wait} replicas have acknowledged`)
      return reply
    }
    const end = performance.now() + CALL_TIMEOUT
    let command: [string, string] = ['EVALSHA', script.sha]
    for (;;) {
      try {
        return await send(...command)
      } catch (error) {
        const refusal = REFUSAL.exec((error as Error).message)?.[0]
        if (refusal === undefined || performance.now() > end) throw error
        if (refusal === 'NOSCRIPT') command = ['EVAL', script.text]
        else if (refusal === 'MOVED') await this.#followSlots()
        else await delay(RETRY_INTERVAL)
      }
    }
  }

  /** Learns anew which master serves which slot. */
  async #followSlots(): Promise<void> {
    const client = this.#client
    if (client instanceof Cluster) await new Promise<void>((resolve) => client.refreshSlotsCache(() => resolve()))
  }

  /** The masters. */
  #masters(): Redis[] {
    return this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client]
  }

  /** Asks the masters for their time; their median is the common time. A clock that is far from it is reported, once. */
  async readTime(): Promise<void> {
    const readings = await Promise.allSettled(this.#masters().map(async (node) => {
      const before = performance.now()
      const [seconds, micros] = await within(node.time() as unknown as Promise<[string, string]>, CALL_TIMEOUT)
      const offset = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) - (before + performance.now()) / 2
      return { name: `${node.options.host}:${node.options.port}`, offset }
    }))
    const known = readings.filter((reading) => reading.status === 'fulfilled').map(({ value }) => value)
    if (known.length === 0) throw new StorageUnavailableError('no master of the engine answers')
    const offsets = known.map(({ offset }) => offset).sort((a, b) => a - b)
    this.#offset = offsets[Math.floor((offsets.length - 1) / 2)]
    for (const { name, offset } of known) {
      const isWrong = Math.abs(offset - this.#offset) > CLOCK_TOLERANCE
      if (isWrong && !this.#wrongClocks.has(name)) this.#warn(`the clock of ${name} is ${Math.round((offset - this.#offset) / 1000)} s off; the masters' median is used`)
      if (isWrong) this.#wrongClocks.add(name)
      else this.#wrongClocks.delete(name)
    }
  }

  /** Writes the fields of a hash that are not there yet, and reads all of them. */
  async openMeta<T extends Record<string, string>>(key: string, fields: T): Promise<T> {
    for (const [name, value] of Object.entries(fields)) await within(this.#client.hsetnx(key, name, value), CALL_TIMEOUT)
    return await within(this.#client.hgetall(key), CALL_TIMEOUT) as T
  }

  /** Users that partitions know. */
  async countUsers(keys: readonly string[]): Promise<number> {
    const counts = await Promise.all(keys.map((key) => within(this.#client.zcard(`${key.slice(0, -1)}seen`), CALL_TIMEOUT)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** When the oldest entry of all logs was taken; null if there is none. */
  async oldestEntry(keys: readonly string[]): Promise<string | null> {
    const entries = await Promise.all(keys.map((key) => within(this.#client.xrange(`${key.slice(0, -1)}log`, '-', '+', 'COUNT', 1), CALL_TIMEOUT)))
    const times = entries.flat().map(([, [, time]]) => Number(time))
    return times.length === 0 ? null : new Date(Math.min(...times)).toISOString()
  }

  /** Ends every connection. */
  close(): void {
    this.#client.disconnect()
  }

  async #ready(): Promise<void> {
    if (this.#client.status === 'ready') return
    await within(new Promise<void>((resolve) => this.#client.once('ready', () => resolve())), START_TIMEOUT)
      .catch(() => { throw new RefusedError('The Redis engine did not become ready: `CLUSTER INFO` must say cluster_state:ok, and every node must be reachable from here under the address that it announces.') })
  }

  /** @throws RefusedError where the engine cannot keep the contract */
  async #check(): Promise<void> {
    for (const node of this.#masters()) {
      const name = `${node.options.host}:${node.options.port}`
      const info = await within(node.info(), CALL_TIMEOUT)
      const field = (key: string): string => new RegExp(`^${key}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
      const version = field('valkey_version') || field('redis_version')
      if (Number.parseInt(version, 10) < OLDEST_VERSION) throw new RefusedError(`${name} runs version ${version}; Redis or Valkey 7.0 or later is needed.`)
      const policy = field('maxmemory_policy')
      if (policy !== '' && policy !== 'noeviction') {
        throw new RefusedError(`${name} has maxmemory-policy ${policy}, which drops data silently; set \`maxmemory-policy noeviction\` on every node.`)
      }
      if (field('aof_enabled') === '0') this.#warn(`${name} does not write an append-only file; after a restart it is empty. Set \`appendonly yes\`.`)
      if (field('connected_slaves') === '0') this.#warn(`${name} has no replica; what it holds is lost with it.`)
    }
  }
}

async function reach(nodes: readonly string[], options: RedisOptions): Promise<{ node: string, info: string }> {
  const failures: string[] = []
  for (const node of nodes) {
    const client = connectServer(node, { ...options, lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => {})
    try {
      await within(client.connect(), START_TIMEOUT)
      return { node, info: await within(client.info(), CALL_TIMEOUT) }
    } catch (error) {
      failures.push(`${node}: ${(error as Error).message}`)
    } finally {
      client.disconnect()
    }
  }
  throw new RefusedError(`No node of REDIS_NODES could be used: ${failures.join('; ')}. Check the addresses, REDIS_USERNAME, REDIS_PASSWORD and REDIS_TLS.`)
}

function addressOf(node: string): { host: string, port: number } {
  const colon = node.lastIndexOf(':')
  return { host: node.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(node.slice(colon + 1)) }
}

function connectServer(node: string, options: RedisOptions): Redis {
  return new Redis({ ...options, ...addressOf(node), retryStrategy: options.retryStrategy ?? ((times) => Math.min(times * 50, 500)) })
}

function connectCluster(nodes: readonly string[], redisOptions: RedisOptions): Cluster {
  const options: ClusterOptions = {
    redisOptions,
    enableAutoPipelining: false,
    maxRedirections: 0, // calls are sent again by this module, which knows what may be
    slotsRefreshTimeout: 1_000,
    slotsRefreshInterval: 2_000,
    clusterRetryStrategy: (times) => Math.min(times * 50, 500)
  }
  return new Cluster(nodes.map(addressOf), options)
}

function describe(error: unknown): Error {
  const { message } = error as Error
  return /^OOM|out of memory/i.test(message) ? new EngineFullError(message) : new StorageUnavailableError(message)
}

/** Resolves with the work's result, or fails after so many milliseconds. */
async function within<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new StorageUnavailableError('the engine did not answer in time')), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
