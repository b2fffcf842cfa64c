import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, backup } from 'node:sqlite'
import { promisify } from 'node:util'
import type { MessagePort } from 'node:worker_threads'
import t from 'tap'
import { RefusedError } from '../../../src/backends/backend.ts'
import { MIGRATIONS, prepareLayout } from '../../../src/backends/journal/layout.ts'
import type { WriterAnswer, WriterRequest } from '../../../src/backends/journal/messages.ts'
import { serveJournal } from '../../../src/backends/journal/writer.ts'
import { TIME_WINDOWS, type Event } from '../../../schemas/index.ts'
import { DAY, HOUR, MINUTE, TestClock } from '../test-clock.ts'
import { ReplayGate } from './replay-gate.ts'
import { Journal, makeFolder } from './rig.ts'

const file = (directory: string): string => join(directory, 'events.db')

function edit(directory: string, sql: string): void {
  const db = new DatabaseSync(file(directory))
  db.exec(sql)
  db.close()
}

/** Flips the bit of a database's file by which the events of a row are bytes and not a text (https://sqlite.org/fileformat2.html, section 2.1). */
function makeText(path: string, position: number): void {
  const db = new DatabaseSync(path, { readOnly: true })
  const { columns, events } = db.prepare('SELECT length(columns) AS columns, length(events) AS events FROM rows WHERE position = ?').get(position) as Record<string, number>
  db.close()
  const varint = (value: number): number[] => value < 128 ? [value] : [...varint(Math.floor(value / 128)).map((byte) => byte | 128), value % 128]
  const content = readFileSync(path)
  const types = Buffer.from([...varint(12 + 2 * columns), ...varint(12 + 2 * events)])
  const at = content.indexOf(types)
  if (at === -1 || content.indexOf(types, at + 1) !== -1) throw new Error('the types of the row are not found, or more than once')
  content[at + types.length - 1] ^= 1
  writeFileSync(path, content)
}

/** Everything that a reader may see of a journal. */
async function view({ backend: { store, aggregator } }: Journal): Promise<unknown> {
  const answers: unknown[] = [(await store.locate()).cursor, (await store.locate('earliest')).cursor, store.health()]
  for (const window of TIME_WINDOWS) {
    answers.push(await aggregator.summary(window), await aggregator.users(window, 100), await aggregator.timeseries(window, 'hour'))
  }
  answers.push((await store.read((await store.locate('earliest')).cursor, {}, { events: 1e6, bytes: 1 << 24 })).bytes.toString())
  return answers
}

t.test('after a restart everything is as it was', async (t) => {
  const directory = makeFolder(t)
  let journal = await Journal.open(t, directory)
  const { clock } = journal
  const sent = []
  const users = ['ada', 'bob', 'ç"\\d', '💜', 'x'.repeat(256)]
  for (const step of [0, MINUTE, HOUR, DAY, 0, 5 * DAY, 1, 3 * DAY, 20 * MINUTE]) {
    clock.advance(step)
    const events = users.map((user_id, i) => journal.event({ user_id, properties: { page: `/${'p'.repeat(i)}`, ü: [1, { two: null }] } as Event['properties'] }))
    events.push(journal.event({ timestamp: new Date(clock.wall() - 30 * DAY).toISOString(), user_id: 'late' }))
    sent.push(...events)
    await journal.send(...events)
    await journal.send(events[0])
  }
  const before = await view(journal)
  const middle = (await journal.backend.store.read((await journal.backend.store.locate('earliest')).cursor, {}, { events: 7, bytes: 1 << 20 })).cursor
  await journal.close()
  journal = await Journal.open(t, directory, { clock })
  t.same(await view(journal), before)
  t.match(await journal.backend.store.locate(middle), { cursor: middle, recovered: true })
  t.match(await journal.send(...sent.slice(-24)), { accepted: 0, duplicates: 24 })
  t.match(journal.reports.all.at(-1), { type: 'replayed', events: sent.length })

  clock.advance(8 * DAY + 10 * MINUTE)
  const late = { ...sent[sent.length - 2], timestamp: new Date(0).toISOString() }
  t.match(await journal.send(late), { accepted: 1, late: 1 }, 'ids expire as they would have')
})

