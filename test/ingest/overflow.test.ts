import t from 'tap'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { Overflow } from '../../src/ingest/overflow.ts'

t.test('nothing written: the body itself, not a copy', async (t) => {
  const body = Buffer.from('[]')
  const overflow = new Overflow(body)
  t.equal(overflow.end, 2)
  t.equal(overflow.joined(), body)
})

t.test('every text lies where it was said to, behind the body', async (t) => {
  const texts = fc.array(fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer({ min: 0, max: 3000 }).map((length) => 'é'.repeat(length)),
    fc.constantFrom('x'.repeat(1024), 'x'.repeat(1023), 'x'.repeat(1025))
  ), { maxLength: 12 })
  fc.assert(fc.property(fc.string(), texts, (before, list) => {
    const body = Buffer.from(before)
    const overflow = new Overflow(body)
    const places = list.map((text) => [overflow.write(text), overflow.end])
    const joined = overflow.joined()
    assert.deepEqual(places.map(([start, end]) => joined.toString('utf8', start, end)), list)
    assert.equal(joined.toString('utf8', 0, body.length), before)
    assert.equal(joined.length, body.length + Buffer.byteLength(list.join('')))
  }), { numRuns: 300 })
  t.pass('whatever the length')
})
