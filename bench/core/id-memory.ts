/**
 * What an id takes in the dedup index, by the memory that the process has resident: at each of some sizes as it grows, and after
 * as many more as the last have come while the first expired. Prints its rows as JSON; needs `--expose-gc`.
 */
import { randomBytes } from 'node:crypto'
import { Batch } from '../../src/backends/batch.ts'
import { DedupIndex } from '../../src/backends/core/dedup/dedup-index.ts'
import { STRIDE } from '../../src/backends/core/dedup/id-shard.ts'
import { readFlags } from '../harness/flags.ts'
import type { Row } from '../harness/table.ts'
import { DAY, SimulatedClock } from './simulated-clock.ts'

const { ids: sizes, exchange } = readFlags({ ids: [1_000_000, 10_000_000, 100_000_000], exchange: 1 })
const most = sizes.at(-1)!
/** By how much the ids that have come grow from one look to the next, and how many there are at the first. */
const LOOK = 1.01
const FEWEST = 1_000_000

const clock = new SimulatedClock()
const batch = new Batch(STRIDE)
for (let at = 0; at < 4 * STRIDE; at += 4) batch.ids.set([0, 0x7000_0000, 0x8000_0000, randomBytes(4).readUInt32LE()], at)

/** Resident bytes: nothing narrower counts the memory that grows in place. */
function resident(): number {
  globalThis.gc!()
  return process.memoryUsage.rss()
}

// What the process grows by as its code gets warm is not the ids'.
const warm = new DedupIndex(STRIDE)
for (let i = 0; i < 10_000; i++) warm.claim(batch, 0, STRIDE)

const before = resident()
const index = new DedupIndex(Math.ceil(most * 1.1) + STRIDE)
let came = 0

/** Lets so many ids come, and says what they took meanwhile. */
function addIds(state: string, count: number): Row {
  const start = performance.now()
  let looks = 0
  let sum = 0
  let worst = 0
  let longest = 0
  let next = Math.max(FEWEST, came)
  for (let i = 0; i < count; i += STRIDE) {
    clock.advance(8 * DAY * STRIDE / most)
    index.setTime({ wall: clock.wall(), elapsed: clock.monotonic() })
    for (let k = 0; k < STRIDE; k++, came++) {
      batch.ids[4 * k] = came
      batch.ids[4 * k + 1] = 0x7000_0000 + came / 2 ** 32
    }
    const { user, system } = process.threadCpuUsage()
    index.expire()
    index.claim(batch, 0, STRIDE)
    const used = process.threadCpuUsage()
    longest = Math.max(longest, (used.user - user + used.system - system) / 1000)
    if (came < next) continue
    next = came * LOOK
    const bytes = (resident() - before) / index.size
    looks++
    sum += bytes
    worst = Math.max(worst, bytes)
  }
  return {
    state,
    'ids held': index.size,
    'bytes/id': index.byteLength / index.size,
    'resident bytes/id': (resident() - before) / index.size,
    'mean meanwhile': sum / looks,
    'most meanwhile': worst,
    seconds: (performance.now() - start) / 1000,
    'longest 256 ids by CPU, ms': longest
  }
}

const rows = sizes.map((size) => addIds('grown', size - came))
if (exchange === 1) rows.push(addIds('expiring as new ones come', most))
process.stdout.write(JSON.stringify(rows))
