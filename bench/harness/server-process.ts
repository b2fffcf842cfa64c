/** A server in a process of its own: started, waited for, measured from outside and stopped. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../cluster/redis-process.ts'
import { Connection } from './connection.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** Clock ticks a second in /proc, on every Linux. */
const TICKS = 100

const running = new Set<ChildProcess>()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

/** How a server is started. */
export interface ServerOptions {
  /** Script for Node or program, from the root of the repository. */
  script: string
  /** Whether the script is a program of its own. */
  isProgram?: boolean
  arguments?: string[]
  /** Flags of Node itself. */
  nodeFlags?: string[]
  /** Settings beside PORT and HOST. */
  env?: Record<string, string>
  /** Seconds until it must listen. */
  patience?: number
}

/** What a process has used so far; NaN where the system has no /proc. */
export interface Usage {
  /** Of all its threads, user and system. */
  cpuSeconds: number
  residentBytes: number
}

/** A server of its own process. Its standard output goes nowhere, as a log that is written and not looked at. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  /** Starts a server and resolves once it listens. */
  static async start({ script, isProgram = false, arguments: args = [], nodeFlags = [], env = {}, patience = 30 }: ServerOptions): Promise<ServerProcess> {
    const port = await freePort()
    const path = join(ROOT, script)
    const child = spawn(isProgram ? path : process.execPath, isProgram ? args : [...nodeFlags, path, ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ...env, HOST: '127.0.0.1', PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit']
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    const deadline = performance.now() + patience * 1000
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${script} ended before it listened`)
      if (performance.now() > deadline) throw new Error(`${script} did not listen within ${patience} s`)
      try {
        (await Connection.open(port)).close()
        return new ServerProcess(child, port)
      } catch {
        await delay(20) // it does not listen yet
      }
    }
  }

  usage(): Usage {
    try {
      // The name, in parentheses, may hold anything; the fields after it are proc_pid_stat(5)'s, from the third on.
      const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')
      const resident = /VmRSS:\s*(\d+) kB/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'latin1'))?.[1]
      return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS, residentBytes: Number(resident) * 1024 }
    } catch {
      return { cpuSeconds: NaN, residentBytes: NaN }
    }
  }

  /** Asks it to end, and after 10 s makes it. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return
    const exited = once(this.#child, 'exit')
    const force = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    this.#child.kill('SIGTERM')
    await exited
    clearTimeout(force)
  }
}
