/** Bodies that take long to read: others get their turns meanwhile, whatever they are made of. [LIMIT-3] */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Receipt } from '../../schemas/index.ts'
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { ProblemError } from '../../src/errors.ts'
import type { BodyKind } from '../../src/ingest/body-reader.ts'
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts'
import { Turns } from '../../src/ingest/turns.ts'
import { DAY, START, TestClock } from '../backends/test-clock.ts'

const MIB = 1 << 20

function makeIngest(fastPath = true): Ingest {
  const { store } = createMemoryBackend({ clock: new TestClock(), dedupCapacity: 100_000, userCapacity: 100_000, logBytes: 64 * MIB })
  // A clock that goes on whenever it is asked: how many turns work takes is then a matter of how often it asks, and of no machine.
  let now = 0
  return createIngest({ store, maxEvents: 10_000, fastPath, turns: new Turns(() => now++) })
}

/** An event of about so many bytes, a key of which is spelled with an escape. */
function event(n: number, bytes = 200, key = '\\u0065vent_type'): string {
  const id = `0191f0c4-9d5c-7a3e-8b1f-${n.toString(16).padStart(12, '0')}`
  const time = new Date(START - 8 * DAY).toISOString()
  return `{"event_id":"${id}","user_id":"ada","${key}":"click","timestamp":"${time}","properties":{"x":"${'x'.repeat(bytes - 150)}"}}`
}

/** What came of a body, and how many turns of the event loop others had until then. */
async function send(ingest: Ingest, body: Buffer, kind: BodyKind = 'json'): Promise<{ receipt?: Receipt, problem?: string, turns: number }> {
  const others = { turns: 0, areAsked: true }
  const count = (): void => {
    others.turns++
    if (others.areAsked) setImmediate(count)
  }
  setImmediate(count)
  try {
    return { receipt: await ingest(body, kind), turns: others.turns }
  } catch (error) {
    if (error instanceof ProblemError) return { problem: error.code, turns: others.turns }
    throw error
  } finally {
    others.areAsked = false
  }
}

const many = (count: number, make: (i: number) => string, separator = ','): string => Array.from({ length: count }, (_, i) => make(i)).join(separator)

const SHAPES: [name: string, body: () => string, kind: BodyKind, leastTurns: number, outcome: object][] = [
  ['events with an escaped key', () => `[${many(10_000, (i) => event(i, 1000))}]`, 'json', 1000, { receipt: { accepted: 10_000 } }],
  ['events of 32 KB of `{}`', () => `[${many(300, () => `{"properties":[${many(10_000, () => '{}')}]}`)}]`, 'json', 20, { receipt: { rejected: 300 } }],
  ['one event of 10 MiB of `{}`', () => `[[${many(3_000_000, () => '{}')}]]`, 'json', 15, { receipt: { rejected: 1 } }],
  ['newlines, and an error at their end', () => `${'\n'.repeat(10 * MIB - 1)}x`, 'json', 30, { problem: 'invalid_json' }],
  ['one long line, and an error at its end', () => `["${'é'.repeat(5 * MIB - 4)}"x`, 'json', 15, { problem: 'invalid_json' }],
  ['lines that are no JSON', () => many(10_000, () => `"${'x'.repeat(1000)}`, '\n'), 'ndjson', 2000, { receipt: { rejected: 10_000 } }],
  ['white space around events', () => `[${many(5, (i) => ' '.repeat(2 * MIB) + event(i))}]`, 'json', 15, { receipt: { accepted: 5 } }]
]

for (const [name, body, kind, leastTurns, outcome] of SHAPES) {
  t.test(`${name}: others have their turns`, async (t) => {
    const { turns, ...rest } = await send(makeIngest(), Buffer.from(body()), kind)
    t.match(rest, outcome)
    t.ok(turns >= leastTurns, `${turns} turns`)
  })
}

t.test('bodies that are read at the same time do not mix, nor do the verdicts on their events [DEDUP-1]', async (t) => {
  const ingest = makeIngest()
  const bodies = Array.from({ length: 6 }, (_, b) => `[${many(2000, (i) => event(b * 1000 + i, 400, i % 3 === 0 ? '\\u0065vent_type' : 'event_type'))}]`)
  const receipts = await Promise.all(bodies.map((body) => ingest(Buffer.from(body), 'json')))
  const sum = (name: 'accepted' | 'duplicates'): number => receipts.reduce((total, receipt) => total + receipt[name], 0)
  t.equal(sum('accepted'), 7000, 'each id once')
  t.equal(sum('duplicates'), 5000)
})

t.test('a short body does not wait for a long one', async (t) => {
  const ingest = makeIngest()
  let isOver = false
  const long = ingest(Buffer.from(`[${many(5000, (i) => event(i, 1000))}]`), 'json').then(() => { isOver = true })
  await turn()
  await ingest(Buffer.from(event(9999)), 'json')
  t.notOk(isOver)
  await long
})

t.test('`onRead` tells when the events are before the store, in order', async (t) => {
  const ingest = makeIngest()
  const log: string[] = []
  const long = `[${many(3000, (i) => event(i, 1000))}]`
  const receipt = await new Promise<Receipt>((resolve, reject) => {
    ingest(Buffer.from(long), 'json', {
      onRead: () => {
        log.push('read')
        ingest(Buffer.from(event(1)), 'json').then(resolve, reject)
      }
    }).then(() => log.push('answered'), reject)
    log.push('called')
  })
  t.match(receipt, { accepted: 0, duplicates: 1 })
  t.same(log, ['called', 'read', 'answered'])
  let wasRead = false
  await t.rejects(ingest(Buffer.from('[x'), 'json', { onRead: () => { wasRead = true } }))
  t.notOk(wasRead)
})
