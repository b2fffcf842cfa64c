/** The service as `npm start` runs it, for tests that need the real thing. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'

const SERVER = join(import.meta.dirname, '..', 'src', 'server.ts')

/** A server in a process of its own, and what it writes. */
export class ServerProcess {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly exit: Promise<number | null>
  #wake: () => void = () => {}

  constructor(t: Test, env: Record<string, string> = {}, args: string[] = [], command: readonly string[] = [process.execPath, SERVER]) {
    const [program, ...first] = command
    this.child = spawn(program, [...first, ...args], { env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.exit = once(this.child, 'close').then(([code]) => code as number | null)
    this.child.stdout!.on('data', (text) => {
      this.stdout += text
      this.#wake()
    })
    this.child.stderr!.on('data', (text) => { this.stderr += text })
    this.child.on('close', () => this.#wake())
    t.teardown(() => this.child.kill('SIGKILL'))
  }

  /** The port, as soon as the server listens. */
  async port(): Promise<number> {
    for (;;) {
      const port = /listening at http:\/\/[\d.]+:(\d+)/.exec(this.stdout)?.[1]
      if (port !== undefined) return Number(port)
      if (this.child.exitCode !== null) throw new Error(`the server ended: ${this.stderr}`)
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }
}
