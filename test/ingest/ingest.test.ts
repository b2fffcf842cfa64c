import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import type { Event, Receipt } from '../../schemas/index.ts'
import type { Backend, EventStore, Judgement } from '../../src/backends/backend.ts'
import type { Batch } from '../../src/backends/batch.ts'
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { ProblemError } from '../../src/errors.ts'
import type { BodyKind } from '../../src/ingest/body-reader.ts'
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts'
import { receiptStatus } from '../../src/ingest/receipt.ts'
import { Turns } from '../../src/ingest/turns.ts'
import { DAY, MINUTE, START, TestClock } from '../backends/test-clock.ts'

/** The id with this number. */
const idOf = (n: number): string => `0191f0c4-9d5c-7a3e-8b1f-${n.toString(16).padStart(12, '0')}`

/** An event of a minute ago, unless told otherwise. */
function event(n: number, fields: Partial<Record<keyof Event, unknown>> & { ago?: number } = {}): object {
  const { ago = MINUTE, ...rest } = fields
  return { event_id: idOf(n), user_id: 'ada', event_type: 'click', timestamp: new Date(START - ago).toISOString(), ...rest }
}

const BAD = event(999, { event_type: 'x' })

/** A memory backend and its one way in. */
class Rig {
  readonly clock = new TestClock()
  readonly backend: Backend
  readonly ingest: Ingest

  constructor({ userCapacity = 1000, maxEvents = 100 } = {}) {
    this.backend = createMemoryBackend({ clock: this.clock, dedupCapacity: 100_000, userCapacity, logBytes: 1 << 20 })
    this.ingest = createIngest({ store: this.backend.store, maxEvents })
  }

  send(...events: unknown[]): Promise<Receipt> {
    return this.ingest(Buffer.from(JSON.stringify(events)), 'json')
  }

  check(...events: unknown[]): Promise<Receipt> {
    return this.ingest(Buffer.from(JSON.stringify(events)), 'json', { validateOnly: true })
  }

  async total(): Promise<number> {
    return (await this.backend.aggregator.summary('24h')).total_events
  }

  /** The texts of all events that were kept. */
  async kept(): Promise<string[]> {
    const page = await this.backend.store.read((await this.backend.store.locate('earliest')).cursor, {}, { events: 10_000, bytes: 1 << 24 })
    return Array.from({ length: page.count }, (_, i) => page.bytes.toString('utf8', page.offsets[i], page.offsets[i + 1] - 1))
  }
}

t.test('one bad event never spoils its neighbours [ING-1]', async (t) => {
  const rig = new Rig()
  const receipt = await rig.send(event(1), BAD, event(2), null, event(3, { ago: 9 * DAY }), event(1))
  t.match(receipt, { accepted: 3, duplicates: 1, rejected: 2, unavailable: 0, late: 1, cursor: (await rig.backend.store.locate()).cursor })
  t.same(receipt.errors.map(({ index, code }) => [index, code]), [[1, 'invalid_event_type'], [3, 'invalid_event']])
  t.equal(receiptStatus(receipt), 207)
  t.same(await rig.kept(), [event(1), event(2), event(3, { ago: 9 * DAY })].map((kept) => JSON.stringify(kept)))
})

t.test('the next summary includes the batch [ING-2]', async (t) => {
  const rig = new Rig()
  for (let n = 1; n <= 20; n++) {
    const { cursor } = await rig.send(event(n), event(n + 100))
    const summary = await rig.backend.aggregator.summary('1h')
    t.equal(summary.total_events, 2 * n)
    t.equal(summary.cursor, cursor)
  }
})

t.test('validation comes before dedup [ING-3]', async (t) => {
  const rig = new Rig()
  await rig.send(event(1))
  t.match(await rig.send(event(1, { event_type: 'x' })), { duplicates: 0, rejected: 1, errors: [{ event_id: idOf(1) }] }, 'a known id does not excuse')
  t.match(await rig.send(event(2, { user_id: '' }), event(2)), { accepted: 1, duplicates: 0, rejected: 1 }, 'the id of a rejected event stays unknown')
  const all = await rig.send(BAD, BAD)
  t.match(all, { accepted: 0, duplicates: 0, rejected: 2 })
  t.equal(receiptStatus(all), 422)
  t.equal((await rig.kept()).length, 2)
})

t.test('an id counts once, in whatever case and on whatever path [DEDUP-1]', async (t) => {
  const rig = new Rig()
  const id = 'ABCDEF01-2345-4789-8ABC-DEF012345678'
  const spelled = (event_id: string): string => JSON.stringify(event(0, { event_id }))
  const texts = [spelled(id), spelled(id.toLowerCase()), spelled(id).replaceAll(',', ' , '), spelled(id.toLowerCase()).replaceAll(',', ' , '), spelled(id.replace('A', 'a'))]
  t.match(await rig.ingest(Buffer.from(`[${texts.join(',')}]`), 'json'), { accepted: 1, duplicates: 4, rejected: 0 }, 'in one batch')
  for (const text of texts) {
    t.match(await rig.ingest(Buffer.from(text), 'json'), { accepted: 0, duplicates: 1 }, 'in another')
    t.match(await rig.ingest(Buffer.from(`${text}\n${text}\n`), 'ndjson'), { accepted: 0, duplicates: 2 }, 'in lines')
  }
  t.same(await rig.kept(), [spelled(id.toLowerCase())], 'kept in lower case')
  t.equal(await rig.total(), 1)
})

