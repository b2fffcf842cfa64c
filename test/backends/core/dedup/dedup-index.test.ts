import fc from 'fast-check'
import t from 'tap'
import { Batch, Verdict } from '../../../../src/backends/batch.ts'
import { DedupIndex, MAX_DEDUP_CAPACITY } from '../../../../src/backends/core/dedup/dedup-index.ts'
import { HORIZON_MINUTES } from '../../../../src/backends/core/dedup/generations.ts'
import { STRIDE } from '../../../../src/backends/core/dedup/id-shard.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const HORIZON = HORIZON_MINUTES * MINUTE
const SPAN = 2 * HOUR

function batchOf(ids: readonly number[]): Batch {
  const batch = new Batch(ids.length)
  batch.count = ids.length
  ids.forEach((id, i) => batch.ids.set([0x10203040, 7, id >>> 16, id], 4 * i))
  return batch
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** Claims ids, those of them that are not known; returns which these were. */
function take(index: DedupIndex, ids: readonly number[]): number[] {
  const batch = batchOf(ids)
  for (let from = 0; from < ids.length; from += STRIDE) index.claim(batch, from, Math.min(from + STRIDE, ids.length))
  return ids.filter((_, i) => batch.verdicts[i] === Verdict.Accepted)
}

function knows(index: DedupIndex, id: number): boolean {
  return index.has(batchOf([id]).ids, 0)
}

function advance(index: DedupIndex, wall: number, elapsed = wall): void {
  index.setTime({ wall, elapsed })
  index.expire()
}

interface Time { wall: number, elapsed: number }

/** Generations as plain as can be: sets of ids. */
class Model {
  readonly capacity: number
  generations: { start: Time, last: Time, ids: Map<number, Time> }[] = []
  now: Time = { wall: 0, elapsed: 0 }
  lost: Time | undefined

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get size(): number {
    return this.generations.reduce((sum, { ids }) => sum + ids.size, 0)
  }

  get horizon(): number {
    const { now, lost } = this
    return lost === undefined ? HORIZON_MINUTES : Math.min(HORIZON_MINUTES, passed(now.wall, lost.wall) / MINUTE, passed(now.elapsed, lost.elapsed) / MINUTE)
  }

  of(id: number): { ids: Map<number, Time> } | undefined {
    return this.generations.find(({ ids }) => ids.has(id))
  }

  take(id: number): boolean {
    if (this.of(id) !== undefined) return false
    while (this.size >= this.capacity) this.lost = this.generations.shift()!.last
    this.add(id)
    return true
  }

  add(id: number): void {
    const newest = this.generations.at(-1)
    const most = Math.max(1, Math.floor(this.capacity / 64))
    const goesOn = newest !== undefined && newest.ids.size < most &&
      passed(this.now.wall, newest.start.wall) < SPAN && passed(this.now.elapsed, newest.start.elapsed) < SPAN
    if (!goesOn) this.generations.push({ start: this.now, last: this.now, ids: new Map() })
    const generation = this.generations.at(-1)!
    generation.ids.set(id, this.now)
    generation.last = this.now
  }

  advance(now: Time): void {
    this.now = now
    this.generations = this.generations.filter(({ last }) => !this.#isPast(last, HORIZON + MINUTE))
    if (this.lost !== undefined && this.#isPast(this.lost, HORIZON + MINUTE)) this.lost = undefined
  }

  #isPast({ wall, elapsed }: Time, span: number): boolean {
    return passed(this.now.wall, wall) >= span && passed(this.now.elapsed, elapsed) >= span
  }
}

/** Time passed from one whole minute to another. */
function passed(now: number, then: number): number {
  return MINUTE * (Math.floor(now / MINUTE) - Math.floor(then / MINUTE))
}

type Step =
  | { do: 'take', ids: number[] }
  | { do: 'retract', ids: number[] }
  | { do: 'refresh', id: number }
  | { do: 'pass', wall: number, elapsed: number }

const id = fc.nat(60)
const times = fc.constantFrom(0, MINUTE, HOUR, SPAN - MINUTE, SPAN, 20 * HOUR, 3 * 24 * HOUR, HORIZON - SPAN, HORIZON, HORIZON + MINUTE, HORIZON + SPAN)
const steps = fc.array(fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const), ids: fc.array(id, { minLength: 1, maxLength: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retract' as const), ids: fc.array(id, { minLength: 1, maxLength: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refresh' as const), id }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), wall: times, elapsed: times }) }
), { maxLength: 60 })

