import fc from 'fast-check'
import t from 'tap'
import { EVENT_TYPES } from '../../../../schemas/index.ts'
import type { Filter } from '../../../../src/backends/backend.ts'
import { Batch, Verdict } from '../../../../src/backends/batch.ts'
import { EventLog, MIN_LOG_BYTES } from '../../../../src/backends/core/log/event-log.ts'
import { HIDDEN } from '../../../../src/backends/core/log/segment.ts'
import type { LogRead } from '../../../../src/backends/core/log/page.ts'

const WIDE = { events: 100_000, bytes: 1 << 26 }

/** A hash with many clashes, so that a filter has to look twice. */
const hashUser = (user: string): number => user.length

interface Entry {
  user: string
  type: number
  size: number
  verdict: Verdict
  /** Bytes between this event and the one before it in the body. */
  gap: number
}

function textOf({ user, type, size }: Entry, i: number): string {
  return JSON.stringify({ user_id: user, event_type: EVENT_TYPES[type], n: i, pad: 'x'.repeat(size) })
}

function batchOf(entries: Entry[], from: number): { batch: Batch, hashes: Int32Array, kept: string[] } {
  const batch = new Batch()
  const hashes = Int32Array.from(entries, ({ user }) => hashUser(user))
  const kept: string[] = []
  let body = ''
  for (const [i, entry] of entries.entries()) {
    const text = textOf(entry, from + i)
    body += ' '.repeat(entry.gap)
    batch.reserve()
    batch.start[i] = body.length
    batch.end[i] = body.length + text.length
    body += text
    batch.types[i] = entry.type
    batch.verdicts[i] = entry.verdict
    batch.count++
    if (entry.verdict === Verdict.Accepted || entry.verdict === Verdict.Late) kept.push(text)
  }
  batch.bytes = Buffer.from(body)
  return { batch, hashes, kept }
}

function append(log: EventLog, entries: Entry[], from: number, now: number): void {
  const { batch, hashes } = batchOf(entries, from)
  log.append(batch, hashes, now)
}

function textsOf({ count, bytes, offsets }: LogRead): string[] {
  return Array.from({ length: count }, (_, i) => bytes.toString('utf8', offsets[i], offsets[i + 1] - 1))
}

const entry = fc.record({
  user: fc.constantFrom('a', 'b', 'cc', 'dd'),
  type: fc.nat(EVENT_TYPES.length - 1),
  size: fc.oneof(fc.nat(200), fc.integer({ min: 100, max: 30_000 })),
  verdict: fc.constantFrom(Verdict.Accepted, Verdict.Accepted, Verdict.Late, Verdict.Duplicate, Verdict.UserCapacity),
  gap: fc.constantFrom(1, 1, 1, 0, 2)
})

t.test('gives back, in order, exactly what it retains of what was accepted', async (t) => {
  fc.assert(fc.property(fc.array(fc.array(entry, { maxLength: 40 }), { maxLength: 12 }), fc.nat(), (batches, where) => {
    const log = new EventLog(MIN_LOG_BYTES, hashUser)
    const all: string[] = []
    for (const [i, entries] of batches.entries()) {
      const { batch, hashes, kept } = batchOf(entries, all.length)
      log.append(batch, hashes, i)
      all.push(...kept)
    }
    if (log.next !== all.length || log.byteLength > MIN_LOG_BYTES) return false
    const position = log.first + where % (log.next - log.first + 1)
    const read = log.read(position, {}, WIDE)
    if (read.bytes.toString() !== all.slice(position).join(',')) return false
    if (textsOf(read).join('\n') !== all.slice(position).join('\n') || read.next !== log.next) return false
    const filter: Filter = { types: new Set([0, 2]), users: new Set(['a', 'dd']) }
    const wanted = all.map((text, at) => ({ text, at })).filter(({ text, at }) => {
      const { user_id, event_type } = JSON.parse(text)
      return at >= position && ['a', 'dd'].includes(user_id) && [EVENT_TYPES[0], EVENT_TYPES[2]].includes(event_type)
    })
    const filtered = log.read(position, filter, WIDE)
    if (textsOf(filtered).join('\n') !== wanted.map(({ text }) => text).join('\n')) return false
    if (filtered.positions.join() !== wanted.map(({ at }) => at).join()) return false
    const newest = log.read(log.positionOfNewest({}, { events: 3, bytes: 1 << 26 }), {}, WIDE)
    return textsOf(newest).join('\n') === all.slice(Math.max(log.first, all.length - 3)).join('\n')
  }), { numRuns: 150 })
  t.pass('no difference found')
})

t.test('a filtered read gives up after looking at much, and says how far it came', async (t) => {
  const log = new EventLog(64 << 20, hashUser)
  const entries = Array.from({ length: 10_000 }, (): Entry => ({ user: 'a', type: 0, size: 0, verdict: Verdict.Accepted, gap: 1 }))
  for (let i = 0; i < 8; i++) append(log, entries, 0, 0)
  const filter: Filter = { types: new Set([1]) }
  const first = log.read(0, filter, WIDE)
  t.equal(first.count, 0)
  t.equal(first.next, 65_536)
  t.equal(log.read(first.next, filter, WIDE).next, 80_000)
  t.equal(log.positionOfNewest(filter, WIDE), 80_000 - 65_536)
})

t.test('what a reader was given does not change when its segment is used again', async (t) => {
  const log = new EventLog(MIN_LOG_BYTES, hashUser)
  const big = (n: number): Entry[] => [{ user: 'a', type: 0, size: 30_000, verdict: Verdict.Accepted, gap: n }]
  append(log, big(0), 0, 0)
  const { bytes } = log.read(0, {}, WIDE)
  const before = bytes.toString()
  for (let i = 1; i < 200; i++) append(log, big(0), i, i)
  t.equal(bytes.toString(), before)
  t.ok(log.first > 0 && log.oldestArrival! > 0)
})

t.test('refuses to be too small', async (t) => {
  t.throws(() => new EventLog(MIN_LOG_BYTES - 1, hashUser), RangeError)
  t.equal(new EventLog(MIN_LOG_BYTES, hashUser).oldestArrival, undefined)
})

t.test('a hidden event keeps its position and is in no page', async (t) => {
  const log = new EventLog(MIN_LOG_BYTES, hashUser)
  const entries = Array.from({ length: 6 }, (_, i): Entry => ({ user: i % 2 === 0 ? 'a' : 'b', type: 0, size: 0, verdict: Verdict.Accepted, gap: 1 }))
  const { batch, hashes, kept } = batchOf(entries, 0)
  batch.types[2] = batch.types[5] = HIDDEN
  log.append(batch, hashes, 0)
  const page = log.read(1, {}, WIDE)
  t.same(textsOf(page), [kept[1], kept[3], kept[4]])
  t.same([...page.positions], [1, 3, 4])
  t.equal(page.next, 6)
  t.same(textsOf(log.read(0, { users: new Set(['a']) }, WIDE)), [kept[0], kept[4]])
  t.same(textsOf(log.read(log.positionOfNewest({}, { events: 2, bytes: 1 << 20 }), {}, WIDE)), [kept[3], kept[4]])
})
