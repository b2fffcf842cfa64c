import fc from 'fast-check'
import t from 'tap'
import { HashIndex } from '../../../../src/backends/core/users/hash-index.ts'

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
