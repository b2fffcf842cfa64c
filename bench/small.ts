/**
 * How many requests of one event a second the service takes, beside the usual way of doing it in the same application,
 * and what each plugin costs; see README.md, "Small requests".
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { compare, type Sample } from './harness/comparison.ts'
import { PEER, service, without } from './harness/contenders.ts'
import { readFlags } from './harness/flags.ts'
import { Results } from './harness/results.ts'
import { median, ratios } from './harness/statistics.ts'
import type { Row } from './harness/table.ts'

const flags = readFlags({ requests: 60_000, rounds: 7, warmup: 0.5, connections: 8, users: 100_000, plugins: 'all' })

/** The parts that are left out by turns: those named, or the log and every plugin that does something at each request. */
function parts(): string[] {
  if (flags.plugins !== 'all') return flags.plugins.split(',').filter((name) => name !== '')
  const list = execFileSync(process.execPath, [join(import.meta.dirname, 'servers/leave-out.ts'), '--list'], { env: { PATH: process.env.PATH, LOG_LEVEL: 'silent' } })
  return ['logging', ...JSON.parse(list.toString()) as string[]]
}

/** The whole application, started as those are that lack a part; shares are taken from it. */
const WHOLE = without('nothing')

/** Requests a second against the peer's, and processor time against the whole application's. */
function rowsOf(samples: Map<string, Sample[]>): Row[] {
  const rates = (name: string) => samples.get(name)!.map((sample) => sample.eventsPerSecond)
  const costs = (name: string) => samples.get(name)!.map((sample) => sample.cpuMicroseconds)
  return [...samples.keys()].map((name) => ({
    server: name,
    'requests/s': median(rates(name)),
    lowest: Math.min(...rates(name)),
    highest: Math.max(...rates(name)),
    '× peer': median(ratios(rates(name), rates('peer'))),
    'CPU µs/request': median(costs(name)),
    'share of CPU, %': name === PEER.name || name === WHOLE.name ? NaN : (1 - median(ratios(costs(name), costs(WHOLE.name)))) * 100
  }))
}

const results = new Results('small', flags)
const contenders = [PEER, service(), WHOLE, ...parts().map(without)]
const samples = await compare(contenders, { ...flags, batch: 1, form: 'object' }, results)
results.print(`Requests of one event a second, median of ${flags.rounds} rounds`, rowsOf(samples))
results.save()
