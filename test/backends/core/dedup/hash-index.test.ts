import fc from 'fast-check'
import t from 'tap'
import { HashIndex } from '../../../../src/backends/core/dedup/hash-index.ts'

/** Whether a number is held under its hash. */
function holds(index: HashIndex, hash: number, value: number): boolean {
  for (let found = index.first(hash); found >= 0; found = index.next(hash)) if (found === value) return true
  return false
}

function mixed(value: number): number {
  const x = Math.imul(value ^ value >>> 16, 0x45d9f3b)
  return Math.imul(x ^ x >>> 16, 0x45d9f3b)
}

t.test('grows by pages and finds everything, removes exactly what it is told', async (t) => {
  const index = new HashIndex()
  const count = 200_000
  for (let i = 0; i < count; i++) index.insert(mixed(i), i)
  t.equal(index.size, count)
  t.ok(index.byteLength / count < 14.5, `${index.byteLength / count} bytes an entry`)
  let found = 0
  for (let i = 0; i < count; i++) if (holds(index, mixed(i), i)) found++
  t.equal(found, count)
  t.notOk(holds(index, mixed(count), count))
  for (let i = 0; i < count; i += 2) index.remove(mixed(i), i)
  index.remove(mixed(count), count)
  t.equal(index.size, count / 2)
  found = 0
  for (let i = 0; i < count; i++) if (holds(index, mixed(i), i) === (i % 2 === 1)) found++
  t.equal(found, count)
})

t.test('its pages do not all split at the same time', async (t) => {
  const index = new HashIndex()
  for (let i = 0; i < 300_000; i++) index.insert(mixed(i), i)
  let growths = 0
  let most = 0
  let bytes = index.byteLength
  for (let i = 300_000; i < 400_000; i++) {
    index.insert(mixed(i), i)
    if (i % 1000 !== 0) continue
    if (index.byteLength > bytes) growths++
    most = Math.max(most, index.byteLength - bytes)
    bytes = index.byteLength
  }
  t.ok(growths > 20, `${growths} times within a growth by a third`)
  t.ok(most < bytes / 16, `${most} of ${bytes} bytes at a time`)
})

t.test('takes as much memory an entry whenever one looks', async (t) => {
  const index = new HashIndex()
  for (let i = 0; i < 1_000_000; i++) {
    index.insert(mixed(i), i)
    if (i >= 250_000 && i % 10_000 === 0 && Math.abs(index.byteLength / index.size - 14.4) > 0.7) t.fail(`${index.byteLength / index.size} bytes at ${i}`)
  }
})

t.test('splits whose buckets borrow keep every entry', async (t) => {
  // A tenth of the buckets get half of the entries.
  const uneven = (value: number): number => value % 2 === 0 ? mixed(value) : mixed(value) & -1024 | value % 102
  const index = new HashIndex()
  const count = 50_000
  for (let i = 0; i < count; i++) index.insert(uneven(i), i)
  for (let i = 0; i < count; i += 3) index.remove(uneven(i), i)
  let wrong = 0
  for (let i = 0; i < count; i++) if (holds(index, uneven(i), i) !== (i % 3 !== 0)) wrong++
  t.equal(wrong, 0)
})

t.test('steady coming and going does not grow it', async (t) => {
  const index = new HashIndex()
  for (let i = 0; i < 10_000; i++) index.insert(mixed(i), i)
  let bytes = 0
  for (let i = 10_000; i < 600_000; i++) {
    index.remove(mixed(i - 10_000), i - 10_000)
    index.insert(mixed(i), i)
    if (i === 300_000) bytes = index.byteLength
  }
  t.ok(index.byteLength < bytes * 1.05, `${bytes}, then ${index.byteLength}`)
  t.equal(index.size, 10_000)
  t.ok(holds(index, mixed(599_999), 599_999))
  t.notOk(holds(index, mixed(1), 1))
})

t.test('numbers of one hash come up one after the other', async (t) => {
  const index = new HashIndex()
  for (const value of [7, 8, 9]) index.insert(-1, value)
  index.insert(-2, 6)
  const found = [index.first(-1), index.next(-1), index.next(-1)]
  t.same(found.sort(), [7, 8, 9])
  t.equal(index.next(-1), -1)
  t.equal(index.first(-3), -1)
})

