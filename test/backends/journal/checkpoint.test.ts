/** A start from a checkpoint is the same as one from the rows, and a checkpoint that is in any doubt is thrown away. */
import { cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, backup } from 'node:sqlite'
import t, { type Test } from 'tap'
import { TIME_WINDOWS, type Event } from '../../../schemas/index.ts'
import { readHead } from '../../../src/backends/journal/checkpoint-file.ts'
import { RowTable } from '../../../src/backends/journal/row-table.ts'
import { DAY, HOUR, MINUTE, TestClock } from '../test-clock.ts'
import { Journal, makeFolder } from './rig.ts'

const fileIn = (directory: string): string => join(directory, 'checkpoint')

const open = (t: Test, directory: string, clock: TestClock, options: Parameters<typeof Journal.open>[2] = {}): Promise<Journal> =>
  Journal.open(t, directory, { checkpointInterval: 1, clock, ...options })

/** Waits for the next checkpoint. */
async function makeCheckpoint(journal: Journal): Promise<void> {
  const before = journal.reports.all.length
  journal.backend.store.maintain()
  while (!journal.reports.all.slice(before).some(({ type }) => type === 'checkpoint')) await journal.reports.next()
}

/** A folder with a journal of which a checkpoint counts a part: events of several days, and further ones after it. */
async function makeJournal(t: Test, clock: TestClock): Promise<{ directory: string, events: Event[] }> {
  const directory = makeFolder(t)
  const journal = await open(t, directory, clock)
  const events: Event[] = []
  const send = async (): Promise<void> => {
    const some = ['ada', 'bob', 'ç"\\d', 'x'.repeat(200)].flatMap((user_id) =>
      [0, HOUR, 3 * DAY, 9 * DAY].map((ago) => journal.event({ user_id, timestamp: new Date(clock.wall() - ago).toISOString() })))
    events.push(...some)
    await journal.send(...some)
  }
  for (const step of [HOUR, DAY, 20 * HOUR]) {
    await send()
    clock.advance(step)
  }
  await makeCheckpoint(journal)
  await send()
  clock.advance(MINUTE)
  await makeCheckpoint(journal)
  for (const step of [HOUR, MINUTE]) {
    await send()
    clock.advance(step)
  }
  await journal.close()
  return { directory, events }
}

/** Everything that a reader may see of a journal, and what it says to events that it has. */
async function view(journal: Journal, events: readonly Event[]): Promise<unknown> {
  const { backend: { store, aggregator } } = journal
  const answers: unknown[] = [(await store.locate()).cursor, (await store.locate('earliest')).cursor, store.health(), await journal.log(), await journal.check(...events)]
  for (const window of TIME_WINDOWS) answers.push(await aggregator.summary(window), await aggregator.users(window, 100), await aggregator.timeseries(window, 'hour'))
  return answers
}

const replayOf = (journal: Journal): unknown => journal.reports.all.find(({ type }) => type === 'replayed')

t.test('a start from it reads only the rows after it, and is the same as one that reads all', async (t) => {
  const clock = new TestClock()
  const { directory, events } = await makeJournal(t, clock)
  t.equal(statSync(fileIn(directory)).mode & 0o777, 0o600, 'nobody else may read it')
  t.equal(readHead(fileIn(directory))!.position, 64)
  for (const down of [0, 5 * HOUR, 5 * DAY, 20 * DAY]) {
    clock.advance(down)
    const other = `${makeFolder(t)}/copy`
    cpSync(directory, other, { recursive: true })
    rmSync(fileIn(other))
    const plain = await open(t, other, clock)
    const expected = await view(plain, events)
    t.match(replayOf(plain), { events: 96, checkpointed: 0 })
    const journal = await open(t, directory, clock)
    t.match(replayOf(journal), { events: 32, checkpointed: 64 })
    t.same(await view(journal, events), expected, `after ${down / HOUR} hours`)
    await Promise.all([journal.close(), plain.close()])
  }
})

t.test('one that is damaged anywhere is thrown away, and all rows are read', async (t) => {
  const clock = new TestClock()
  const { directory, events } = await makeJournal(t, clock)
  const checkpoint = readFileSync(fileIn(directory))
  const journal = await open(t, directory, clock)
  const expected = await view(journal, events)
  await journal.close()
  const trailer = checkpoint.length - 24
  const places = [1100, 5000, 900_000, checkpoint.indexOf('ada'), trailer - 200, trailer + 3, trailer + 9, trailer + 14, trailer + 18, trailer + 22]
  for (const place of places) {
    const damaged = Buffer.from(checkpoint)
    damaged[place] ^= 4
    writeFileSync(fileIn(directory), damaged)
    const journal = await open(t, directory, clock)
    t.match([replayOf(journal), await view(journal, events)], [{ events: 96, checkpointed: 0 }, expected], `a bit of byte ${place}`)
    t.notOk(existsSync(fileIn(directory)))
    await journal.close()
  }
  for (const length of [0, 10, 24, 5000, checkpoint.length - 1]) {
    writeFileSync(fileIn(directory), checkpoint)
    truncateSync(fileIn(directory), length)
    const journal = await open(t, directory, clock)
    t.match(replayOf(journal), { events: 96, checkpointed: 0 }, `cut to ${length} bytes`)
    await journal.close()
  }
})

