import t from 'tap'
import { HORIZON_MINUTES } from '../../../../src/backends/core/dedup/arrivals.ts'
import { DedupIndex, MAX_DEDUP_CAPACITY } from '../../../../src/backends/core/dedup/dedup-index.ts'

const MINUTE = 60_000
const HORIZON = HORIZON_MINUTES * MINUTE

function idOf(n: number): Uint32Array {
  return Uint32Array.of(0x10203040, n, n >>> 16, 7)
}

function knows(index: DedupIndex, n: number): boolean {
  return index.has(idOf(n), 0)
}

function advance(index: DedupIndex, wall: number, elapsed: number, budget: number): void {
  index.setTime({ wall, elapsed })
  index.expire(budget)
}

/** Adds an id unless it is known; says whether it was new. */
function take(index: DedupIndex, n: number): boolean {
  if (knows(index, n)) return false
  index.add(idOf(n), 0)
  return true
}

t.test('300,000 ids over several chunks: each known once, at most 32 bytes an id', async (t) => {
  const index = new DedupIndex(1_000_000)
  const count = 300_000
  let added = 0
  for (let n = 0; n < count; n++) if (take(index, n)) added++
  for (let n = 0; n < count; n++) if (take(index, n)) added++
  t.equal(added, count)
  t.equal(index.size, count)
  t.ok(index.byteLength / count <= 32, `${index.byteLength / count} bytes an id`)
})

t.test('forgets a minute at a time, and frees room within its budget', async (t) => {
  const index = new DedupIndex(1_000_000)
  advance(index, 0, 0, 0)
  for (let n = 0; n < 100_000; n++) take(index, n)
  advance(index, MINUTE, MINUTE, 0)
  take(index, 100_000)
  advance(index, HORIZON + MINUTE - 1, HORIZON + MINUTE - 1, 0)
  t.equal(index.size, 100_001)
  advance(index, HORIZON + MINUTE, HORIZON + MINUTE, 1000)
  t.equal(index.size, 1, 'all of the first minute at once')
  t.notOk(knows(index, 0), 'also those whose room is not free yet')
  t.ok(take(index, 50_000), 'which can be added again meanwhile')
  t.ok(knows(index, 50_000))
  for (let i = 0; i < 100; i++) advance(index, HORIZON + MINUTE, HORIZON + MINUTE, 1000)
  t.ok(knows(index, 50_000), 'and stays when the old one is removed')
  t.ok(knows(index, 100_000))
  t.equal(index.size, 2)
})

t.test('one hand of the clock alone forgets nothing', async (t) => {
  for (const [wall, monotonic] of [[3 * HORIZON, 0], [0, 3 * HORIZON]]) {
    const index = new DedupIndex(10)
    advance(index, 0, 0, 10)
    take(index, 1)
    advance(index, wall, monotonic, 10)
    advance(index, 0, 0, 10)
    t.ok(knows(index, 1))
  }
})

t.test('at capacity the oldest goes first and the horizon tells', async (t) => {
  const index = new DedupIndex(100)
  t.equal(index.horizonMinutes, HORIZON_MINUTES)
  for (let n = 0; n < 150; n++) {
    advance(index, n * MINUTE, n * MINUTE, 10)
    t.ok(take(index, n))
  }
  t.equal(index.size, 100)
  t.notOk(knows(index, 49))
  t.ok(knows(index, 50))
  t.equal(index.horizonMinutes, 100, 'the newest forgotten one arrived 100 minutes ago')
  advance(index, 49 * MINUTE + HORIZON, 49 * MINUTE + HORIZON, 10)
  t.equal(index.horizonMinutes, HORIZON_MINUTES)
})

t.test('a large one lets go of a few at once', async (t) => {
  const capacity = 200_000
  const index = new DedupIndex(capacity)
  for (let n = 0; n < 2 * capacity; n++) {
    take(index, n)
    if (index.size > capacity || (n >= capacity && index.size < capacity - 3)) t.fail(`${index.size} ids after ${n}`)
  }
  const oldest = 2 * capacity - index.size
  t.ok(knows(index, oldest) && !knows(index, oldest - 1))
  t.equal(index.horizonMinutes, 0, 'all within a minute')
})

t.test('what is over makes room before what is not', async (t) => {
  const index = new DedupIndex(3)
  advance(index, 0, 0, 0)
  take(index, 1)
  take(index, 2)
  advance(index, HORIZON + MINUTE, HORIZON + MINUTE, 0)
  for (const n of [3, 4, 5]) t.ok(take(index, n))
  t.equal(index.horizonMinutes, HORIZON_MINUTES, 'nothing was forgotten early')
  t.equal(index.size, 3)
})

t.test('the ring of chunks is walked round', async (t) => {
  const index = new DedupIndex(70_000)
  for (let n = 0; n < 400_000; n++) take(index, n)
  t.equal(index.size, 70_000)
  t.ok(knows(index, 399_999) && knows(index, 330_000) && !knows(index, 329_999))
  t.ok(index.byteLength < 8 << 20, 'old chunks are used again')
})

t.test('refuses a capacity that it cannot hold', async (t) => {
  for (const capacity of [0, NaN, MAX_DEDUP_CAPACITY + 1]) t.throws(() => new DedupIndex(capacity), RangeError)
})