t.test('many are looked for at once', async (t) => {
  const index = new HashIndex()
  for (let i = 0; i < 100_000; i++) index.insert(mixed(i), i)
  const numbers = new Int32Array(300).fill(-7)
  index.firstOfEach(Int32Array.from({ length: 300 }, (_, i) => mixed(i + 99_900)), numbers, 50, 300)
  t.same([...numbers], Array.from({ length: 300 }, (_, i) => i < 50 ? -7 : i < 100 ? i + 99_900 : -1))
  t.equal(index.size, 100_000, 'which changes nothing')
})

t.test('ids are claimed in their order, up to one that clashes', async (t) => {
  fc.assert(fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 60 }), fc.array(fc.nat(40), { maxLength: 20 }), fc.nat(1000), (
    keys, before, number
  ) => {
    const index = new HashIndex()
    const id = (key: number): number[] => [key, 0, 0x80000000, key * 7]
    const hashOf = (key: number): number => index.hashOf(Uint32Array.from(id(key)), 0)
    for (const key of before) index.insert(hashOf(key), 5000 + key)
    const ids = Uint32Array.from([[1, 2, 3, 4], ...keys.map(id)].flat())
    index.prefetch(ids, 1, keys.length + 1)
    const known = new Set(before)
    const clash = keys.findIndex((key) => known.size === known.add(key).size)
    const wanted = clash < 0 ? keys.length : clash
    if (index.claim(1, keys.length + 1, number) !== wanted + 1 || index.size !== before.length + wanted) return false
    const hashes = keys.map((_, i) => index.hashAt(i + 1))
    return keys.every((key, i) => hashes[i] === hashOf(key) && (i >= wanted || holds(index, hashes[i], number + i)))
  }))
  const index = new HashIndex()
  for (let from = 0; from < 200_000; from += index.mostKeys) {
    index.prefetch(Uint32Array.from({ length: index.mostKeys * 4 }, (_, i) => i % 4 === 3 ? from + (i >>> 2) : 7), 0, index.mostKeys)
    if (index.claim(0, index.mostKeys, from) !== index.mostKeys) t.fail(`stopped after ${from}`)
  }
  t.ok(index.size >= 200_000, 'also while it grows')
})

t.test('the hash of an id depends on the secret and on each of its bits, and spreads evenly', async (t) => {
  const [index, other] = [new HashIndex(), new HashIndex()]
  const id = Uint32Array.of(0x0190f0c4, 0x9d5c7a3e, 0x8b1f2c3d, 0x4e5f6a7b)
  const flipped = Array.from({ length: 128 }, (_, bit) => index.hashOf(id.with(bit >>> 5, id[bit >>> 5] ^ 1 << (bit & 31)), 0))
  t.notOk(flipped.includes(index.hashOf(id, 0)))
  t.ok([id, id.with(3, 0), id.with(0, 9)].some((id) => index.hashOf(id, 0) !== other.hashOf(id, 0)))
  const low = new Uint32Array(256)
  const high = new Uint32Array(256)
  for (let i = 0; i < 65_536; i++) {
    const hash = index.hashOf(Uint32Array.of(0x0190_0000, 0x7000_0000 | i >>> 8, 0x8000_0000, i), 0)
    low[hash & 255]++
    high[hash >>> 24]++
  }
  for (const buckets of [low, high]) t.ok(Math.max(...buckets) < 512 && Math.min(...buckets) > 100, `${Math.min(...buckets)} to ${Math.max(...buckets)} of 256`)
})

t.test('more keys under one hash than any page can hold are refused, and nothing is lost', async (t) => {
  const index = new HashIndex()
  let held = 0
  t.throws(() => { for (; held < 20_000; held++) index.insert(7, held) }, RangeError)
  t.ok(held > 6000 && index.size === held)
  t.ok(holds(index, 7, 0) && holds(index, 7, held - 1))
})

t.test('behaves as a set whatever is done to it', async (t) => {
  // Few different hashes, for the buckets at both ends of a page, so that these are full and borrow from each other.
  const clashing = (value: number): number => [0x3ff, 0x400003ff, -1, 0x3fe, 0, 1, 0x40000000][value % 7]
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(60)), { maxLength: 300 }), (steps) => {
    const index = new HashIndex()
    const model = new Set<number>()
    for (const [add, value] of steps) {
      if (holds(index, clashing(value), value) !== model.has(value)) return false
      if (add && !model.has(value)) {
        model.add(value)
        index.insert(clashing(value), value)
      } else if (!add) {
        model.delete(value)
        index.remove(clashing(value), value)
      }
      if (index.size !== model.size) return false
    }
    return Array.from({ length: 61 }, (_, value) => holds(index, clashing(value), value) === model.has(value)).every(Boolean)
  }), { numRuns: 500 })
  t.pass('no difference found')
})
