/** What durability costs: the journal beside memory under the same load, and the journal's own figures; see README.md, "Journal". */
import { measureDisk } from './journal/disk.ts'
import { compare, type Sample } from './harness/comparison.ts'
import { service } from './harness/contenders.ts'
import { readFlags } from './harness/flags.ts'
import { Results } from './harness/results.ts'
import { median, ratios } from './harness/statistics.ts'
import type { Row } from './harness/table.ts'

const flags = readFlags({
  batches: [1, 100, 1000],
  events: 1_000_000,
  requests: 20_000,
  rounds: 5,
  warmup: 0.25,
  connections: 8,
  users: 100_000,
  appends: 2000,
  replay: 1_000_000
})

const journal = (name: string, sync: string) => ({ ...service({}, name), server: { script: 'bench/servers/journal.ts', env: { JOURNAL_SYNC: sync } } })
const contenders = [service({}, 'memory'), journal('journal, full', 'full'), journal('journal, normal', 'normal')]

function rowsOf(batch: number, samples: Map<string, Sample[]>): Row[] {
  const rates = (name: string) => samples.get(name)!.map((sample) => sample.eventsPerSecond)
  return [...samples.keys()].map((name) => ({
    batch,
    store: name,
    'events/s': Math.round(median(rates(name))),
    lowest: Math.round(Math.min(...rates(name))),
    highest: Math.round(Math.max(...rates(name))),
    '% of memory': Math.round(100 * median(ratios(rates(name), rates('memory')))),
    'CPU µs/event': median(samples.get(name)!.map((sample) => sample.cpuMicroseconds))
  }))
}

const results = new Results('journal', flags)
const rows: Row[] = []
for (const batch of flags.batches) {
  const requests = Math.min(flags.requests, Math.ceil(flags.events / batch))
  rows.push(...rowsOf(batch, await compare(contenders, { ...flags, batch, form: 'array', requests }, results)))
}
results.print(`Events a second over HTTP, median of ${flags.rounds} rounds`, rows)
const disk: Row[] = []
for (const batch of flags.batches) {
  const events = batch === 1 ? Math.min(flags.replay, 100_000) : flags.replay
  disk.push(await measureDisk({ events, batch, appends: flags.appends, users: flags.users, sync: 'full' }))
}
results.print('Without HTTP: a single event at a time, and a new start on everything that was written', disk)
results.save()
