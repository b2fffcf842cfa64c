import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { EVENT_TYPES } from '../../schemas/index.ts'
import { Batch } from '../../src/backends/batch.ts'
import { Layout, ScanStop, Scanner } from '../../src/ingest/scan.ts'
import { checkTable, type Row } from '../table.ts'
import { CANONICAL, eventText, NOW } from './event-texts.ts'
import { mutations } from './mutations.ts'
import { eventsOf } from './readings.ts'

const scanner = new Scanner()
const event = Buffer.from(JSON.stringify({ ...CANONICAL, properties: { a: [{}] } }))

/** Reads at most so many events that begin at `at`; where reading stopped. */
function scan(body: Buffer, at: number, batch: Batch, layout: Layout = Layout.Items, room = Infinity): [end: number, place: ScanStop] {
  scanner.read(body, at, layout, batch, 5, room, NOW)
  return [scanner.end, scanner.stop]
}

t.test('reads from its place on, and not beyond the body', async (t) => {
  const rows: Row[] = []
  for (const [before, after] of [['', ''], ['[', ']'], ['x', '}'], ['{', ';"a":1}'], ['"', '"']]) {
    const body = Buffer.concat([Buffer.from(before), event, Buffer.from(after)])
    const end = before.length + event.length
    for (let limit = before.length; limit < end; limit++) {
      // What was after it in the body before must not count.
      const batch = new Batch()
      scan(body, before.length, batch)
      batch.clear()
      rows.push([`cut at ${limit} within ${before}...${after}`, [...scan(body.subarray(0, limit), before.length, batch), batch.count], [before.length, ScanStop.SlowPath, 0]])
    }
    const batch = new Batch()
    rows.push([`within ${before}...${after}`, scan(body, before.length, batch), [end, ScanStop.After]])
    t.match(eventsOf(batch), [{ id: CANONICAL.event_id, user: 'ada', index: 5, text: event.toString() }])
  }
  checkTable(t, rows)
})

t.test('says where it stopped, and why', async (t) => {
  const three = `${event}, ${event},\n${event}`
  const afterFirst = event.length + 2
  const afterSecond = afterFirst + event.length + 2
  for (const [text, layout, room, end, place, count] of [
    [`${three}]`, Layout.Items, 9, three.length, ScanStop.After, 3],
    [`${three}]`, Layout.Items, 2, afterSecond, ScanStop.Before, 2],
    [`${three},x]`, Layout.Items, 9, three.length + 1, ScanStop.SlowPath, 3],
    [`${three},`, Layout.Items, 9, three.length, ScanStop.After, 3],
    [three, Layout.Lines, 9, 0, ScanStop.SlowPath, 0],
    [`${event}\r\n${event}\n\n${event}`, Layout.Lines, 9, event.length * 3 + 4, ScanStop.After, 3],
    [`${event}\n \n`, Layout.Lines, 9, event.length, ScanStop.After, 1],
    [`${event}\n\n${event} ,\n`, Layout.Lines, 9, afterFirst, ScanStop.SlowPath, 1],
    [`${event}\n\n${event}`, Layout.Lines, 1, afterFirst, ScanStop.Before, 1]
  ] as const) {
    const batch = new Batch()
    t.same([...scan(Buffer.from(text), 0, batch, layout, room), batch.count], [end, place, count], text.replaceAll(event.toString(), 'event'))
  }
})

t.test('leaves the batch as it was where it gives up', async (t) => {
  let given = 0
  fc.assert(fc.property(eventText, mutations, (event, mutate) => {
    const batch = new Batch(1)
    const first = Buffer.from(JSON.stringify(CANONICAL))
    const body = Buffer.concat([first, Buffer.from(';'), mutate(Buffer.from(event))])
    assert.equal(scan(body, 0, batch, Layout.Items, 1)[0], first.length)
    const before = eventsOf(batch)
    if (scan(body, first.length + 1, batch)[1] === ScanStop.SlowPath) {
      given++
      assert.equal(batch.count, 1)
    }
    assert.deepEqual(eventsOf(batch).slice(0, 1), before)
  }), { numRuns: 500 })
  t.ok(given > 100, `${given} times`)
})

t.test('one scanner reads many events of several days', async (t) => {
  const days = ['2026-11-23', '2026-11-22', '2026-02-30', '2026-11-22', '2024-02-29', '2026-02-29', '2026-11-23', '202a-11-23', '2026-11-23']
  const batch = new Batch(2)
  const taken = days.map((day) => scan(Buffer.from(JSON.stringify({ ...CANONICAL, timestamp: `${day}T00:00:00.000Z` })), 0, batch)[1] !== ScanStop.SlowPath)
  t.same(taken, days.map((day) => !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day)))
  t.same([...batch.times.subarray(0, batch.count)], days.filter((_, i) => taken[i]).map((day) => Date.parse(day)))
})

t.test('every type is known by its number', async (t) => {
  for (const event_type of EVENT_TYPES) {
    const batch = new Batch()
    t.equal(scan(Buffer.from(JSON.stringify({ ...CANONICAL, event_type })), 0, batch)[1], ScanStop.After)
    t.equal(eventsOf(batch)[0].type, event_type)
  }
})
