import { execFile } from 'node:child_process'
import { cp, glob, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { EVENT_TYPES } from '../../schemas/index.ts'

const ROOT = join(import.meta.dirname, '..', '..')

t.test('the types of events are written down once', async (t) => {
  const literal = new RegExp(`(['"\`])(${EVENT_TYPES.join('|')})\\1`)
  const found: string[] = []
  let files = 0
  for await (const file of glob('{schemas,src}/**/*.ts', { cwd: ROOT })) {
    files++
    if (literal.test(await readFile(join(ROOT, file), 'utf8'))) found.push(file)
  }
  t.ok(files > 50, `${files} files`)
  // The examples tell the story of one visit, so they name what the visitor does; that story is not told of every type.
  t.same(found.sort(), ['schemas/event.ts', 'schemas/examples.ts'])
})

/** What a program that sends one event of each type prints. */
const PROGRAM = `
import { randomUUID } from 'node:crypto'
import { Ajv } from 'ajv'
import { EXAMPLES } from './schemas/examples.ts'
import { EVENT_TYPES, EventPageQuery, Summary, TimeSeries } from './schemas/index.ts'
import { writeDocuments } from './openapi/generate.ts'
import { createMemoryBackend } from './src/backends/memory.ts'
import { createIngest } from './src/ingest/ingest.ts'

const clock = { wall: () => Date.UTC(2026, 10, 23, 14, 5, 9, 120), monotonic: () => 0, uptime: () => 0 }
const { store, aggregator } = createMemoryBackend({ clock, dedupCapacity: 100000, userCapacity: 1000, logBytes: 1 << 20 })
const ingest = createIngest({ store, maxEvents: 100 })
const timestamp = new Date(clock.wall()).toISOString()
const events = [...EVENT_TYPES, 'other'].map((event_type) => ({ event_id: randomUUID(), user_id: 'ada', event_type, timestamp }))
const receipts = [JSON.stringify(events) + ' '.repeat(16), JSON.stringify(events.map((event) => ({ ...event, event_id: randomUUID() })), null, 1)]
for (const body of receipts) {
  const { accepted, errors } = await ingest(Buffer.from(body), 'json')
  console.log(JSON.stringify({ accepted, errors: errors.map(({ code, detail }) => code + ': ' + detail) }))
}
const { events_by_type } = await aggregator.summary('1h')
const page = await store.read((await store.locate('earliest')).cursor, { types: new Set([EVENT_TYPES.length - 1]) }, { events: 100, bytes: 1 << 20 })
const ajv = new Ajv({ validateFormats: false })
const examples = [[Summary, EXAMPLES.Summary], [TimeSeries, EXAMPLES.TimeSeries]].map(([schema, example]) => ajv.validate(schema, example))
console.log(JSON.stringify({ events_by_type, filtered: page.count, choices: EventPageQuery.properties.event_type.items.enum, examples }))
await store.close()
await writeDocuments(new URL('openapi/', import.meta.url))
`

t.test('adding a type touches one file', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'event-types-'))
  t.teardown(() => rm(directory, { recursive: true }))
  for (const part of ['clients/client.js', 'dashboard', 'openapi', 'package.json', 'schemas', 'src']) await cp(join(ROOT, part), join(directory, part), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  const file = join(directory, 'schemas', 'event.ts')
  const before = await readFile(file, 'utf8')
  // One of them has a longer name than any other has.
  const types = [...EVENT_TYPES, 'refund', 'subscription_renewed_again']
  const after = before.replace(/EVENT_TYPES = \[.*\] as const/, `EVENT_TYPES = [${types.map((type) => `'${type}'`).join(', ')}] as const`)
  t.not(after, before)
  await writeFile(file, after)
  await writeFile(join(directory, 'program.ts'), PROGRAM)

  const { stdout } = await promisify(execFile)(process.execPath, ['program.ts'], { cwd: directory, timeout: 120_000 })
  const [fast, plain, { events_by_type, filtered, choices, examples }] = stdout.trim().split('\n').map((line) => JSON.parse(line))
  for (const receipt of [fast, plain]) {
    t.equal(receipt.accepted, types.length, 'every type is accepted')
    t.same(receipt.errors, [`invalid_event_type: event_type must be one of ${types.join(', ')}`], 'and no other')
  }
  t.strictSame(Object.entries(events_by_type), types.map((type) => [type, 2]), 'counted')
  t.equal(filtered, 2, 'and can be filtered by')
  t.same(choices, types, 'as the query says')
  t.same(examples, [true, true], 'the examples still keep to the schemas')
  for (const name of ['openapi.json', 'asyncapi.json']) {
    const { EventType, EventsByType } = JSON.parse(await readFile(join(directory, 'openapi', name), 'utf8')).components.schemas
    t.same(EventType.enum, types, `${name} has it`)
    t.same([Object.keys(EventsByType.properties), EventsByType.required], [types, types], 'and counts by it')
  }
})
