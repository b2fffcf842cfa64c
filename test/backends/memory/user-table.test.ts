import fc from 'fast-check'
import t from 'tap'
import { KeyedHash } from '../../../src/backends/memory/keyed-hash.ts'
import { MAX_USER_CAPACITY, UserTable } from '../../../src/backends/memory/user-table.ts'

class Rig {
  readonly table: UserTable

  constructor(capacity: number) {
    this.table = new UserTable(capacity, new KeyedHash())
  }

  find(name: string, guess = -1): number {
    const bytes = Buffer.from(`..${name}..`)
    const end = bytes.length - 2
    return this.table.find(this.table.hash(bytes, 2, end), bytes, 2, end, guess)
  }

  add(name: string): number {
    const bytes = Buffer.from(name)
    return this.table.add(this.table.hash(bytes, 0, bytes.length), bytes, 0, bytes.length)
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
      for (let guess = -1; guess < rig.table.limit; guess++) if (rig.find(name, guess) !== (model.get(name) ?? -1)) return false
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

t.test('looking ahead guesses who they are', async (t) => {
  const rig = new Rig(100)
  const users = ['ada', 'bob', 'cyd'].map((name) => rig.add(name))
  const hashes = Int32Array.from(['x', 'cyd', 'ada', 'y'], (name) => rig.table.hash(Buffer.from(name), 0, name.length))
  const guesses = new Int32Array(4).fill(7)
  rig.table.preload(hashes, guesses, 1, 4)
  t.same([...guesses], [7, users[2], users[0], -1])
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