t.test('validate_only says what append would, and changes nothing [ING-4]', async (t) => {
  const rig = new Rig({ userCapacity: 2 })
  await rig.send(event(1))
  const events = [
    event(1), event(2), event(2), BAD, event(3, { ago: 9 * DAY }), event(4, { user_id: 'bob' }), event(5, { user_id: 'eve' }), event(5, { user_id: 'ada' }), event(6, { user_id: 'bob' }), 7
  ]
  const before = [(await rig.backend.store.locate()).cursor, rig.backend.store.health(), await rig.backend.aggregator.summary('7d'), await rig.kept()]
  const foretold = await rig.check(...events)
  t.same(await rig.check(...events), foretold, 'as often as one likes')
  t.same([(await rig.backend.store.locate()).cursor, rig.backend.store.health(), await rig.backend.aggregator.summary('7d'), await rig.kept()], before)
  const receipt = await rig.send(...events)
  t.match(receipt, { accepted: 5, late: 1, duplicates: 2, rejected: 2, unavailable: 1, errors: [{ code: 'invalid_event_type' }, { code: 'user_capacity', index: 6, event_id: idOf(5) }, {}] })
  t.same({ ...foretold, cursor: '' }, { ...receipt, cursor: '' })
  t.equal(foretold.cursor, before[0])
  await t.rejects(rig.ingest(Buffer.from('[]'), 'json', { validateOnly: true }), ProblemError)
})

t.test('validate_only foretells any batch', async (t) => {
  const one = fc.record({ n: fc.integer({ min: 1, max: 12 }), user: fc.constantFrom('ada', 'bob', 'eve', 'joe', 'constructor'), ago: fc.constantFrom(MINUTE, DAY, 9 * DAY, -6 * MINUTE), odd: fc.boolean() })
  let unavailable = 0
  await fc.assert(fc.asyncProperty(fc.array(fc.array(one, { minLength: 1, maxLength: 8 }), { maxLength: 6 }), async (batches) => {
    const rig = new Rig({ userCapacity: 3 })
    for (const batch of batches) {
      const texts = batch.map(({ n, user, ago, odd }) => JSON.stringify(event(n, { user_id: user, ago }), null, odd ? 1 : 0))
      const foretold = await rig.ingest(Buffer.from(`[${texts.join(',')}]`), 'json', { validateOnly: true })
      const receipt = await rig.ingest(Buffer.from(`[${texts.join(',')}]`), 'json')
      assert.deepEqual({ ...foretold, cursor: '' }, { ...receipt, cursor: '' })
      unavailable += receipt.unavailable
    }
  }), { numRuns: 150 })
  t.ok(unavailable > 20, `${unavailable} events found no room`)
})

t.test('what spoils the whole body takes nothing, and the next request is as if it had not been', async (t) => {
  const rig = new Rig({ maxEvents: 3 })
  const good = JSON.stringify(event(1))
  const bodies: [body: string | Buffer, kind: BodyKind, code: string][] = [
    [`[${good},`, 'json', 'invalid_json'], [`[${good},${good}]]`, 'json', 'invalid_json'], ['', 'json', 'no_events'], ['\n', 'ndjson', 'no_events'],
    [`[${good},${good},${good},${good}]`, 'json', 'too_many_events'], [`${good}\n`.repeat(4), 'ndjson', 'too_many_events'],
    [`[${good},${'['.repeat(2000)}]`, 'json', 'nesting_too_deep'], [Buffer.concat([Buffer.from(`${good}\n`), Buffer.of(0xff)]), 'ndjson', 'invalid_utf8']
  ]
  for (const [i, [body, kind, code]] of bodies.entries()) {
    await t.rejects(rig.ingest(Buffer.from(body as string), kind), { name: 'ProblemError', code }, code)
    t.equal(await rig.total(), i, 'nothing was taken')
    t.match(await rig.send(event(i + 10)), { accepted: 1, duplicates: 0, rejected: 0, unavailable: 0, errors: [] })
  }
})

