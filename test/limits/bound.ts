/** Reads the tables of docs/limits.md: each row is a bound, and each case is handed its own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { createLogger } from '../../src/logger.ts'
import { TestClock } from '../backends/test-clock.ts'
import { LogLines, startServer } from '../harness.ts'

/** One row. */
export interface Bound {
  name: string
  /** The settings that change it, if any. */
  settings: readonly string[]
  /** The first number of its value, in bytes, milliseconds or as it stands; NaN where there is none. */
  number: number
  /** What happens beyond it. */
  answer: string
}

/** An application that listens. */
export interface Server {
  app: FastifyInstance
  port: number
}

/** Applications for the cases that need none of their own: one with default settings, whose log is kept. */
export interface World extends Server {
  log: LogLines
  /** One whose bounds are small. */
  small: Server
  /** One whose times are short, and that wants a key to write. */
  hurried: Server
}

/** Makes them. */
export async function startWorld(t: Test): Promise<World> {
  const log = new LogLines()
  const [server, small, hurried] = await Promise.all([
    startServer(t, {}, { logger: await createLogger('info', log) }),
    startServer(t, { MAX_BODY_BYTES: '5000', MAX_EVENTS: '3', RATE_LIMIT: '3', USER_CAPACITY: '2' }, { clock: new TestClock(Date.now()) }),
    startServer(t, { WRITE_KEYS: 'w' }, { requestTimeout: 100, lingerTimes: { silence: 50 } })
  ])
  return { ...server, log, small, hurried }
}

/** Meets a bound from both sides: what is just within it is taken, and one more is answered as the row says. */
export type Case = (t: Test, bound: Bound, world: World) => void | Promise<void>

const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024, s: 1000 }

function readNumber(text: string): number {
  const [, digits, unit] = /^(\d[\d,]*)(?: (KiB|MiB|s)\b)?/.exec(text) ?? []
  return digits === undefined ? NaN : Number(digits.replaceAll(',', '')) * (UNITS[unit] ?? 1)
}

/** All rows, in order. */
export function readBounds(): Bound[] {
  return readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'limits.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| bound'))
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
    .map(([name, settings, value, answer]) => ({
      name, settings: [...settings.matchAll(/`(\w+)`/g)].map(([, setting]) => setting), number: readNumber(value), answer
    }))
}

/** Holds a code to what the row says of it. */
export function checkCode(t: Test, { name, answer }: Bound, code: unknown): void {
  t.ok(answer.includes(`\`${code}\``), `beyond: ${name} is \`${code}\``)
}

/** The code of a problem, or the status of what is none. */
export function codeOf(answer: { statusCode: number, json(): unknown }): string | number {
  return answer.statusCode < 400 ? answer.statusCode : (answer.json() as { code: string }).code
}

/** Resolves when something has become true; asks after everything else has had its turn. */
export async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve))
}
