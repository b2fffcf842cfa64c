/** Replicas of the service as `npm start` runs them, on a cluster, each at a port of its own that it keeps over restarts. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../cluster/redis-process.ts'

const SERVER = join(import.meta.dirname, '../../src/server.ts')

/** One replica of the service. */
export class ServiceReplica {
  readonly port: number
  readonly #env: Record<string, string>
  #process: ChildProcess | undefined

  private constructor(port: number, env: Record<string, string>) {
    this.port = port
    this.#env = env
  }

  static async start(env: Record<string, string>): Promise<ServiceReplica> {
    const replica = new ServiceReplica(await freePort(), env)
    await replica.run()
    return replica
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts it, again after it has ended, and waits until it is ready. */
  async run(): Promise<void> {
    for (;;) {
      const child = this.#process = spawn(process.execPath, [SERVER], {
        stdio: 'ignore', env: { ...process.env, LOG_LEVEL: 'silent', ...this.#env, PORT: String(this.port) }
      })
      while (child.exitCode === null && child.signalCode === null) {
        if (await fetch(`${this.origin}/health/ready`).then(({ ok }) => ok, () => false)) return
        await delay(50)
      }
      await delay(200) // a start in the middle of a failover is refused; an orchestrator would start it again, too
    }
  }

  /** The process that runs now. */
  get pid(): number {
    return this.#process!.pid!
  }

  /** Ends it; returns the status that it ended with, null where it was killed or had ended before. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null
    child.kill(signal)
    return (await once(child, 'exit'))[0] as number | null
  }
}
