import t from 'tap'
import fc from 'fast-check'
import { Batch, Verdict } from '../../../src/backends/batch.ts'
import { MemoryCore } from '../../../src/backends/core/core.ts'
import { DedupIndex } from '../../../src/backends/core/dedup/dedup-index.ts'
import type { Reservation } from '../../../src/backends/core/intake.ts'
import { TestClock } from '../test-clock.ts'

const NO_CURSOR = ''

/** A batch of events with these ids, the user of each being its id modulo 5. */
function batchOf(ids: readonly number[], clock: TestClock): Batch {
  const batch = new Batch()
  batch.bytes = Buffer.from('abcde,,,,,')
  for (const id of ids) {
    batch.reserve()
    const i = batch.count++
    batch.ids.set([7, 7, 7, id], i * 4)
    batch.times[i] = clock.wall()
    batch.types[i] = id % 4
    batch.userStart[i] = id % 5
    batch.userEnd[i] = id % 5 + 1
    batch.start[i] = 0
    batch.end[i] = 5
  }
  return batch
}

function newCore(clock: TestClock): MemoryCore {
  return new MemoryCore(clock, { dedupCapacity: 1000, userCapacity: 4, logBytes: 1 << 20 })
}

function usersOf(core: MemoryCore): unknown {
  const ranking = core.rankUsers('1h', 10)
  const counts = core.users('1h', ranking)
  ranking.end()
  return counts
}

t.test('reservations that are committed in turn, or aborted together, leave what appends alone would', async (t) => {
  const steps = fc.array(fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('reserve' as const), ids: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), ids: fc.constant([]) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), ids: fc.constant([]) }) }
  ), { maxLength: 40 })
  fc.assert(fc.property(steps, (steps) => {
    const clock = new TestClock()
    const core = newCore(clock)
    const plain = newCore(clock)
    let pending: { batch: Batch, reservation: Reservation, ids: readonly number[] }[] = []
    for (const step of steps) {
      if (step.do === 'reserve') {
        const batch = batchOf(step.ids, clock)
        pending.push({ batch, reservation: core.reserve(batch), ids: step.ids })
      } else if (step.do === 'commit') {
        const next = pending.shift()
        if (next === undefined) continue
        core.commit(next.batch, next.reservation)
        const same = batchOf(next.ids, clock)
        plain.append(same)
        if (next.batch.verdicts.join() !== same.verdicts.join()) throw new Error(`${next.batch.verdicts} instead of ${same.verdicts}`)
      } else {
        core.abort(pending.map(({ reservation }) => reservation))
        pending = []
        const { ids, users } = core.health()
        if (ids !== plain.health().ids || users !== plain.health().users) throw new Error('something of an aborted reservation is left')
      }
      const found = JSON.stringify([core.summary('1h', NO_CURSOR), usersOf(core), core.log.next])
      const wanted = JSON.stringify([plain.summary('1h', NO_CURSOR), usersOf(plain), plain.log.next])
      if (found !== wanted) throw new Error(`found  ${found}\nwanted ${wanted}`)
    }
  }), { numRuns: 500 })
  t.pass('no difference found')
})

t.test('what repeats a pending id waits; what repeats a counted one does not', async (t) => {
  const clock = new TestClock()
  const core = newCore(clock)
  const first = batchOf([1, 2], clock)
  const reservation = core.reserve(first)
  t.match(reservation, { count: 2, waits: false })
  const second = batchOf([2], clock)
  t.match(core.reserve(second), { count: 0, waits: true })
  t.equal(second.verdicts[0], Verdict.Duplicate)
  const refused = batchOf([2, 3], clock)
  core.refuse(refused, Verdict.StorageFull)
  t.same([...refused.verdicts.subarray(0, 2)], [Verdict.StorageFull, Verdict.StorageFull], 'a pending id is no duplicate to who cannot wait')
  core.commit(first, reservation)
  core.refuse(refused, Verdict.StorageFull)
  t.same([...refused.verdicts.subarray(0, 2)], [Verdict.Duplicate, Verdict.StorageFull])
  t.match(core.reserve(batchOf([2], clock)), { count: 0, waits: false })
})

t.test('the newest ids can be taken back, over chunks and at capacity', async (t) => {
  const idOf = (n: number): Uint32Array => Uint32Array.of(1, 2, n >>> 16, n)
  const knows = (index: DedupIndex, n: number): boolean => index.has(idOf(n), 0)
  const add = (index: DedupIndex, n: number): void => {
    if (!knows(index, n)) index.add(idOf(n), 0)
  }
  const index = new DedupIndex(200_000)
  for (let n = 0; n < 70_000; n++) add(index, n)
  const boundary = index.next
  for (let n = 70_000; n < 140_000; n++) add(index, n)
  index.retract(boundary)
  t.equal(index.size, 70_000)
  for (const n of [0, 69_999]) t.ok(knows(index, n))
  for (const n of [70_000, 139_999]) t.notOk(knows(index, n))
  for (let n = 70_000; n < 140_000; n++) add(index, n)
  t.equal(index.size, 140_000)

  const small = new DedupIndex(3)
  add(small, 1)
  const start = small.next
  for (const n of [2, 3, 4, 5, 6]) add(small, n)
  small.retract(start)
  t.equal(small.size, 0, 'what was pushed out does not come back')
  for (const n of [7, 8, 9, 10]) add(small, n)
  t.equal(small.size, 3)
})
