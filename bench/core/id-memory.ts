/**
 * What an id takes in the dedup index: when so many have come, and after as many more have come and the first have
 * expired. Says what the index claims and what the process has resident. Prints its rows as JSON; needs `--expose-gc`.
 */
import { randomFillSync } from 'node:crypto'
import { DedupIndex } from '../../src/backends/core/dedup/dedup-index.ts'
import { readFlags } from '../harness/flags.ts'
import type { Row } from '../harness/table.ts'
import { DAY, SimulatedClock } from './simulated-clock.ts'

const { ids } = readFlags({ ids: 20_000_000 })
const BATCH = 1000
/** Moments at which memory is looked at, of each row. */
const LOOKS = 50

const clock = new SimulatedClock()
const batch = new Uint32Array(BATCH * 4)

/** Resident bytes: nothing narrower counts the memory that grows in place. */
function resident(): number {
  globalThis.gc!()
  return process.memoryUsage.rss()
}

const before = resident()
const index = new DedupIndex(Math.ceil(ids * 1.1) + BATCH)

function addIds(state: string): Row {
  const batches = Math.ceil(ids / BATCH)
  const look = Math.max(1, Math.floor(batches / LOOKS))
  let most = 0
  for (let i = 1; i <= batches; i++) {
    clock.advance(8 * DAY / batches)
    index.setTime({ wall: clock.wall(), elapsed: clock.monotonic() })
    index.expire()
    randomFillSync(batch)
    for (let at = 0; at < batch.length; at += 4) if (!index.has(batch, at)) index.add(batch, at)
    if (i % look === 0 && index.size * 2 >= ids) most = Math.max(most, index.byteLength / index.size)
  }
  return {
    state,
    'ids held': index.size,
    'bytes/id': index.byteLength / index.size,
    'most, from half of the ids on': most,
    'resident bytes/id': (resident() - before) / index.size
  }
}

process.stdout.write(JSON.stringify([addIds('grown'), addIds('expiring as new ones come')]))
