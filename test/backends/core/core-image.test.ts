/** A core that goes on from an image is the one that has restored everything itself. */
import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { TIME_WINDOWS } from '../../../schemas/index.ts'
import { Batch, Verdict } from '../../../src/backends/batch.ts'
import type { ClockReading } from '../../../src/backends/core/clock/clock-reading.ts'
import { MemoryCore } from '../../../src/backends/core/core.ts'
import type { ImageLayout, ImageSource } from '../../../src/backends/core/core-image.ts'
import { DAY, HOUR, MINUTE, START, TestClock } from '../test-clock.ts'

const CAPACITIES = { dedupCapacity: 5000, userCapacity: 4, logBytes: 1 << 20 }
const USERS = ['a', 'bb', 'x'.repeat(28), 'y'.repeat(29), 'ü'.repeat(100), 'z'.repeat(256)]

/** An event by its id, its user, and how long ago it was. */
type Drawn = readonly [id: number, user: number, age: number]

interface Row {
  events: readonly Drawn[]
  arrival: ClockReading
}

function batchOf(events: readonly Drawn[], arrived: number): Batch {
  const batch = new Batch()
  batch.count = 0
  for (const [id, user, age] of events) {
    batch.reserve()
    const i = batch.count++
    batch.ids.set([7, 7, 7, id], i * 4)
    batch.times[i] = arrived - age
    batch.types[i] = id % 4
    batch.start[i] = batch.write(`${id}`)
    batch.end[i] = batch.write(',')
    batch.userStart[i] = batch.write(USERS[user])
    batch.userEnd[i] = batch.byteLength
  }
  return batch
}

/** A core of a time, to which rows are to be restored. */
function coreAt(wall: number, newest: ClockReading): MemoryCore {
  return new MemoryCore(new TestClock(wall), CAPACITIES, newest)
}

function restore(core: MemoryCore, rows: readonly Row[]): void {
  for (const { events, arrival } of rows) core.restore(batchOf(events, arrival.wall), arrival, false)
}

function imageOf(core: MemoryCore, newest: ClockReading): { bytes: Buffer, layout: ImageLayout | undefined } {
  const pieces: Uint8Array[] = []
  const layout = core.writeImage(newest, (bytes) => { pieces.push(Uint8Array.from(bytes)) })
  return { bytes: Buffer.concat(pieces), layout: layout && JSON.parse(JSON.stringify(layout)) as ImageLayout }
}

function sourceOf(bytes: Buffer): ImageSource {
  let at = 0
  return {
    async read(into) {
      into.set(bytes.subarray(at, at += into.length))
    },
    async end() {
      if (at !== bytes.length) throw new Error(`${at} of ${bytes.length} bytes were read`)
    }
  }
}

/** All that can be asked of a core, and what it says to every id. */
function view(core: MemoryCore, ids: number): unknown {
  core.restored()
  for (let i = 0; i < 50; i++) core.upkeep(0)
  const batch = batchOf(Array.from({ length: ids }, (_, id): Drawn => [id, 0, 0]), core.now())
  core.check(batch)
  const { log_bytes: _, ...health } = core.health()
  return [health, [...batch.verdicts.subarray(0, ids)].map((verdict) => verdict === Verdict.Duplicate), TIME_WINDOWS.map((window) => {
    const ranking = core.rankUsers(window, 10)
    let users
    while ((users = core.users(window, ranking)) === undefined);
    ranking.end()
    return [core.summary(window, ''), users, core.timeseries(window, window === '1h' ? 'minute' : 'hour')]
  })]
}

const IDS = 60
const step = fc.constantFrom(0, 1000, MINUTE, 20 * MINUTE, HOUR, 7 * HOUR, DAY, 3 * DAY, 8 * DAY + 3 * HOUR)
const ages = fc.constantFrom(0, 1, -4 * MINUTE, 30 * MINUTE, HOUR, DAY, 6 * DAY, 7 * DAY - 1, 7 * DAY + HOUR, 30 * DAY)
const drawn = fc.tuple(fc.nat(IDS - 1), fc.nat(USERS.length - 1), ages)
const history = fc.array(fc.tuple(step, fc.array(drawn, { minLength: 1, maxLength: 8 })), { minLength: 2, maxLength: 12 })

