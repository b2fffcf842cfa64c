/** A redis-server of one's own: on loopback, with a port and a folder of its own, ended by its own process id. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** Why no server can be started here; undefined where one can. */
export function redisObstacle(): string | undefined {
  return spawnSync('redis-server', ['--version']).status === 0 ? undefined : 'redis-server is not installed'
}

/** A port that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** One redis-server process of its own. */
export class RedisProcess {
  readonly port: number
  readonly directory: string
  readonly #args: readonly string[]
  readonly #env: Readonly<Record<string, string>>
  #process: ChildProcess | undefined

  private constructor(port: number, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.port = port
    this.#env = env
    this.directory = mkdtempSync(join(tmpdir(), 'redis-'))
    this.#args = args
  }

  /** Starts a server with further arguments as in its configuration file. */
  static async start(...args: string[]): Promise<RedisProcess> {
    return RedisProcess.startWith({}, ...args)
  }

  /** Starts a server with more in its environment. */
  static async startWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<RedisProcess> {
    const server = new RedisProcess(await freePort(), args, env)
    await server.run()
    return server
  }

  /** Whether the process runs, be it stopped or not. */
  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  get node(): string {
    return `127.0.0.1:${this.port}`
  }

  /** A connection of the caller's own; it comes back by itself. */
  connect(password?: string): Redis {
    const client = new Redis(this.port, '127.0.0.1', { password, retryStrategy: (times) => Math.min(times * 20, 200) })
    client.on('error', () => {})
    return client
  }

  /** Starts it, again after it has ended. */
  async run(): Promise<void> {
    const process = spawn('redis-server', [
      '--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory, '--save', '', '--loglevel', 'warning', ...this.#args
    ], { stdio: 'ignore', env: { ...globalThis.process.env, ...this.#env } })
    this.#process = process
    const client = this.connect()
    try {
      for (;;) {
        if (process.exitCode !== null) throw new Error(`redis-server ended with ${process.exitCode}`)
        const answer = await client.ping().catch((error: Error) => error.message)
        if (answer === 'PONG') return
        if (answer.startsWith('NOAUTH')) return
      }
    } finally {
      client.disconnect()
    }
  }

  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  /** Ends it and waits for its end. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const process = this.#process
    this.#process = undefined
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return
    process.kill('SIGCONT')
    process.kill(signal)
    await once(process, 'exit')
  }

  /** Ends it and removes its folder. */
  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
