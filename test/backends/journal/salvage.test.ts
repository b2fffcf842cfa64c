/** What is left of a damaged journal: everything that is intact, exactly, in a new folder, and the old one as it was. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { pick, seededRandom } from '../../../demo/random.ts'
import type { Summary } from '../../../schemas/index.ts'
import { salvageJournal, type Salvage } from '../../../src/backends/journal/salvage/salvage.ts'
import { inspectJournal, type Inspection } from '../../faults/inspection.ts'
import { makeKilledJournal, type KilledJournal } from '../../faults/killed-journal.ts'
import { ServerProcess } from '../../server-process.ts'
import { DAY, TestClock } from '../test-clock.ts'
import { Journal, makeFolder } from './rig.ts'

const PAGE = 16_384
const ROWS = 80
const FLIPS = 6
const COMMAND = join(import.meta.dirname, '..', '..', '..', 'src', 'salvage.ts')

type Files = Map<string, Buffer>

function filesIn(folder: string): Files {
  return new Map(readdirSync(folder).sort().map((name) => [name, readFileSync(join(folder, name))]))
}

/** Writes files, changed by `harm`, to a folder; copies the journal from there and says what came of it. */
async function salvage(
  t: Test, files: ReadonlyMap<string, Buffer>, harm: (files: Files) => void, cursors: readonly string[] = []
): Promise<Salvage & { copy: Inspection }> {
  const from = makeFolder(t)
  const to = join(makeFolder(t), 'saved')
  const harmed = new Map([...files].map(([name, content]) => [name, Buffer.from(content)]))
  harm(harmed)
  for (const [name, content] of harmed) writeFileSync(join(from, name), content)
  const before = filesIn(from)
  const result = salvageJournal(from, to)
  t.ok([...filesIn(from)].every(([name, content]) => before.get(name)?.equals(content)) && before.size === readdirSync(from).length, 'the original is as it was')
  const copy = await inspectJournal(to, cursors)
  t.equal(copy.refused, undefined)
  t.equal(copy.events.length, result.events)
  return { ...result, copy }
}

/** Which events of a journal are gone, by their positions; fails where another one is there, or the order is not what it was. */
function goneOf(t: Test, truth: Inspection, copy: Inspection): number[] {
  const texts = new Set(copy.events.map((event) => JSON.stringify(event)))
  const expected = truth.events.filter((event) => texts.has(JSON.stringify(event)))
  t.strictSame(copy.events, expected, 'nothing but what was sent, in its order')
  t.equal(copy.total, expected.length)
  return truth.events.flatMap((event, position) => texts.has(JSON.stringify(event)) ? [] : [position])
}

const positionsOf = ({ gone }: Salvage): number[] => gone.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))

/** Single events, half of them in the file and half in the write-ahead log, of a process that was killed. */
let killed: KilledJournal
t.before(async () => { killed = await makeKilledJournal(makeFolder(t), ROWS) })

t.test('one bit flipped in any file costs one row at the most, and it is said which', async (t) => {
  const seed = Date.now() % 1_000_000
  const random = seededRandom(seed)
  const names = [...killed.files.keys()]
  for (let i = 0; i < FLIPS; i++) {
    const name = pick(random, names)
    const bit = Math.floor(random() * 8 * killed.files.get(name)!.length)
    await t.test(`seed ${seed}, bit ${bit} of ${name}`, async (t) => {
      const result = await salvage(t, killed.files, (files) => { files.get(name)![bit >> 3] ^= 1 << (bit & 7) }, killed.cursors)
      const gone = goneOf(t, killed.truth, result.copy)
      t.ok(gone.length <= 1, `${gone.length} events are gone`)
      if (result.isEndKnown) t.same(positionsOf(result), gone)
      t.same(result.copy.places, killed.cursors.map(() => undefined), 'a new epoch')
    })
  }
})

t.test('whole pages, and ends of files', async (t) => {
  const cases: [string, (files: Files) => void, number?][] = [
    ['nothing', () => {}, 0],
    ['the first page', (files) => files.get('events.db')!.fill(0, 0, PAGE), 0],
    ['the mark and the lock', (files) => {
      files.delete('high-water-mark')
      files.delete('lock.db')
    }, 0],
    ['a lock that is none', (files) => files.get('lock.db')!.fill(7), 0],
    ['the head of the write-ahead log', (files) => files.get('events.db-wal')!.fill(0, 0, 32), 0],
    ['the write-ahead log', (files) => files.delete('events.db-wal'), ROWS],
    ['the end of the write-ahead log', (files) => files.set('events.db-wal', files.get('events.db-wal')!.subarray(0, -100)), 1],
    ['the file', (files) => files.set('events.db', Buffer.alloc(0))],
    ['every other page of the file', (files) => {
      const file = files.get('events.db')!
      for (let at = PAGE; at < file.length; at += 2 * PAGE) file.fill(0xff, at, at + PAGE)
    }],
    ['a page of the write-ahead log', (files) => files.get('events.db-wal')!.fill(0xff, 20 * (PAGE + 24), 21 * (PAGE + 24))]
  ]
  for (const [name, harm, expected] of cases) {
    await t.test(name, async (t) => {
      const result = await salvage(t, killed.files, harm, killed.cursors)
      const gone = goneOf(t, killed.truth, result.copy)
      if (expected !== undefined) t.equal(gone.length, expected)
      else t.ok(gone.length < 2 * ROWS)
      if (result.isEndKnown) t.same(positionsOf(result), gone)
      t.same(result.copy.places, killed.cursors.map(() => undefined), 'a new epoch')
    })
  }
})