t.test('an image in the place of the first rows changes nothing, whatever came and however long ago', async (t) => {
  let images = 0
  let repeated = 0
  let seconds = 0
  await fc.assert(fc.asyncProperty(history, fc.nat(), fc.nat(), step, async (history, first, second, down) => {
    // What a service takes, as it runs: a row has the events that it accepted.
    const clock = new TestClock()
    const service = new MemoryCore(clock, CAPACITIES)
    const rows: Row[] = []
    const accepted = new Set<number>()
    for (const [passed, events] of history) {
      for (let left = passed; left > 0; left -= HOUR) {
        clock.advance(Math.min(left, HOUR))
        service.upkeep(0)
      }
      const batch = batchOf(events, clock.wall())
      const arrival = service.reading()
      service.append(batch)
      const taken = events.filter((_, i) => batch.verdicts[i] === Verdict.Accepted || batch.verdicts[i] === Verdict.Late)
      if (taken.length === 0) continue
      rows.push({ events: taken, arrival })
      for (const [id] of taken) {
        if (accepted.has(id)) repeated++
        accepted.add(id)
      }
    }
    const newest = rows.at(-1)!.arrival
    const start = newest.wall + down
    const isNeeded = (time: number, last: number): boolean => time > last - 8 * DAY - 2 * MINUTE
    const needed = rows.filter(({ arrival: { wall, elapsed } }) => isNeeded(wall, newest.wall) || isNeeded(elapsed, newest.elapsed))
    const plain = coreAt(start, newest)
    restore(plain, needed)
    const expected = JSON.stringify(view(plain, IDS))

    // Two images, the second of which goes on from the first.
    const cuts = [first, second].map((cut) => 1 + cut % rows.length).sort((a, b) => a - b)
    let image: ReturnType<typeof imageOf> | undefined
    let counted = 0
    for (const cut of cuts) {
      const { arrival } = rows[cut - 1]
      const maker = coreAt(arrival.wall, arrival)
      if (image?.layout !== undefined) await maker.readImage(image.layout, sourceOf(image.bytes))
      restore(maker, rows.slice(counted, cut))
      const next = imageOf(maker, arrival)
      if (next.layout === undefined) break
      if (counted > 0 && cut > counted) seconds++
      image = next
      counted = cut
    }
    if (image?.layout === undefined) return
    images++
    const core = coreAt(start, newest)
    await core.readImage(image.layout, sourceOf(image.bytes))
    restore(core, rows.slice(counted))
    assert.equal(JSON.stringify(view(core, IDS)), expected)
  }), { numRuns: 40, endOnFailure: true })
  t.ok(images > 25 && repeated > 10 && seconds > 10, `${images} images, ${seconds} of them second ones, ${repeated} ids accepted again`)
})

t.test('there is no image where it would not tell everything', async (t) => {
  const arrival = { wall: START, elapsed: 0 }
  const twice = coreAt(START, arrival)
  restore(twice, [{ events: [[1, 0, 0]], arrival }, { events: [[1, 0, 0]], arrival }])
  t.equal(imageOf(twice, arrival).layout, undefined, 'an id has come twice')
  const ahead = coreAt(START, arrival)
  restore(ahead, [{ events: [[1, 0, -HOUR]], arrival }])
  t.equal(imageOf(ahead, arrival).layout, undefined, 'an event of a time to come')
})

t.test('an image of another core is refused, and the core stays as it was', async (t) => {
  const arrival = { wall: START, elapsed: 0 }
  const maker = coreAt(START, arrival)
  restore(maker, [{ events: [[1, 0, 0], [2, 5, 9 * DAY]], arrival }])
  const { bytes, layout } = imageOf(maker, arrival)
  const other = new MemoryCore(new TestClock(START), { ...CAPACITIES, dedupCapacity: 6000 }, arrival)
  await t.rejects(other.readImage(layout!, sourceOf(bytes)), RangeError, 'another capacity')
  await t.rejects(coreAt(START - HOUR, { wall: START - HOUR, elapsed: 0 }).readImage(layout!, sourceOf(bytes)), RangeError, 'of an earlier time')
  const damaged = coreAt(START, arrival)
  await t.rejects(damaged.readImage(layout!, sourceOf(Buffer.concat([bytes, Buffer.from('.')]))), /bytes were read/)
  t.equal(damaged.health().ids, 0)
  restore(damaged, [{ events: [[1, 0, 0]], arrival }])
  t.equal(damaged.summary('1h', '').total_events, 1)
})
