/** Programs that tests of the recipes run: proxies, shippers, senders. Each is ended by its own process id. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Test } from 'tap'

/** Why a program cannot be run; false where it can. */
export function missing(program: string, flag = '--version'): string | false {
  return spawnSync(program, [flag]).error === undefined ? false : `there is no ${program}`
}

/** Starts a program that listens, and waits until it does; the test ends it. */
export async function startProgram(t: Test, port: number, program: string, args: readonly string[], env: Record<string, string> = {}): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output = (output + String(text)).slice(-4000) })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${output}`)
    const isListening = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => { socket.destroy(); resolve(true) }).on('error', () => resolve(false))
    })
    if (isListening) return child
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** What came of a program that ended. */
export interface Outcome {
  code: number | null
  output: string
}

/** Runs a program to its end. */
export async function runProgram(program: string, args: readonly string[], env: Record<string, string>, input = ''): Promise<Outcome> {
  const child = spawn(program, args, { env: { ...process.env, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += String(text) })
  child.stdin.on('error', () => {}) // it may end before it has read everything
  child.stdin.end(input)
  const [code] = await once(child, 'close') as [number | null]
  return { code, output }
}
