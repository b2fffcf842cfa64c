/** The wrong clocks that a journal outlives, one by one. [TIME-3] [TIME-4] */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { DAY, HOUR, MINUTE, START, TestClock } from '../test-clock.ts'
import { Journal, makeFolder } from './rig.ts'

/** The times that the rows of a journal have. */
function rowTimes(directory: string): number[] {
  const db = new DatabaseSync(join(directory, 'events.db'), { readOnly: true })
  const times = db.prepare('SELECT wall FROM rows ORDER BY position').all().map(({ wall }) => wall as number)
  db.close()
  return times
}

/** Reads the clock every second for so long. */
async function pass(journal: Journal, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    journal.clock.advance(Math.min(1000, left))
    journal.backend.store.maintain()
    while (!journal.backend.store.readiness().ready) await new Promise((resolve) => setImmediate(resolve))
  }
}

function open(t: Test, directory: string, wall: number, options: Parameters<typeof Journal.open>[2] = {}): Promise<Journal> {
  return Journal.open(t, directory, { ...options, clock: new TestClock(wall) })
}

t.test('one second at +30 days has no effect, and what it makes doubtful is unavailable meanwhile', async (t) => {
  const directory = makeFolder(t)
  let journal = await open(t, directory, START)
  await journal.send(...journal.events(100))
  const [doubtful, ancient] = [journal.event(), journal.event({ timestamp: new Date(START - 40 * DAY).toISOString() })]
  journal.clock.jump(30 * DAY)
  t.match(await journal.check(doubtful, ancient), { unavailable: 1, late: 1 })
  t.match(await journal.send(doubtful, ancient), {
    unavailable: 1, accepted: 1, late: 1, errors: [{ index: 0, event_id: doubtful.event_id, code: 'clock_unsettled', pointer: '' }]
  })
  t.match(await journal.send(journal.event()), { unavailable: 1 }, 'nor is it known whether one of the new time is in the future')
  t.match(journal.backend.store.health().clock, { right: false, difference_seconds: 30 * 86_400, unsettled_seconds: 60, detail: /ahead of/ })
  await pass(journal, 1000)
  t.equal(journal.backend.store.health().clock!.unsettled_seconds, 59)
  journal.clock.jump(-30 * DAY)
  t.match(await journal.send(doubtful), { accepted: 1, late: 0 })
  t.match(journal.backend.store.health().clock, { right: true, difference_seconds: 0, unsettled_seconds: 0, detail: null })
  t.equal(await journal.total(), 101)
  await journal.close()
  t.ok(rowTimes(directory).every((wall) => wall <= START + MINUTE))
  journal = await open(t, directory, START + 2 * MINUTE)
  t.equal(await journal.total(), 101)
})

t.test('a start at +365 days in which the same events are sent again, then one at the right time', async (t) => {
  const directory = makeFolder(t)
  let journal = await open(t, directory, START)
  const events = journal.events(100)
  await journal.send(...events)
  await journal.close()

  journal = await open(t, directory, START + 365 * DAY)
  t.match(await journal.send(...events), { duplicates: 100 }, 'in the first hour no id expires')
  await pass(journal, HOUR)
  t.match(await journal.send(...events), { accepted: 100, late: 100 })
  const wrong = journal.event({ user_id: 'eve' })
  t.match(await journal.send(wrong), { accepted: 1, late: 0 })
  await journal.close()

  journal = await open(t, directory, START + 3 * HOUR)
  const { store } = journal.backend
  t.ok(store.now() > START + 364 * DAY, 'now is the newest row\'s until it is settled')
  t.match(await journal.send(journal.event()), { unavailable: 1, errors: [{ code: 'clock_unsettled' }] })
  t.match(store.health().clock, { right: false, unsettled_seconds: 60, detail: /behind/ })
  const before = (await store.locate()).cursor
  await pass(journal, MINUTE)
  t.match(store.health().clock, { right: true, unsettled_seconds: 0 })
  t.equal(store.now(), START + 3 * HOUR + MINUTE)
  t.same(await store.locate(before), { cursor: before, recovered: true }, 'positions are what they were')
  t.equal(await journal.total(), 100, 'each id once, and what is from the future in no window')
  t.same((await journal.log()).map(({ event_id: id }) => id), [...events, wrong].map(({ event_id: id }) => id), 'and each is handed out once')
  t.match(await journal.send(...events, wrong), { duplicates: 100, rejected: 1 })
  t.match(await journal.send(journal.event()), { accepted: 1, late: 0 })
  t.ok(journal.reports.all.some(({ type }) => type === 'warning'), 'that is reported')
  await journal.close()
  const times = rowTimes(directory)
  t.same(times.slice(1, 3), [START + 3 * HOUR + MINUTE, START + 3 * HOUR + MINUTE], 'the opening time, in the file')

  journal = await open(t, directory, START + 4 * HOUR)
  t.equal(store.readiness().ready, false)
  t.equal(journal.backend.store.now(), START + 4 * HOUR, 'once')
  t.same(rowTimes(directory), times)
  t.equal(await journal.total(), 101)
})