t.test('many rows and large batches, a log shorter than the journal', async (t) => {
  const directory = makeFolder(t)
  let journal = await Journal.open(t, directory)
  for (let i = 0; i < 12; i++) await journal.send(...journal.events(3000, { user_id: `u${i}` }))
  await Promise.all(Array.from({ length: 200 }, () => journal.send(journal.event())))
  const before = await view(journal)
  const log = await journal.log()
  t.ok(log.length < 36_200)
  await journal.close()
  journal = await Journal.open(t, directory, { clock: journal.clock })
  const after = await view(journal) as unknown[]
  const retained = await journal.log()
  const shared = Math.min(retained.length, log.length)
  t.ok(shared > 3000)
  t.strictSame(JSON.stringify(retained.slice(-shared)), JSON.stringify(log.slice(-shared)))
  t.same(after[3], (before as unknown[])[3])
  t.same(after[4], (before as unknown[])[4])
  t.match(journal.backend.store.health(), { ids: 36_200 })
})

t.test('it says how far it is, answers nothing half, and may be stopped in the middle', async (t) => {
  const directory = makeFolder(t)
  const first = await Journal.open(t, directory)
  for (let i = 0; i < 8; i++) await first.send(...first.events(5000))
  const known = first.event()
  await first.send(known)
  const cursor = (await first.backend.store.locate()).cursor
  await first.close()
  for (let i = 0; i < 3; i++) {
    const gate = new ReplayGate()
    const journal = await Journal.open(t, directory, { clock: first.clock, thread: gate.thread }, false)
    const { store, aggregator } = journal.backend
    if (i > 0) t.match(await journal.reports.find('replaying'), { total: 40_001 })
    t.match(store.readiness(), { ready: false, detail: /: \d+ of 40001 events/ })
    t.equal(store.now(), first.clock.wall())
    t.equal((await store.locate()).cursor, cursor)
    t.match(await journal.send(known, journal.event()), { accepted: 0, duplicates: 0, unavailable: 2 })
    t.match(await journal.check(known), { unavailable: 1 })
    await t.rejects(aggregator.summary('1h'), { name: 'StorageUnavailableError' })
    await t.rejects(store.read(cursor, {}, { events: 1, bytes: 1 }), { name: 'StorageUnavailableError' })
    const closed = journal.close()
    gate.open()
    await closed
  }
  const journal = await Journal.open(t, directory, { clock: first.clock })
  t.equal(await journal.total(), 40_001)
  t.match(await journal.send(known), { duplicates: 1 })
})

t.test('the time between two runs counts', async (t) => {
  const directory = makeFolder(t)
  const first = await Journal.open(t, directory)
  const event = first.event({ timestamp: new Date(0).toISOString() })
  await first.send(event)
  await first.close()
  const second = await Journal.open(t, directory, { clock: new TestClock(first.clock.wall() + 9 * DAY) })
  t.match(await second.send(event), { duplicates: 1 }, 'in the first hour nothing is forgotten [TIME-4]')
  second.clock.advance(HOUR)
  t.match(await second.send(event), { accepted: 1 })
})

t.test('one process at a time', async (t) => {
  const directory = makeFolder(t)
  const first = await Journal.open(t, directory)
  await t.rejects(Journal.open(t, directory), { name: 'RefusedError', message: /Another process uses the journal/ })
  t.match(await first.send(first.event()), { accepted: 1 })
  await first.close()
  t.ok(await Journal.open(t, directory))
})

