/** How the core bears many events: latency of answers, memory, pauses; see README.md, "The core". */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { measureLatency } from './core/latency.ts'
import { readFlags } from './harness/flags.ts'
import { Results } from './harness/results.ts'
import type { Row } from './harness/table.ts'

const flags = readFlags({
  sizes: [10_000, 1_000_000, 20_000_000],
  users: 100_000,
  rounds: 7,
  requests: 2000,
  ids: 20_000_000,
  growth: [1_000_000, 10_000_000, 100_000_000],
  passes: 1,
  parts: 'latency,memory,pauses'
})
const parts = flags.parts.split(',')

/** Runs a script in a process of its own, where nothing else lives, and resolves with the rows that it prints. */
async function rowsFrom(script: string, args: string[]): Promise<Row[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', join(import.meta.dirname, 'core', script), ...args])
  return JSON.parse(stdout) as Row[]
}

const results = new Results('core', flags)
if (parts.includes('latency')) {
  results.print(`Latency over HTTP, one request at a time, median of ${flags.rounds} rounds`, await measureLatency(flags, results))
}
if (parts.includes('memory')) {
  results.print('Memory of ids', await rowsFrom('id-memory.ts', ['--ids', flags.growth.join(',')]))
}
if (parts.includes('pauses')) {
  results.print('How long the core keeps the event loop at a time', await rowsFrom('pauses.ts', ['--ids', String(flags.ids), '--users', String(flags.users), '--passes', String(flags.passes)]))
}
results.save()
