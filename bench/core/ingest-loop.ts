/**
 * Takes so many events through ingest into a memory backend, in this process and with nothing around it, to be profiled.
 * Prints when the measured part began, by `process.hrtime`.
 */
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { Bodies, FORMS, minutesOf } from '../harness/bodies.ts'
import { readFlags } from '../harness/flags.ts'
import { systemClock } from '../../src/backends/system-clock.ts'

const { events, batch, users, form: name, spread, warmup } = readFlags({ events: 1_000_000, batch: 1000, users: 100_000, form: 'array', spread: '1m', warmup: 0.25 })
const form = FORMS.find((known) => known === name)
if (form === undefined) throw new TypeError(`--form is one of ${FORMS.join(', ')}`)

const { store } = createMemoryBackend({
  clock: systemClock,
  dedupCapacity: 20_000_000,
  userCapacity: 5_000_000,
  logBytes: 256 * 2 ** 20
})
const ingest = createIngest({ store, maxEvents: batch })
const bodies = new Bodies({ batch, users, form, minutes: minutesOf(spread) })

async function take(count: number): Promise<void> {
  for (let taken = 0; taken < count; taken += batch) await ingest(bodies.make(Date.now()), form === 'ndjson' ? 'ndjson' : 'json')
}

await take(events * warmup)
process.stdout.write(String(process.hrtime.bigint()))
await take(events)
