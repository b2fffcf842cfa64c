/** The tables of docs/counting.md, row by row against the service. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import type { Event, Receipt, Summary } from '../schemas/index.ts'
import { TestClock } from './backends/test-clock.ts'
import { anEvent, post, startApp } from './harness.ts'

/** The moment of the page's first example. */
const NOW = Date.UTC(2026, 10, 23, 14, 5, 30)
const NINE_DAYS_AGO = Date.UTC(2026, 10, 14, 14)

/** The rows of the table under a heading, cell by cell, without the line of titles. */
function rowsUnder(heading: string): string[][] {
  const page = readFileSync(new URL('../docs/counting.md', import.meta.url), 'utf8')
  const section = page.split(`\n## ${heading}\n`)[1].split('\n## ')[0]
  return section.split('\n').filter((line) => line.startsWith('|')).slice(2).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
}

const total = async (app: FastifyInstance, window: string) => (await app.inject(`/analytics/summary?window=${window}`)).json<Summary>().total_events

t.test('windows: when an event counts [WIN-1] [TIME-1] [TIME-2]', async (t) => {
  for (const [when, , inHour, inDay] of rowsUnder('Windows')) {
    const app = await startApp(t, {}, { clock: new TestClock(NOW) })
    const time = /^\d{2}:\d{2}:\d{2}/.exec(when)?.[0]
    const timestamp = time === undefined ? new Date(NINE_DAYS_AGO).toISOString() : `2026-11-23T${time}Z`
    const receipt = (await post(app, [anEvent({ timestamp })])).json<Receipt>()
    if (inHour.startsWith('rejected')) {
      t.equal(receipt.rejected, 1, when)
      t.match(inHour, receipt.errors[0].code, when)
    } else {
      t.match(receipt, { accepted: 1, late: inHour.includes('`late`') ? 1 : 0 }, when)
    }
    const counts = (cell: string) => cell.startsWith('yes') ? 1 : 0
    t.same([await total(app, '1h'), await total(app, '24h')], [counts(inHour), counts(inDay)], when)
    const bound = /`(from|to)` is (?:then )?(\S+)$/.exec(inHour)
    if (bound !== null) t.match((await app.inject('/analytics/summary?window=1h')).json()[bound[1]], `T${bound[2]}`, when)
  }
})

t.test('deduplication: what an event is called when it is sent again [DEDUP-1]', async (t) => {
  const event = anEvent()
  const wrong = { ...anEvent(), event_type: 'like' }
  /** What is sent in each case; the second is sent again. */
  const cases: Record<string, [first: object | undefined, again: object]> = {
    'all is well': [event, event],
    'the answer is lost': [event, event],
    'the request is lost': [undefined, event],
    'the event is wrong': [wrong, wrong],
    'another event with a known id': [event, { ...anEvent(), event_id: event.event_id }]
  }
  const rows = rowsUnder('Deduplication').filter(([name]) => name !== 'the disk was full') // test/backends/journal/commit.test.ts has it
  t.same(rows.map(([name]) => name).sort(), Object.keys(cases).sort())
  for (const [name, , second, counted] of rows) {
    const app = await startApp(t)
    const [first, again] = cases[name]
    if (first !== undefined) await post(app, [first as Event])
    const receipt = (await post(app, [again as Event])).json()
    const verdict = /`(\w+)`/.exec(second)![1]
    t.equal(receipt[{ duplicate: 'duplicates' }[verdict] ?? verdict], 1, name)
    t.equal(await total(app, '1h'), counted === 'never' ? 0 : 1, name)
  }
})
