/** Where the time of ingest goes: the functions at the top of a CPU profile; see README.md, "Profile". */
import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bodies, FORMS, minutesOf } from './harness/bodies.ts'
import { service } from './harness/contenders.ts'
import { readFlags } from './harness/flags.ts'
import { Load } from './harness/load.ts'
import { readProfile } from './harness/profile.ts'
import { PostRequests } from './harness/requests.ts'
import { Results } from './harness/results.ts'
import { ServerProcess } from './harness/server-process.ts'

const ROOT = join(import.meta.dirname, '..')

const flags = readFlags({ through: 'core', events: 2_000_000, batch: 1000, users: 100_000, form: 'array', spread: '1m', warmup: 0.25, connections: 8, top: 10 })
const { events, batch, users, spread, warmup } = flags
const form = FORMS.find((name) => name === flags.form)
if (form === undefined) throw new TypeError(`--form is one of ${FORMS.join(', ')}`)
const directory = mkdtempSync(join(tmpdir(), 'ingest-profile-'))
const nodeFlags = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', directory, '--cpu-prof-name', 'ingest.cpuprofile']

/** Ingest and the memory backend alone. Returns when the measured part began, as the one below does. */
function profileCore(): bigint {
  const args = Object.entries({ events, batch, users, spread, warmup, form: flags.form }).flatMap(([name, value]) => [`--${name}`, String(value)])
  return BigInt(execFileSync(process.execPath, [...nodeFlags, join(import.meta.dirname, 'core/ingest-loop.ts'), ...args], { encoding: 'utf8' }))
}

/** The whole service; the load comes from this process. */
async function profileService(): Promise<bigint> {
  const requests = new PostRequests(new Bodies({ batch, users, form: form!, minutes: minutesOf(spread) }), form!, Math.ceil(events * (1 + warmup) / batch))
  requests.refill('/events')
  const server = await ServerProcess.start({ ...service().server, nodeFlags })
  const load = await Load.open(server.port, flags.connections)
  const begin = requests.count - Math.ceil(events / batch)
  await load.run((i) => requests.get(i), 0, begin, `{"accepted":${batch},`)
  const from = process.hrtime.bigint()
  await load.run((i) => requests.get(i), begin, requests.count, `{"accepted":${batch},`)
  load.close()
  await server.stop()
  return from
}

if (flags.through !== 'core' && flags.through !== 'http') throw new TypeError('--through is core or http')
const from = flags.through === 'core' ? profileCore() : await profileService()

const file = join(directory, 'ingest.cpuprofile')
const entries = readProfile(file, from, ROOT, (script) => script.includes('/bench/harness/'))
const total = entries.reduce((sum, { microseconds }) => sum + microseconds, 0)
const results = new Results(`profile-${flags.through}`, flags)
results.print(`Own time of functions, batches of ${batch.toLocaleString('en')}, ${Math.round(total * 1000 / events)} ns an event in all`,
  entries.slice(0, flags.top).map(({ name, place, microseconds }) => ({
    function: name,
    place,
    'share, %': microseconds / total * 100,
    'ns/event': Math.round(microseconds * 1000 / events)
  })))
process.stdout.write(`\nThe profile, for Chrome DevTools: ${file}\n`)
results.save()
