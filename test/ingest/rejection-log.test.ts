import fc from 'fast-check'
import t from 'tap'
import type { EventError, RejectionList } from '../../schemas/index.ts'
import { PROBLEMS, type ProblemCode } from '../../src/errors.ts'
import { RejectionLog } from '../../src/ingest/rejection-log.ts'

const CODES = Object.keys(PROBLEMS) as ProblemCode[]
const NOW = Date.UTC(2026, 10, 27)

const read = (log: RejectionLog) => (JSON.parse(log.toJson()) as RejectionList).rejections

const eventError = (fields: Partial<EventError> = {}): EventError => ({ index: 0, code: 'invalid_timestamp', pointer: '/timestamp', detail: 'not a time: SECRET', ...fields })

t.test('the newest come first, with all that is known and nothing more [OPS-1]', async (t) => {
  let now = NOW
  const log = new RejectionLog(() => now++)
  t.same(read(log), [])
  log.addRequest('unauthorized', {})
  log.addRequest('forbidden', { key: 'shop', origin: 'https://a.example' })
  const id = '019ab10e-3a80-7c5d-9f6a-2b1d4c8e7f01'
  log.addEvents([eventError({ event_id: id }), eventError({ index: 7, code: 'user_capacity', pointer: '' })], { key: 'write#2' })
  t.same(read(log), [
    { time: '2026-11-27T00:00:00.002Z', status: 503, code: 'user_capacity', pointer: '', key: 'write#2' },
    { time: '2026-11-27T00:00:00.002Z', status: 422, code: 'invalid_timestamp', pointer: '/timestamp', event_id: id, key: 'write#2' },
    { time: '2026-11-27T00:00:00.001Z', status: 403, code: 'forbidden', key: 'shop', origin: 'https://a.example' },
    { time: '2026-11-27T00:00:00.000Z', status: 401, code: 'unauthorized' }
  ])
  t.notMatch(log.toJson(), /SECRET/)
})

t.test('of each code the newest 100 are kept, whatever else comes', async (t) => {
  const log = new RejectionLog(() => NOW)
  log.addRequest('unsupported_media_type', { origin: 'https://rare.example' })
  for (let i = 0; i < 5000; i++) log.addRequest(CODES[i % 7], { key: String(i) })
  log.addEvents(Array.from({ length: 10_000 }, (_, i) => eventError({ pointer: `/${i}` })), {})
  const all = read(log)
  t.equal(all.length, 801)
  t.same(all.slice(0, 100).map(({ pointer }) => pointer), Array.from({ length: 100 }, (_, i) => `/${9999 - i}`), 'the last of a large batch')
  t.match(all.at(-1), { code: 'unsupported_media_type', origin: 'https://rare.example' }, 'a rare one outlives any flood of others')
})

t.test('at most 1,000 are kept: the codes that come most often give way', async (t) => {
  const log = new RejectionLog(() => NOW)
  for (let i = 0; i < 3; i++) log.addRequest('body_too_large', {})
  const flood = CODES.filter((code) => code !== 'body_too_large').slice(0, 20)
  for (let i = 0; i < 4000; i++) log.addRequest(flood[i % flood.length], { key: String(i) })
  const all = read(log)
  t.equal(all.length, 1000)
  t.equal(all.filter(({ code }) => code === 'body_too_large').length, 3)
  t.equal(all[0].key, '3999')
})

t.test('pointers and origins are cut, and never within a character', async (t) => {
  const log = new RejectionLog(() => NOW)
  log.addEvents([eventError({ pointer: `/${'x'.repeat(254)}😀😀` })], { origin: `${'y'.repeat(299)}😀` })
  log.addEvents([eventError({ pointer: 'z'.repeat(40_000) })], { origin: 'o'.repeat(16_000) })
  const [long, tight] = read(log)
  t.equal(tight.pointer, `/${'x'.repeat(254)}`)
  t.equal(tight.origin, 'y'.repeat(299))
  t.equal(long.pointer, 'z'.repeat(256))
  t.equal(long.origin, 'o'.repeat(300))
})

t.test('the list is never larger than 1 MiB, 1,000 entries, or 100 of a code', async (t) => {
  const anyText = fc.string({ unit: fc.constantFrom('a', '"', '\u0001', 'é', '語', '😀'), minLength: 200, maxLength: 600 })
  const step = fc.record({ code: fc.constantFrom(...CODES), origin: anyText, count: fc.integer({ min: 1, max: 400 }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const log = new RejectionLog(() => NOW)
    for (const { code, origin, count } of steps) for (let i = 0; i < count; i++) log.addRequest(code, { origin, key: String(i) })
    const text = log.toJson()
    if (Buffer.byteLength(text) > 1024 * 1024) return false
    const { rejections } = JSON.parse(text) as RejectionList
    const counts = new Map<string, number>()
    for (const { code } of rejections) counts.set(code, (counts.get(code) ?? 0) + 1)
    return rejections.length <= 1000 && Math.max(0, ...counts.values()) <= 100
  }), { numRuns: 30 })
  const log = new RejectionLog(() => NOW)
  for (let i = 0; i < 2000; i++) log.addRequest(CODES[i % CODES.length], { origin: '\u0001'.repeat(400), key: 'k'.repeat(64) })
  const size = Buffer.byteLength(log.toJson())
  t.ok(size <= 1024 * 1024 && size > 1000 * 1000, `${size} bytes of those that need the most`)
})
