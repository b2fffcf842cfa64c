import fc from 'fast-check'
import t from 'tap'
import { HashIndex, type Keys } from '../../../src/backends/memory/hash-index.ts'

/** Keys are numbers that stand for themselves; the hash is the test's choice. */
class Numbers implements Keys {
  wanted = -1
  readonly hashOf: (value: number) => number

  constructor(hashOf: (value: number) => number) {
    this.hashOf = hashOf
  }

  matches(value: number): boolean {
    return value === this.wanted
  }

  find(index: HashIndex, value: number): boolean {
    this.wanted = value
    return index.find(this.hashOf(value)) === value
  }
}

function mixed(value: number): number {
  const x = Math.imul(value ^ value >>> 16, 0x45d9f3b)
  return Math.imul(x ^ x >>> 16, 0x45d9f3b) >>> 0
}

t.test('grows by segments and finds everything, removes exactly what it is told', async (t) => {
  const keys = new Numbers(mixed)
  const index = new HashIndex(keys)
  const count = 200_000
  for (let i = 0; i < count; i++) index.insert(mixed(i), i)
  t.equal(index.size, count)
  t.ok(index.byteLength / count < 14, 'at most 14 bytes an entry')
  let found = 0
  for (let i = 0; i < count; i++) if (keys.find(index, i)) found++
  t.equal(found, count)
  t.notOk(keys.find(index, count))
  for (let i = 0; i < count; i += 2) index.remove(mixed(i), i)
  index.remove(mixed(count), count)
  t.equal(index.size, count / 2)
  found = 0
  for (let i = 0; i < count; i++) if (keys.find(index, i) === (i % 2 === 1)) found++
  t.equal(found, count)
})

t.test('steady coming and going does not grow it', async (t) => {
  const keys = new Numbers(mixed)
  const index = new HashIndex(keys)
  for (let i = 0; i < 10_000; i++) index.insert(mixed(i), i)
  const bytes = index.byteLength
  for (let i = 10_000; i < 300_000; i++) {
    index.remove(mixed(i - 10_000), i - 10_000)
    index.insert(mixed(i), i)
  }
  t.equal(index.byteLength, bytes)
  t.ok(keys.find(index, 299_999))
  t.notOk(keys.find(index, 1))
})

t.test('a segment that fills before its turn is relieved by splits', async (t) => {
  // Only every fourth segment is ever hit.
  const crowded = (value: number): number => (mixed(value) & ~(3 << 14)) >>> 0
  const keys = new Numbers(crowded)
  const index = new HashIndex(keys)
  for (let i = 0; i < 60_000; i++) index.insert(crowded(i), i)
  let found = 0
  for (let i = 0; i < 60_000; i++) if (keys.find(index, i)) found++
  t.equal(found, 60_000)
})

t.test('behaves as a set whatever is done to it', async (t) => {
  // Few different hashes, so that probing, dead slots and equal tags all happen.
  const clashing = (value: number): number => (((value % 5) << 26) | (16_380 + value % 3)) >>> 0
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(60)), { maxLength: 300 }), (steps) => {
    const keys = new Numbers(clashing)
    const index = new HashIndex(keys)
    const model = new Set<number>()
    for (const [add, value] of steps) {
      if (keys.find(index, value) !== model.has(value)) return false
      if (add && !model.has(value)) {
        model.add(value)
        index.insert(clashing(value), value)
      } else if (!add) {
        model.delete(value)
        index.remove(clashing(value), value)
      }
      if (index.size !== model.size) return false
    }
    return Array.from({ length: 61 }, (_, value) => keys.find(index, value) === model.has(value)).every(Boolean)
  }))
  t.pass('no difference found')
})
