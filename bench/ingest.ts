/** How many events a second the service takes, beside servers that do less of the work; see README.md, "Ingest". */
import { FORMS, minutesOf } from './harness/bodies.ts'
import { compare, type Sample } from './harness/comparison.ts'
import { INGEST_CONTENDERS } from './harness/contenders.ts'
import { readFlags } from './harness/flags.ts'
import { PEER_PROGRAMS, buildPeer } from './harness/peer-programs.ts'
import { Results } from './harness/results.ts'
import { median, ratios } from './harness/statistics.ts'
import type { Row } from './harness/table.ts'

const flags = readFlags({
  batches: [1, 10, 100, 1000, 10_000],
  events: 1_000_000,
  requests: 60_000,
  rounds: 5,
  warmup: 0.25,
  connections: 8,
  users: 100_000,
  age: 60,
  spread: '1m',
  form: 'array',
  servers: INGEST_CONTENDERS.map(({ name }) => name).join()
})
const form = FORMS.find((name) => name === flags.form)
if (form === undefined) throw new TypeError(`--form is one of ${FORMS.join(', ')}`)
const minutes = minutesOf(flags.spread)
const age = minutes > 1 ? 0 : flags.age
const servers = new Set(flags.servers.split(','))
for (const peer of PEER_PROGRAMS) {
  if (!servers.has(peer.name) || (form !== 'ndjson' && buildPeer(peer))) continue
  process.stderr.write(`without ${peer.name}: ${form !== 'ndjson' ? `${peer.toolchain} is not installed` : 'it takes no lines'}\n`)
  servers.delete(peer.name)
}
const contenders = INGEST_CONTENDERS.filter(({ name }) => servers.has(name))

function rowsOf(batch: number, samples: Map<string, Sample[]>): Row[] {
  const rates = (name: string) => samples.get(name)?.map((sample) => sample.eventsPerSecond) ?? []
  const quick = (name: string) => samples.get(name)?.map((sample) => sample.quickMilliseconds) ?? []
  return [...samples].map(([name, all]) => ({
    batch,
    server: name,
    'events/s': median(rates(name)),
    lowest: Math.min(...rates(name)),
    highest: Math.max(...rates(name)),
    '× parse': median(ratios(rates(name), rates('parse'))),
    '× plain': median(ratios(rates(name), rates('plain'))),
    '× rust': median(ratios(rates(name), rates('rust'))),
    'p10 ms': median(quick(name)),
    'p10 × parse': median(ratios(quick('parse'), quick(name))),
    'p10 × plain': median(ratios(quick('plain'), quick(name))),
    'CPU µs/event': median(all.map((sample) => sample.cpuMicroseconds)),
    'resident MiB': Math.round(median(all.map((sample) => sample.residentMib)))
  }))
}

const results = new Results('ingest', flags)
const rows: Row[] = []
for (const batch of flags.batches) {
  const requests = Math.min(flags.requests, Math.ceil(flags.events / batch))
  rows.push(...rowsOf(batch, await compare(contenders, { ...flags, batch, form, minutes, age, requests }, results)))
}
results.print(`Events a second over HTTP, ${form}, median of ${flags.rounds} rounds`, rows)
results.save()
