import fc from 'fast-check'
import t from 'tap'
import { KeyedHash, viewOf } from '../../../../src/backends/core/users/keyed-hash.ts'
import { Batch } from '../../../../src/backends/batch.ts'
import { UserColumns } from '../../../../src/backends/core/users/user-columns.ts'
import { MAX_USER_CAPACITY, UserTable } from '../../../../src/backends/core/users/user-table.ts'

class Rig {
  readonly table: UserTable

  constructor(capacity: number) {
    this.table = new UserTable(capacity, new KeyedHash())
  }

  find(name: string): number {
    const bytes = viewOf(Buffer.from(`..${name}..`))
    const end = bytes.byteLength - 2
    return this.table.find(this.table.hash(bytes, 2, end), bytes, 2, end)
  }

  /** What prefetching a batch of these users finds out, an event before them left out. */
  prefetch(names: readonly string[]): number[] {
    const batch = new Batch()
    batch.bytes = Buffer.from(`.${names.join('')}.`)
    let at = 1
    for (const name of ['.', ...names]) {
      batch.reserve()
      batch.userStart[batch.count] = at
      if (batch.count > 0) at += Buffer.byteLength(name)
      batch.userEnd[batch.count++] = at
    }
    const columns = new UserColumns()
    columns.reserve(batch.count)
    columns.users.fill(7)
    this.table.prefetch(batch, viewOf(batch.bytes), columns, 1, batch.count)
    if (columns.users[0] !== 7) throw new Error('it looked at another event')
    return [...columns.users.subarray(1, batch.count)]
  }

  add(name: string): number {
    const bytes = viewOf(Buffer.from(name))
    return this.table.add(this.table.hash(bytes, 0, bytes.byteLength), bytes, 0, bytes.byteLength)
  }
}

t.test('names of every size are kept apart', async (t) => {
  const rig = new Rig(10_000)
  const names = Array.from({ length: 1024 }, (_, i) => 'x'.repeat(i + 1))
  const users = names.map((name) => rig.add(name))
  t.equal(new Set(users).size, names.length)
  t.same(names.map((name) => rig.find(name)), users)
  t.same(users.map((user) => rig.table.name(user).toString()), names)
  t.equal(rig.find('y'), -1)
})

t.test('numbers of forgotten users are used again, within capacity', async (t) => {
  const rig = new Rig(2)
  const ada = rig.add('ada')
  rig.add('bob')
  t.equal(rig.add('cyd'), -1)
  rig.table.remove(ada)
  t.equal(rig.find('ada'), -1)
  t.equal(rig.add('dee'), ada)
  t.equal(rig.table.name(ada).toString(), 'dee')
  t.equal(rig.table.size, 2)
  t.equal(rig.table.limit, 2)
})

t.test('behaves as a map whatever is done to it', async (t) => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.stringMatching(/^[a-cü]{1,3}$/)), { maxLength: 200 }), (steps) => {
    const rig = new Rig(20)
    const model = new Map<string, number>()
    for (const [add, name] of steps) {
      if (rig.find(name) !== (model.get(name) ?? -1)) return false
      const others = [...model.keys(), 'd']
      if (rig.prefetch([...others, name]).join() !== [...others, name].map((each) => model.get(each) ?? -1).join()) return false
      if (add && !model.has(name) && model.size < 20) model.set(name, rig.add(name))
      if (!add && model.has(name)) {
        rig.table.remove(model.get(name)!)
        model.delete(name)
      }
      if (rig.table.size !== model.size) return false
    }
    return true
  }))
  t.pass('no difference found')
})

t.test('users whose hashes are the same are kept apart', async (t) => {
  const table = new UserTable(100, new KeyedHash((tables) => tables.fill(0)))
  const bytes = viewOf(Buffer.from('adabobcyd'))
  const users = [0, 3, 6].map((start) => table.add(table.hash(bytes, start, start + 3), bytes, start, start + 3))
  const batch = new Batch()
  batch.count = 3
  batch.userStart.set([6, 0, 3])
  batch.userEnd.set([9, 3, 6])
  const columns = new UserColumns()
  columns.reserve(batch.count)
  table.prefetch(batch, bytes, columns, 0, 3)
  t.same([...columns.users.subarray(0, 3)], [users[2], users[0], users[1]])
  table.remove(users[0])
  t.equal(table.find(0, bytes, 0, 3), -1)
  t.equal(table.find(0, bytes, 3, 6), users[1])
})

t.test('grows over several chunks', async (t) => {
  const rig = new Rig(200_000)
  for (let i = 0; i < 150_000; i++) rig.add(`user-${i}`)
  t.equal(rig.table.size, 150_000)
  let found = 0
  for (let i = 0; i < 150_000; i++) if (rig.find(`user-${i}`) === i) found++
  t.equal(found, 150_000)
})

t.test('refuses a capacity that it cannot hold', async (t) => {
  for (const capacity of [0, NaN, MAX_USER_CAPACITY + 1]) t.throws(() => new UserTable(capacity, new KeyedHash()), RangeError)
})
