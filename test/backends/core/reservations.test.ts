import t from 'tap'
import fc from 'fast-check'
import { Batch, Verdict } from '../../../src/backends/batch.ts'
import { MemoryCore } from '../../../src/backends/core/core.ts'
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
        core.abort(pending)
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

t.test('a reservation that was pushed out is committed or aborted like any other, and leaves nothing', async (t) => {
  const clock = new TestClock()
  const core = new MemoryCore(clock, { dedupCapacity: 3, userCapacity: 4, logBytes: 1 << 20 })
  const reserve = (...ids: number[]): { batch: Batch, reservation: Reservation } => {
    const batch = batchOf(ids, clock)
    return { batch, reservation: core.reserve(batch) }
  }
  const first = reserve(1)
  const second = reserve(2, 3, 4, 5)
  t.equal(core.health().ids, 3)
  const again = reserve(1)
  t.match(again.reservation, { count: 1 }, 'forgotten, so it is new')
  core.commit(first.batch, first.reservation)
  core.abort([second, again])
  t.equal(core.health().ids, 0)
  t.match(reserve(5).reservation, { count: 1, waits: false })
  t.equal(core.summary('1h', NO_CURSOR).total_events, 1)
})
