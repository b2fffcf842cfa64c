import t from 'tap'
import { v7 } from 'uuid'
import { bodyExamples, EXAMPLES, MIXED_RECEIPT } from '../../schemas/examples.ts'
import {
  ClientFrame, EventPageQuery, HTTP_SCHEMAS, IngestQuery, LIVE_SCHEMAS, LiveQuery, ServerFrame, SummaryQuery, TimeSeriesQuery, UsersQuery, type Receipt
} from '../../schemas/index.ts'
import { Batch } from '../../src/backends/batch.ts'
import { PROBLEMS } from '../../src/errors.ts'
import { readBody } from '../../src/ingest/body-reader.ts'
import { Scanner } from '../../src/ingest/scan.ts'
import { receiptStatus } from '../../src/ingest/receipt.ts'
import { finish } from '../ingest/readings.ts'
import { checkTable } from '../table.ts'
import { compile, validatorOf } from './validators.ts'

const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0)

t.test('every contract has an example, and every example keeps to it', async (t) => {
  const names = [...HTTP_SCHEMAS, ...LIVE_SCHEMAS].map(({ $id }) => $id!).filter((name) => name !== ServerFrame.$id && name !== ClientFrame.$id)
  t.same(Object.keys(EXAMPLES).sort(), names.sort())
  for (const [name, example] of Object.entries(EXAMPLES)) {
    const validate = validatorOf(name)
    t.ok(validate(example), name)
    t.same(validate.errors ?? [], [])
  }
  for (const receipt of [MIXED_RECEIPT]) t.ok(validatorOf('Receipt')(receipt))
})

t.test('examples and defaults within the schemas keep to them', async (t) => {
  let found = 0
  const visit = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return
    const { examples, default: byDefault } = schema as { examples?: unknown[], default?: unknown }
    if (Array.isArray(examples) || byDefault !== undefined) {
      const { $id: _, ...rest } = schema as { $id?: string }
      for (const value of [...examples ?? [], ...byDefault === undefined ? [] : [byDefault]]) {
        found++
        t.ok(compile(rest)(value), `${path}: ${JSON.stringify(value)}`)
      }
    }
    for (const [key, member] of Object.entries(schema)) visit(member, `${path}/${key}`)
  }
  for (const schema of [...HTTP_SCHEMAS, ...LIVE_SCHEMAS]) visit(schema, schema.$id!)
  for (const [name, schema] of Object.entries({ EventPageQuery, IngestQuery, LiveQuery, SummaryQuery, TimeSeriesQuery, UsersQuery })) visit(schema, name)
  t.ok(found > 10, `${found} of them`)
})

t.test('the figures of an example add up', async (t) => {
  const { total_events, events_by_type, events_per_hour } = EXAMPLES.Summary
  t.equal(sum(Object.values(events_by_type)), total_events, 'types')
  t.equal(sum(events_per_hour.map(({ count }) => count)), total_events, 'hours')
  t.ok(EXAMPLES.Summary.unique_users <= total_events)
  checkTable(t, EXAMPLES.TimeSeries.series.map(({ total_events, events_by_type }) => ['a step of a series', sum(Object.values(events_by_type)), total_events]))
  const counts = EXAMPLES.UserCounts.users.map(({ total_events }) => total_events)
  t.same(counts, counts.toSorted((a, b) => b - a), 'users with the most events first')
})

t.test('receipts and problems say the same', async (t) => {
  const isWhole = ({ rejected, unavailable, late, accepted, errors }: Receipt): boolean => errors.length === rejected + unavailable && late <= accepted
  const unavailable = EXAMPLES.UnavailableProblem as Receipt
  for (const receipt of [EXAMPLES.Receipt, EXAMPLES.ReceiptProblem, EXAMPLES.AckFrame, MIXED_RECEIPT, unavailable]) t.ok(isWhole(receipt))
  t.equal(receiptStatus(EXAMPLES.Receipt), 200)
  t.equal(receiptStatus(MIXED_RECEIPT), 207)
  t.equal(receiptStatus(EXAMPLES.ReceiptProblem), EXAMPLES.ReceiptProblem.status)
  t.equal(receiptStatus(unavailable), EXAMPLES.UnavailableProblem.status)
  for (const { type, code, status, title } of [EXAMPLES.Problem, EXAMPLES.ReceiptProblem, { type: '/problems/cursor_lost', ...EXAMPLES.ProblemKind }]) {
    t.match({ status, title }, PROBLEMS[code as keyof typeof PROBLEMS], code)
    t.equal(type, `/problems/${code}`)
  }
})

t.test('every example of a body is accepted as it stands, at its time', async (t) => {
  const scanner = new Scanner()
  const now = Date.UTC(2030, 0, 1)
  for (const [time, makeId, at] of [[undefined, undefined, Date.parse('2026-11-23T14:05:09.120Z')], [new Date(now).toISOString(), v7, now]] as const) {
    for (const [mediaType, examples] of Object.entries(bodyExamples(time, makeId))) {
      for (const [name, { value, summary }] of Object.entries(examples)) {
        const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
        const batch = new Batch()
        const { sent, errors } = finish(readBody(body, mediaType === 'application/x-ndjson' ? 'ndjson' : 'json', { scanner, batch, maxEvents: 100, now: at }))
        t.same(errors, [], `${mediaType}, ${name}: ${summary}`)
        t.equal(batch.count, sent)
        const ids = Array.from({ length: sent }, (_, i) => batch.ids.subarray(i * 4, i * 4 + 4).join())
        t.equal(new Set(ids).size, sent, 'each event has an id of its own')
      }
    }
  }
  const idsOf = (): string => JSON.stringify(bodyExamples(undefined, v7)['application/json'].batch.value)
  t.not(idsOf(), idsOf(), 'and others each time')
})