t.test('a file that is not what it should be is refused and not touched', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  for (let i = 0; i < 5; i++) await journal.send(...journal.events(200, { user_id: 'u'.repeat(i + 1) }))
  await journal.close()
  const good = makeFolder(t)
  copyFileSync(file(directory), file(good))
  const cases: [string, RegExp, (folder: string) => void][] = [
    ['newer', /newer version/, (folder) => edit(folder, 'PRAGMA user_version = 99')],
    ['foreign', /not a journal/, (folder) => { rmSync(file(folder)); edit(folder, 'CREATE TABLE cats (name)') }],
    ['not a database', /damaged/, (folder) => { rmSync(file(folder)); edit(folder, ''); copyFileSync(import.meta.filename, file(folder)) }],
    ['altered', /damaged: the row of events 200 to 399 is not what was written/, (folder) => edit(folder, 'UPDATE rows SET columns = zeroblob(length(columns)) WHERE position = 200')],
    ['altered events', /damaged: the row of events 400 to 599/, (folder) => edit(folder, 'UPDATE rows SET events = zeroblob(length(events)) WHERE position = 400')],
    ['text', /damaged: the row of events 600 to 799 is not what was written/, (folder) => makeText(file(folder), 600)],
    ['hole', /damaged: events 200 to 399 are missing/, (folder) => edit(folder, 'DELETE FROM rows WHERE position = 200')]
  ]
  for (const [name, message, spoil] of cases) {
    const folder = join(makeFolder(t), name)
    mkdirSync(folder)
    copyFileSync(file(good), file(folder))
    spoil(folder)
    const before = readFileSync(file(folder))
    const refused = Journal.open(t, folder, { clock: journal.clock })
    await t.rejects(refused, RefusedError, name)
    await t.rejects(refused, { message })
    if (name === 'newer' || name === 'foreign' || name === 'not a database') t.ok(before.equals(readFileSync(file(folder))), 'not touched')
  }
  const emptied = await Journal.open(t, directory, { clock: journal.clock })
  t.equal(await emptied.total(), 1000)
  await emptied.close()
  rmSync(file(directory))
  await t.rejects(Journal.open(t, directory), { name: 'RefusedError', message: /missing or empty, but 1000 events/ }, 'a journal that is gone is not begun anew in silence')
})

t.test('a journal is refused once, whatever was asked for ahead', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  await journal.send(journal.event())
  await journal.close()
  edit(directory, 'UPDATE rows SET wall = wall + 1')
  const answers: string[] = []
  let handle: (request: WriterRequest) => void = () => {}
  const port = {
    on: (_event: string, listener: typeof handle) => { handle = listener },
    postMessage: ({ type }: WriterAnswer) => { answers.push(type) },
    close: () => {}
  }
  serveJournal(port as unknown as MessagePort, { directory, sync: 'full', logBytes: 1 << 20, horizon: 1, wall: Date.now() })
  handle({ type: 'replay', countedTo: 0 })
  handle({ type: 'replay', countedTo: 0 })
  handle({ type: 'close' })
  t.same(answers, ['opened', 'refused'])
})

t.test('an older layout is migrated, step by step and wholly', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  await journal.send(...journal.events(5))
  await journal.close()
  const db = new DatabaseSync(file(directory))
  const next = [...MIGRATIONS, 'ALTER TABLE rows ADD COLUMN further TEXT']
  t.throws(() => prepareLayout(db, 'f', [...next, 'INSERT INTO meta VALUES (\'a\', \'b\'); nonsense']), /syntax error/)
  t.equal(db.prepare('PRAGMA user_version').get()!.user_version, MIGRATIONS.length + 1, 'steps before a bad one hold, the bad one does not')
  t.equal(db.prepare('SELECT count(*) AS n FROM meta WHERE name = ?').get('a')!.n, 0)
  prepareLayout(db, 'f', next)
  t.equal(db.prepare('SELECT count(further) AS n, sum(count) AS events FROM rows').get()!.events, 5)
  db.close()
  await t.rejects(Journal.open(t, directory), { message: /newer version/ })
})