t.test('any history gives what sets of ids give [DEDUP-1] [DEDUP-2] [DEDUP-4]', async (t) => {
  fc.assert(fc.property(fc.constantFrom(1, 4, 30, 140, 10_000), steps, (capacity, history) => {
    const index = new DedupIndex(capacity)
    const model = new Model(capacity)
    const expect = (isTrue: boolean, what: string): void => { if (!isTrue) throw new Error(what) }
    for (const step of history as Step[]) {
      if (step.do === 'take') {
        expect(take(index, step.ids).join() === step.ids.filter((id) => model.take(id)).join(), 'what is new')
      } else if (step.do === 'retract') {
        const batch = batchOf(step.ids)
        batch.verdicts.fill(Verdict.Accepted)
        index.retract(batch)
        for (const id of step.ids) model.of(id)?.ids.delete(id)
      } else if (step.do === 'refresh') {
        if (model.of(step.id) === undefined) continue
        index.refresh(batchOf([step.id]).ids, 0)
        model.of(step.id)!.ids.delete(step.id)
        model.add(step.id)
      } else {
        const now = { wall: model.now.wall + step.wall, elapsed: model.now.elapsed + step.elapsed }
        advance(index, now.wall, now.elapsed)
        model.advance(now)
      }
      expect(index.size === model.size && index.size <= capacity, `size ${index.size}, not ${model.size}`)
      expect(index.horizonMinutes === model.horizon, `horizon ${index.horizonMinutes}, not ${model.horizon}`)
      for (let id = 0; id <= 60; id++) expect(knows(index, id) === (model.of(id) !== undefined), `${id}`)
    }
    const { now } = model
    for (const { ids } of model.generations) {
      for (const time of ids.values()) expect(now.wall - time.wall <= HORIZON + SPAN || now.elapsed - time.elapsed <= HORIZON + SPAN, 'known for too long')
    }
  }), { numRuns: 150 })
  t.pass('no difference found')
})

t.test('an id is known for two hours beyond its time at the most, also where a clock has stood still for days [DEDUP-4]', async (t) => {
  const index = new DedupIndex(10_000)
  take(index, [0])
  advance(index, 0, HORIZON + MINUTE)
  t.same(take(index, [1]), [1])
  advance(index, HORIZON, HORIZON + MINUTE)
  t.ok(knows(index, 0), 'by one clock it is not over')
  advance(index, HORIZON + SPAN, HORIZON + SPAN)
  t.notOk(knows(index, 0))
  t.ok(knows(index, 1))
})

t.test('a clock that stands still for longer than there are stamps lets the newest generation go on', async (t) => {
  const index = new DedupIndex(10_000)
  for (let n = 0; n < 400; n++) {
    advance(index, 0, n * SPAN)
    if (take(index, [n]).length !== 1) t.fail(`${n} was not new`)
  }
  t.equal(index.size, 400)
  t.ok(range(0, 400).every((id) => knows(index, id)), 'all are known')
  advance(index, HORIZON + MINUTE, 400 * SPAN)
  t.notOk(knows(index, 0))
  t.ok(knows(index, 399))
})

t.test('stamps come round, and nothing that was forgotten comes back', async (t) => {
  const index = new DedupIndex(1_000_000)
  for (let n = 0; n < 800; n++) {
    advance(index, n * SPAN)
    if (take(index, range(3 * n, 3 * n + 3)).length !== 3) t.fail(`not all of ${n} were new`)
    if (n % 20 !== 0) continue
    // One that came 8 days ago is known, and one before it is not.
    for (const ago of [0, 50, 96]) if (n >= ago && !knows(index, 3 * (n - ago))) t.fail(`${ago} generations ago, at ${n}`)
    for (let ago = 97; ago <= n; ago++) if (knows(index, 3 * (n - ago))) t.fail(`${ago} generations ago, at ${n}`)
  }
  t.equal(index.size, 3 * 97)
})

t.test('at capacity a 64th goes at a time, the oldest first, as often as it may be', async (t) => {
  const capacity = 64_000
  const index = new DedupIndex(capacity)
  for (let n = 0; n < 10 * capacity; n += 1000) {
    if (take(index, range(n, n + 1000)).length !== 1000) t.fail(`not all of ${n} were new`)
    if (index.size > capacity || (n >= capacity && index.size < capacity - 1000)) t.fail(`${index.size} ids after ${n}`)
  }
  const oldest = 10 * capacity - index.size
  t.ok(knows(index, oldest) && !knows(index, oldest - 1))
  t.equal(index.horizonMinutes, 0, 'all within a minute')
  t.ok(index.byteLength < 1_200_000, `${index.byteLength} bytes`)
})

t.test('as new ids come and old ones go it takes no more than 13.5 bytes for each', async (t) => {
  const index = new DedupIndex(1_000_000)
  const perSpan = 5000
  for (let n = 0; n < 250; n++) {
    advance(index, n * SPAN)
    take(index, range(n * perSpan, (n + 1) * perSpan))
    if (n >= 60 && index.byteLength / index.size > 13.5) t.fail(`${index.byteLength / index.size} bytes an id at ${n}`)
  }
  t.equal(index.size, 97 * perSpan)
})

t.test('a replay of more days than there are stamps forgets only what is over by its own time', async (t) => {
  const index = new DedupIndex(1_000_000)
  for (let n = 0; n < 400; n++) {
    index.setTime({ wall: n * SPAN, elapsed: n * SPAN })
    take(index, [n])
  }
  for (let n = 400 - 97; n < 400; n++) if (!knows(index, n)) t.fail(`${n} is not known`)
  advance(index, 400 * SPAN)
  t.equal(index.size, 96)
  const still = new DedupIndex(1_000_000)
  for (let n = 0; n < 400; n++) {
    still.setTime({ wall: n * SPAN, elapsed: Math.min(n, 20) * SPAN })
    take(still, [n])
  }
  t.equal(still.size, 400, 'nothing, where one clock stands still')
})

t.test('refuses a capacity that it cannot hold', async (t) => {
  for (const capacity of [0, NaN, MAX_DEDUP_CAPACITY + 1]) t.throws(() => new DedupIndex(capacity), RangeError)
  t.equal(new DedupIndex(MAX_DEDUP_CAPACITY).capacity, 2_000_000_000)
})
