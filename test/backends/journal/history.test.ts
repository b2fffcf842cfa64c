/** Which history a journal belongs to: a new epoch begins where positions may have been lost, and only there. [LIVE-2] */
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, backup } from 'node:sqlite'
import t, { type Test } from 'tap'
import { HighWaterMark, type Mark } from '../../../src/backends/journal/high-water-mark.ts'
import { TestClock } from '../test-clock.ts'
import { Journal, makeFolder } from './rig.ts'

const FILES = ['events.db', 'events.db-wal', 'high-water-mark', 'lock.db']

const epochOf = async (journal: Journal): Promise<string> => (await journal.backend.store.locate()).cursor.split('.')[0]

/** One journal over several processes. */
class Life {
  readonly directory: string
  readonly clock = new TestClock()
  readonly #t: Test

  constructor(t: Test) {
    this.#t = t
    this.directory = makeFolder(t)
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  open(sync: 'full' | 'normal' = 'full'): Promise<Journal> {
    return Journal.open(this.#t, this.directory, { clock: this.clock, sync })
  }

  /** The process ends at once: what it had written is there, as the page cache has it. */
  async kill(journal: Journal): Promise<void> {
    const contents = FILES.map((name) => existsSync(this.path(name)) ? readFileSync(this.path(name)) : undefined)
    await journal.close()
    FILES.forEach((name, i) => { if (contents[i] !== undefined) writeFileSync(this.path(name), contents[i]) })
  }

  /** The system goes down as well: another run of it, and a mark that may be older. */
  reboot(changes: Partial<Mark> = {}): void {
    const mark = new HighWaterMark(this.path('high-water-mark'))
    mark.write({ ...mark.found!, boot: 'another run', ...changes })
    mark.close()
  }
}

async function send(journal: Journal, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await journal.send(journal.event())
}

t.test('the epoch stays over orderly stops, kills, and with full syncs over the end of the system', async (t) => {
  const life = new Life(t)
  let journal = await life.open()
  const epoch = await epochOf(journal)
  await send(journal, 3)
  await journal.close()
  journal = await life.open('normal')
  t.equal(await epochOf(journal), epoch, 'an orderly stop')
  await send(journal, 3)
  await life.kill(journal)
  journal = await life.open()
  t.equal(await epochOf(journal), epoch, 'the end of the process alone, also where commits were not synced')
  const { cursor } = await journal.backend.store.locate()
  await send(journal, 30)
  await life.kill(journal)
  life.reboot({ end: 6, checksum: undefined as unknown as number })
  const { found } = new HighWaterMark(life.path('high-water-mark'))
  t.equal(found!.end, 6)
  life.reboot({ end: 0, checksum: 0 })
  journal = await life.open()
  t.equal(await epochOf(journal), epoch, 'the end of the system, with a mark that is older than the journal')
  t.equal(await journal.total(), 36)
  t.match(await journal.backend.store.locate(cursor), { recovered: true })
  t.notOk(journal.reports.all.some(({ type }) => type === 'warning'))
})

t.test('a new epoch begins, and says why', async (t) => {
  const cases: [string, (life: Life, journal: Journal) => Promise<void>, RegExp, ('full' | 'normal')?][] = [
    ['the system went down while commits were not synced', async (life, journal) => {
      await life.kill(journal)
      life.reboot()
    }, /not synced/, 'normal'],
    ['a backup was put in the place of a journal that was killed', async (life, journal) => {
      const reader = new DatabaseSync(life.path('events.db'), { readOnly: true })
      await backup(reader, life.path('backup'))
      reader.close()
      await send(journal, 5)
      await life.kill(journal)
      for (const name of ['events.db', 'events.db-wal', 'events.db-shm']) rmSync(life.path(name), { force: true })
      renameSync(life.path('backup'), life.path('events.db'))
    }, /5 acknowledged events are missing, positions 10 to 14/],
    ['and so after the end of the system', async (life, journal) => {
      const reader = new DatabaseSync(life.path('events.db'), { readOnly: true })
      await backup(reader, life.path('backup'))
      reader.close()
      await send(journal, 5)
      await life.kill(journal)
      for (const name of ['events.db', 'events.db-wal', 'events.db-shm']) rmSync(life.path(name), { force: true })
      copyFileSync(life.path('backup'), life.path('events.db'))
      life.reboot({ end: 0, checksum: 0 })
    }, /another file|write-ahead log is missing/], // a new file may get the number of the old one
    ['the write-ahead log of a journal that was killed was deleted', async (life, journal) => {
      await life.kill(journal)
      rmSync(life.path('events.db-wal'))
    }, /10 acknowledged events are missing/],
    ['a bit of the write-ahead log has flipped', async (life, journal) => {
      await life.kill(journal)
      const log = readFileSync(life.path('events.db-wal'))
      log[Math.floor(log.length / 2)] ^= 4
      writeFileSync(life.path('events.db-wal'), log)
    }, /acknowledged events are missing.*write-ahead log is damaged/],
    ['the mark was deleted', async (life, journal) => {
      await life.kill(journal)
      rmSync(life.path('high-water-mark'))
    }, /how far it had come/],
    ['the lock was deleted, as is asked for after a snapshot was put back', async (life, journal) => {
      await journal.close()
      rmSync(life.path('lock.db'))
    }, /lock\.db was deleted/]
  ]
  for (const [name, harm, reason, sync] of cases) {
    await t.test(name, async (t) => {
      const life = new Life(t)
      await (await life.open(sync)).close()
      const journal = await life.open(sync)
      await send(journal, 10)
      const epoch = await epochOf(journal)
      const { cursor } = await journal.backend.store.locate()
      await harm(life, journal)
      const next = await life.open(sync)
      t.not(await epochOf(next), epoch)
      t.match(await next.backend.store.locate(cursor), { recovered: false, lost: { reason: 'other_history' } })
      const warnings = next.reports.all.filter(({ type }) => type === 'warning').map((report) => 'detail' in report ? report.detail : '')
      t.equal(warnings.length, 1, 'in one line')
      t.match(warnings[0], reason)
      const last = await epochOf(next)
      await next.close()
      t.equal(await epochOf(await life.open(sync)), last, 'and goes on from there')
    })
  }
})

t.test('files that are gone after a kill are not begun anew in silence', async (t) => {
  const life = new Life(t)
  const journal = await life.open()
  await send(journal, 3)
  await life.kill(journal)
  for (const name of ['events.db', 'events.db-wal', 'events.db-shm']) rmSync(life.path(name), { force: true })
  await t.rejects(life.open(), { name: 'RefusedError', message: /missing or empty, but 3 events/ })
  rmSync(life.path('events.db'), { force: true })
  rmSync(life.path('lock.db'))
  t.equal(await (await life.open()).total(), 0, 'but where that is asked for')
})

t.test('what a failed commit has left in the write-ahead log counts for nothing after a restart', async (t) => {
  const life = new Life(t)
  const journal = await life.open()
  await send(journal, 4)
  await life.kill(journal)
  // As if the last two had been answered as unavailable.
  const mark = new HighWaterMark(life.path('high-water-mark'))
  const db = new DatabaseSync(life.path('events.db'))
  const row = db.prepare('SELECT row_checksum AS checksum FROM rows WHERE position = 1').get() as { checksum: number }
  db.close()
  mark.write({ ...mark.found!, end: 2, checksum: row.checksum, isExact: true })
  mark.close()
  t.equal(await (await life.open()).total(), 2)
})

t.test('a write-ahead log with a torn end is cut to its last whole commit and written again', async (t) => {
  const life = new Life(t)
  const journal = await life.open()
  await send(journal, 4)
  await life.kill(journal)
  const { length } = readFileSync(life.path('events.db-wal'))
  truncateSync(life.path('events.db-wal'), length - 100)
  const next = await life.open()
  t.equal(await next.total(), 3)
})