t.test('people can look in while it runs, and copy it [sqlite3]', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  const event = journal.event({ user_id: 'ç"\\d', properties: { page: '/ü', amount: 1.5 } })
  await journal.send(event, ...journal.events(4, { event_type: 'signup' }))
  await journal.send(journal.event({ event_type: 'signup' }))
  const reader = new DatabaseSync(file(directory), { readOnly: true })
  t.same(reader.prepare('select event_type, count(*) as n from events group by 1').all().map((row) => ({ ...row })), [{ event_type: 'click', n: 1 }, { event_type: 'signup', n: 5 }])
  t.match({ ...reader.prepare('select * from events where user_id = ?').get('ç"\\d') }, { ...event, position: 0, properties: '{"page":"/ü","amount":1.5}' })
  const copies = makeFolder(t)
  const sending = Promise.all(Array.from({ length: 20 }, () => journal.send(...journal.events(50))))
  await backup(reader, file(copies))
  await sending
  reader.close()
  t.equal(await journal.total(), 1006)
  const restored = await Journal.open(t, copies, { clock: journal.clock })
  const total = await restored.total()
  t.ok(total >= 6 && total <= 1006 && (total - 6) % 50 === 0, `${total} events, whole batches`)
  t.match(await restored.send(event), { duplicates: 1 })
})

t.test('so they can with the commands of the README', async (t) => {
  const sqlite = (...args: string[]) => promisify(execFile)('sqlite3', args)
  if (await sqlite('--version').then(() => false, () => true)) return t.pass('with sqlite3', { skip: 'it is not installed' })
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  await journal.send(journal.event(), ...journal.events(4, { event_type: 'signup' }))
  t.equal((await sqlite(file(directory), 'select event_type, count(*) from events group by 1')).stdout, 'click|1\nsignup|4\n')
  const copies = makeFolder(t)
  const sending = Promise.all(Array.from({ length: 20 }, () => journal.send(...journal.events(50))))
  await sqlite(file(directory), `.backup '${file(copies)}'`)
  await sending
  const restored = await Journal.open(t, copies, { clock: journal.clock })
  const total = await restored.total()
  t.ok(total >= 5 && total <= 1005 && (total - 5) % 50 === 0, `${total} events, whole batches`)
})

t.test('rows that nothing needs are deleted, and at a steady load the file stops growing', async (t) => {
  const directory = makeFolder(t)
  let journal = await Journal.open(t, directory, { sync: 'normal' })
  const { clock } = journal
  const sizes: number[] = []
  const properties = { page: 'x'.repeat(400) }
  for (let hour = 0; hour < 24 * 24; hour += 4) {
    clock.advance(4 * HOUR)
    await journal.send(...journal.events(200, { properties }))
    journal.backend.store.maintain()
    if (hour % 96 === 0) sizes.push(readFileSync(file(directory)).length)
  }
  for (let i = 0; i < 3; i++) {
    await journal.send(journal.event())
    journal.backend.store.maintain()
  }
  const before = await journal.total()
  await journal.close()
  const rows = new DatabaseSync(file(directory))
  const { n, oldest } = rows.prepare('SELECT sum(count) AS n, min(wall) AS oldest FROM rows').get() as { n: number, oldest: number }
  rows.close()
  t.ok(clock.wall() - oldest > 8 * DAY - HOUR, 'what is needed is kept')
  t.ok(clock.wall() - oldest < 9 * DAY, `the oldest row is ${(clock.wall() - oldest) / DAY} days old`)
  t.ok(n < 11_500, `${n} events`)
  const size = readFileSync(file(directory)).length
  t.ok(size < 1.5 * n * 800, `${size} bytes for ${n} events`)
  t.ok(sizes.at(-1)! <= 1.3 * sizes[Math.ceil(sizes.length * 0.7)], `it stops growing: ${sizes.join(' ')}`)
  journal = await Journal.open(t, directory, { clock })
  t.equal(await journal.total(), before)
})