t.test('rows of many pages, rows that were deleted, rows of an older layout, and times', async (t) => {
  const directory = makeFolder(t)
  const clock = new TestClock(Date.now() - 20 * DAY)
  const journal = await Journal.open(t, directory, { clock })
  const batch = () => journal.send(...journal.events(50, { properties: { page: 'x'.repeat(20_000) } }))
  for (let i = 0; i < 10; i++) await batch()
  clock.advance(9 * DAY)
  for (let turn = 0; turn < 3; turn++) {
    journal.backend.store.maintain()
    await batch()
  }
  clock.advance(11 * DAY)
  for (let i = 0; i < 5; i++) await batch()
  await journal.close()
  const db = new DatabaseSync(join(directory, 'events.db'))
  const rows = db.prepare('SELECT position, count, wall FROM rows ORDER BY position').all() as { position: number, count: number, wall: number }[]
  t.ok(rows[0].position > 0, 'old rows were deleted')
  const [hit, lost] = [rows[rows.length - 3], rows[rows.length - 2]]
  db.prepare("UPDATE rows SET events = CAST(replace(CAST(events AS TEXT), 'x', 'y') AS BLOB) WHERE position = ?").run(hit.position)
  db.prepare('DELETE FROM rows WHERE position = ?').run(lost.position)
  db.prepare("INSERT OR REPLACE INTO meta VALUES ('checked_from', ?)").run(String(rows[1].position))
  db.prepare('UPDATE rows SET row_checksum = NULL WHERE position = ?').run(rows[0].position)
  db.close()
  const result = await salvage(t, filesIn(directory), () => {})
  const events = rows.reduce((sum, { count }) => sum + count, 0)
  t.match(result, { rows: rows.length - 2, events: events - 100, isFirstKnown: true, isEndKnown: true })
  t.same(result.gone, [{ from: hit.position, to: hit.position + 100, before: rows[rows.length - 4].wall, after: rows[rows.length - 1].wall }])
})

t.test('the command, and the service on what it has copied', async (t) => {
  const from = makeFolder(t)
  for (const [name, content] of killed.files) writeFileSync(join(from, name), content)
  const hit = 10
  const db = new DatabaseSync(join(from, 'events.db'))
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  const file = readFileSync(join(from, 'events.db'))
  for (let at = file.indexOf(`"/${hit}"`); at !== -1; at = file.indexOf(`"/${hit}"`)) file[at + 2] ^= 1
  writeFileSync(join(from, 'events.db'), file)
  const to = join(makeFolder(t), 'saved')
  const run = (...args: string[]) => spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8', timeout: 60_000 })

  const service = new ServerProcess(t, { STORE: 'journal', DATA_DIR: from })
  t.equal(await service.exit, 1)
  t.match(service.stderr, `the row of events ${hit} to ${hit} is not what was written. Put a backup in its place, or copy what is intact to a new folder: npm run salvage -- ${from} <new folder>`)
  const { status, stdout, stderr } = run(from, to)
  t.equal(stderr, '')
  t.equal(status, 0)
  // Both halves number their events in the same way.
  t.match(stdout, `${2 * ROWS - 2} events in ${2 * ROWS - 2} rows were copied to ${to}.\n2 events are gone:\n- position ${hit} (1 event), arrived between 2`)
  t.match(stdout, `- position ${ROWS + hit} (1 event), arrived between 2`)
  t.match(stdout, /^Hours that are not complete \(UTC\): \d{4}-\d\d-\d\dT\d\d(, | to |\n)/m)

  const restarted = new ServerProcess(t, { STORE: 'journal', DATA_DIR: to })
  const origin = `http://127.0.0.1:${await restarted.port()}`
  while (!(await fetch(`${origin}/health/ready`)).ok);
  t.match(await (await fetch(`${origin}/analytics/summary?window=7d`)).json() as Summary, { total_events: 2 * ROWS - 2 })
  t.equal((await fetch(`${origin}/events?after=${killed.cursors[0]}`)).status, 410)

  t.match(run(from), { status: 1, stderr: /^Usage: npm run salvage/ })
  t.throws(() => salvageJournal(to, join(makeFolder(t), 'other')), { name: 'RefusedError', message: /^Another process uses the journal in/ })
  t.throws(() => salvageJournal(from, to), { name: 'RefusedError', message: /is not empty\. Name a new folder\.$/ })
  t.throws(() => salvageJournal(from, join(from, 'within')), { name: 'RefusedError', message: /lies in/ })
  t.throws(() => salvageJournal(makeFolder(t), join(to, 'x')), { name: 'RefusedError', message: /^There is no journal in/ })
  const other = makeFolder(t)
  writeFileSync(join(other, 'events.db'), 'nothing of the kind')
  t.throws(() => salvageJournal(other, join(to, '..', 'nothing')), { name: 'RefusedError', message: 'Nothing in it is intact.' })
  t.notOk(readdirSync(join(to, '..')).includes('nothing'))
})