t.test('a start behind the newest row whose clock comes right within a minute', async (t) => {
  const directory = makeFolder(t)
  let journal = await open(t, directory, START)
  const events = journal.events(100)
  await journal.send(...events)
  await journal.close()
  const times = rowTimes(directory)
  journal = await open(t, directory, Date.UTC(2000, 0, 1))
  t.equal(journal.backend.store.now(), START)
  t.equal(await journal.total(), 100)
  t.match(await journal.send(...events), { unavailable: 100 }, 'a duplicate by one time, in the future by the other')
  await pass(journal, 59_000)
  journal.clock.jump(START + 2 * HOUR - journal.clock.wall())
  t.match(await journal.send(...events, journal.event()), { duplicates: 100, accepted: 1 })
  t.equal(journal.backend.store.now(), START + 2 * HOUR)
  await pass(journal, 2 * MINUTE)
  t.equal(await journal.total(), 101)
  t.same(rowTimes(directory).slice(0, -1), times)
})

t.test('a wrong time that was believed is told, and a restart mends it', async (t) => {
  const directory = makeFolder(t)
  let journal = await open(t, directory, START)
  await journal.send(...journal.events(10))
  journal.clock.jump(30 * DAY)
  await pass(journal, 61_000)
  t.match(journal.backend.store.health().clock, { right: true })
  t.equal(await journal.total(), 0)
  journal.clock.jump(-30 * DAY)
  await pass(journal, 62_000)
  t.match(journal.backend.store.health().clock, { right: false, unsettled_seconds: 0, detail: /restart the service/ })
  const event = journal.event()
  t.match(await journal.send(event), { accepted: 1, late: 1 }, 'now does not go back')
  const { clock } = journal
  await journal.close()
  journal = await Journal.open(t, directory, { clock })
  await pass(journal, MINUTE)
  t.match(journal.backend.store.health().clock, { right: true })
  t.equal(await journal.total(), 11, 'what was late by the wrong time, too')
})

t.test('in the first hour of a start that is over an hour from the newest row, no row is deleted', async (t) => {
  for (const off of [20 * DAY, -20 * DAY]) {
    const directory = makeFolder(t)
    let journal = await open(t, directory, START)
    const page = 'x'.repeat(20_000)
    for (let i = 0; i < 10; i++) await journal.send(...journal.events(10, { properties: { page } }))
    await journal.close()
    const rows = rowTimes(directory).length
    journal = await open(t, directory, START + off)
    await pass(journal, 50 * MINUTE)
    t.equal(rowTimes(directory).length, rows)
    t.match(journal.backend.store.health(), { ids: 100 })
    if (off < 0) continue
    await pass(journal, 11 * MINUTE)
    t.match(journal.backend.store.health(), { ids: 0 })
    while (rowTimes(directory).length === rows) await pass(journal, 1000)
    t.ok(rowTimes(directory).length < rows, 'then those that nothing needs are')
  }
})

t.test('a suspend that the uptime accounts for is no leap, one that it does not is', async (t) => {
  const journal = await open(t, makeFolder(t), START)
  const event = journal.event()
  await journal.send(event)
  journal.clock.suspend(3 * DAY)
  t.equal(journal.backend.store.now(), START + 3 * DAY)
  t.match(await journal.send(event, journal.event()), { duplicates: 1, accepted: 1 })
  for (let day = 0; day < 5; day++) {
    journal.clock.suspend(DAY)
    await pass(journal, 1000)
  }
  journal.clock.suspend(2 * MINUTE)
  t.match(await journal.send({ ...event, timestamp: new Date(journal.clock.wall()).toISOString() }), { accepted: 1 }, 'ids age while the machine sleeps')
})