t.test('one of other rows, of another history or of other capacities is thrown away', async (t) => {
  const clock = new TestClock()
  const { directory, events } = await makeJournal(t, clock)
  const source = new DatabaseSync(join(directory, 'events.db'))
  const copy = join(makeFolder(t), 'backup.db')
  await backup(source, copy)
  source.close()
  const cases: [string, (folder: string) => void, Parameters<typeof Journal.open>[2]?][] = [
    ['a capacity', () => {}, { dedupCapacity: 2_000_000 }],
    ['the high-water mark is gone, so a new history begins', (folder) => rmSync(join(folder, 'high-water-mark'))],
    ['a backup put back', (folder) => {
      for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `events.db${end}`), { force: true })
      cpSync(copy, join(folder, 'events.db'))
      rmSync(join(folder, 'lock.db'))
    }]
  ]
  for (const [name, change, options] of cases) {
    const other = `${makeFolder(t)}/copy`
    cpSync(directory, other, { recursive: true })
    change(other)
    const journal = await open(t, other, clock, options)
    t.match([replayOf(journal), await journal.check(...events)], [{ events: 96, checkpointed: 0 }, { duplicates: 96 }], name)
    t.notOk(existsSync(fileIn(other)))
    await journal.close()
  }
  const gone = new DatabaseSync(join(directory, 'events.db'))
  gone.exec('DELETE FROM rows WHERE position >= 64')
  gone.exec('UPDATE rows SET wall = wall - 1, row_checksum = 1 WHERE position + count = 64')
  gone.close()
  rmSync(join(directory, 'lock.db'))
  const refused = Journal.open(t, directory, { clock })
  await t.rejects(refused, /not what was written/, 'the row where it ends is another one')
})

t.test('rows from the future that get the present time take it with them [TIME-4]', async (t) => {
  const clock = new TestClock()
  const { directory, events } = await makeJournal(t, clock)
  const ahead = new TestClock(clock.wall() + 30 * DAY)
  let journal = await open(t, directory, ahead)
  for (let left = 2 * HOUR; left > 0; left -= MINUTE) {
    ahead.advance(MINUTE)
    journal.backend.store.maintain()
  }
  await journal.send(journal.event())
  await makeCheckpoint(journal)
  await journal.close()
  clock.advance(3 * HOUR)
  journal = await open(t, directory, clock)
  t.match(replayOf(journal), { checkpointed: 0 }, 'nor is it used by a clock that is behind')
  for (let second = 0; second < 62; second++) {
    clock.advance(1000)
    journal.backend.store.maintain()
    while (!journal.backend.store.readiness().ready) await new Promise((resolve) => setImmediate(resolve))
  }
  t.notOk(existsSync(fileIn(directory)))
  t.match(await journal.check(...events), { duplicates: 96 })
  t.equal(await journal.total(), 72)
})

t.test('there is none of rows that hold an id twice, and what an ended process has left goes', async (t) => {
  const clock = new TestClock()
  const { directory, events } = await makeJournal(t, clock)
  rmSync(fileIn(directory))
  const db = new DatabaseSync(join(directory, 'events.db'))
  const rows = new RowTable(db, 'events.db', 0)
  const [{ count, columns, events: stored }] = rows.read(0, 0)
  rows.insert({ ...rows.newest()!, position: rows.end, count, columns, events: stored! })
  db.close()
  rmSync(join(directory, 'high-water-mark')) // else what comes after it counts for nothing
  writeFileSync(`${fileIn(directory)}.part`, 'the beginning of one')
  const journal = await open(t, directory, clock)
  t.notOk(existsSync(`${fileIn(directory)}.part`))
  journal.backend.store.maintain()
  await journal.reports.next()
  t.match(journal.reports.all.at(-1), { type: 'warning', detail: /an id has come twice/ })
  t.notOk(existsSync(fileIn(directory)) || existsSync(`${fileIn(directory)}.part`))
  t.match(await journal.check(...events), { duplicates: 96 })
})