t.test('requests at the same time do not mix', async (t) => {
  const rig = new Rig({ maxEvents: 50 })
  const sizes = Array.from({ length: 40 }, (_, i) => 1 + (i * 7) % 50)
  const receipts = await Promise.all(sizes.flatMap((size, request) => [
    rig.send(...Array.from({ length: size }, (_, i) => i === 3 ? BAD : event(request * 100 + i))),
    rig.ingest(Buffer.from('[x'), 'json').then(() => t.fail('it was read'), (error) => error as Error)
  ]))
  for (const [request, size] of sizes.entries()) {
    const rejected = size > 3 ? 1 : 0
    t.match(receipts[request * 2], { accepted: size - rejected, rejected, duplicates: 0, unavailable: 0 }, `${size} events`)
    t.match(receipts[request * 2 + 1], { name: 'ProblemError', code: 'invalid_json' })
  }
  const sent = sizes.reduce((sum, size) => sum + size - (size > 3 ? 1 : 0), 0)
  t.equal(await rig.total(), sent)
  t.equal(new Set(await rig.kept()).size, sent)
})

/** A turn that has time for everything. */
const turns = new Turns(() => 0)

/** A store whose appends take as long as a test wants. */
class SlowStore {
  readonly batches = new Set<Batch>()
  readonly waiting: { batch: Batch, resolve: (judgement: Judgement) => void, reject: (error: Error) => void }[] = []

  latestNow(): number {
    return START
  }

  append(batch: Batch): Promise<Judgement> {
    this.batches.add(batch)
    return new Promise((resolve, reject) => this.waiting.push({ batch, resolve, reject }))
  }
}

t.test('a batch is not used again before its store is done with it', async (t) => {
  const store = new SlowStore()
  const ingest = createIngest({ store: store as Partial<EventStore> as EventStore, maxEvents: 100_000, turns })
  const send = (n: number): Promise<Receipt> => ingest(Buffer.from(JSON.stringify([event(n)])), 'json')
  const judge = (request: number, verdict: number): void => {
    const { batch, resolve } = store.waiting[request]
    batch.verdicts[0] = verdict
    resolve({ cursor: 'here', verdicts: batch.verdicts })
  }

  const first = [send(1), send(2), send(3)]
  t.equal(store.batches.size, 3, 'three at the same time are three batches')
  t.same(store.waiting.map(({ batch }) => batch.ids[3]), [1, 2, 3], 'with one event each')
  judge(1, 3)
  t.match(await first[1], { accepted: 0, duplicates: 1 })
  const fourth = send(4)
  t.equal(store.batches.size, 3, 'the fourth gets the second\'s')
  t.equal(store.waiting[3].batch, store.waiting[1].batch)
  t.same(store.waiting.map(({ batch }) => batch.ids[3]), [1, 4, 3, 4], 'and leaves the others alone')
  store.waiting[0].reject(new Error('the engine is gone'))
  await t.rejects(first[0], /the engine is gone/, 'what a store throws reaches the caller')
  judge(2, 1)
  judge(3, 2)
  t.match(await first[2], { accepted: 1, late: 0 })
  t.match(await fourth, { accepted: 1, late: 1 })
  t.same([...store.batches].map(({ count, byteLength }) => [count, byteLength]), [[0, 0], [0, 0], [0, 0]], 'no batch holds on to its events')
})

t.test('a verdict never passes for one of the next request', async (t) => {
  const store = new SlowStore()
  const ingest = createIngest({ store: store as Partial<EventStore> as EventStore, maxEvents: 10, turns })
  const first = ingest(Buffer.from(JSON.stringify([event(1)])), 'json')
  store.waiting[0].batch.verdicts[0] = 1
  store.waiting[0].resolve({ cursor: 'here', verdicts: store.waiting[0].batch.verdicts })
  t.match(await first, { accepted: 1 })
  const second = ingest(Buffer.from(JSON.stringify([event(2)])), 'json')
  t.equal(store.waiting[1].batch, store.waiting[0].batch, 'the batch is the same')
  store.waiting[1].resolve({ cursor: 'here', verdicts: store.waiting[1].batch.verdicts })
  await t.rejects(second, /verdict 0/, 'what the store did not judge is not accepted')
})

t.test('a huge batch is not kept for the next requests', async (t) => {
  const store = new SlowStore()
  const ingest = createIngest({ store: store as Partial<EventStore> as EventStore, maxEvents: 100_000, turns })
  const round = async (bodies: Buffer[]): Promise<void> => {
    const from = store.waiting.length
    const receipts = bodies.map((body) => ingest(body, 'json'))
    for (const { batch, resolve } of store.waiting.slice(from)) {
      batch.verdicts.fill(1, 0, batch.count)
      resolve({ cursor: 'here', verdicts: batch.verdicts })
    }
    await Promise.all(receipts)
  }
  const small = (): Buffer => Buffer.from(JSON.stringify([event(1)]))
  await round([small()])
  await round([small()])
  t.equal(store.batches.size, 1, 'a small one is')
  const huge = Buffer.from(`[${Array.from({ length: 20_001 }, () => JSON.stringify(event(1))).join()}]`)
  await round([huge])
  const grown = store.waiting.at(-1)!.batch
  t.ok(grown.types.length > 20_000)
  await round(Array.from({ length: 20 }, small))
  t.notOk(store.waiting.slice(-20).some(({ batch }) => batch === grown))
})
