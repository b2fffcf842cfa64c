import t from 'tap'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { BodyMemory } from '../../src/ingest/body-memory.ts'
import { Overflow } from '../../src/ingest/overflow.ts'

t.test('nothing written: the body itself, not a copy', async (t) => {
  const body = Buffer.from('[]')
  const overflow = new Overflow(body, new BodyMemory())
  t.equal(overflow.end, 2)
  t.equal(overflow.joined(), body)
})

t.test('every text lies where it was said to, behind the body as it is in the end', async (t) => {
  const texts = fc.array(fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer({ min: 0, max: 30_000 }).map((length) => 'é'.repeat(length)),
    fc.constantFrom('x'.repeat(1024), 'x'.repeat(1023), 'x'.repeat(1025), 'x'.repeat(300_000))
  ), { maxLength: 12 })
  const memory = new BodyMemory()
  fc.assert(fc.property(fc.string(), texts, (before, list) => {
    const body = Buffer.from(before)
    const overflow = new Overflow(body, memory)
    body.fill('?')
    const places = list.map((text, i) => [overflow.write(i % 2 === 0 ? text : Buffer.from(text)), overflow.end])
    body.write(before)
    const joined = overflow.joined()
    assert.deepEqual(places.map(([start, end]) => joined.toString('utf8', start, end)), list)
    assert.equal(joined.toString('utf8', 0, body.length), before)
    assert.equal(joined.length, body.length + Buffer.byteLength(list.join('')))
    overflow.release()
  }), { numRuns: 300 })
  t.pass('whatever the length')
})

t.test('its memory is used again once it was given back', async (t) => {
  const memory = new BodyMemory()
  const written = (): Overflow => {
    const overflow = new Overflow(Buffer.from('[]'), memory)
    overflow.write('x'.repeat(100_000))
    return overflow
  }
  const [first, second] = [written(), written()]
  const { buffer } = first.joined()
  t.not(second.joined().buffer, buffer)
  first.release()
  t.equal(written().joined().buffer, buffer)
  t.not(written().joined().buffer, buffer)
})
