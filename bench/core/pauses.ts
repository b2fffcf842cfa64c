/**
 * The longest time for which the core keeps the event loop, while many ids grow, expire one by one as new ones come,
 * and at last all expire at once. Time is simulated; the figures are not. Prints its rows as JSON.
 */
import { createHistogram, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { Bodies } from '../harness/bodies.ts'
import { readFlags } from '../harness/flags.ts'
import type { Row } from '../harness/table.ts'
import { DAY, SimulatedClock } from './simulated-clock.ts'

const { ids, users, batch, passes } = readFlags({ ids: 20_000_000, users: 100_000, batch: 1000, passes: 1 })
const HORIZON = 8 * DAY
const batches = Math.ceil(ids / batch)

const bodies = new Bodies({ batch, users, form: 'array' })

/** The longest collection of garbage since it was set back, in milliseconds. */
let longestCollection = 0
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longestCollection = Math.max(longestCollection, duration)
}).observe({ entryTypes: ['gc'] })

/**
 * How long the turns of one phase took, by the clock and by the processor time of this thread. A turn does the same work
 * in every pass, but for ids that differ; so the quickest pass tells what it takes where the machine does nothing else.
 */
class Phase {
  readonly #wall = createHistogram()
  readonly #cpu = createHistogram()
  readonly #quickest: Float64Array
  #collection = 0
  /** Ids that the core holds at its end. */
  idsHeld = 0

  constructor(turns: number) {
    this.#quickest = new Float64Array(turns).fill(Infinity)
  }

  /** Does the work of every turn, once. */
  async pass(prepare: () => () => unknown): Promise<void> {
    longestCollection = 0
    for (let i = 0; i < this.#quickest.length; i++) {
      const wall = await this.#time(prepare())
      this.#quickest[i] = Math.min(this.#quickest[i], wall)
    }
    this.#collection = Math.max(this.#collection, longestCollection)
  }

  row(phase: string): Row {
    return {
      phase,
      'ids at its end': this.idsHeld,
      turns: this.#quickest.length,
      'median, ms': this.#wall.percentile(50) / 1000,
      'p99.9, ms': this.#wall.percentile(99.9) / 1000,
      'longest, ms': this.#wall.max / 1000,
      'longest by CPU, ms': this.#cpu.max / 1000,
      'longest by quickest pass, ms': this.#quickest.reduce((most, wall) => Math.max(most, wall)),
      'longest garbage collection, ms': this.#collection
    }
  }

  /** Milliseconds that some work takes, in a turn of its own. */
  async #time(work: () => unknown): Promise<number> {
    await setImmediate()
    const cpu = process.threadCpuUsage()
    const start = performance.now()
    await work()
    const wall = performance.now() - start
    const { user, system } = process.threadCpuUsage(cpu)
    this.#wall.record(Math.max(1, Math.round(wall * 1000)))
    this.#cpu.record(Math.max(1, user + system))
    return wall
  }
}

/** One memory backend, under a clock of its own. */
class Core {
  readonly #clock = new SimulatedClock()
  readonly #store = createMemoryBackend({
    clock: this.#clock,
    dedupCapacity: Math.ceil(ids * 1.1) + batch, // ids go because their time is over, not because room is
    userCapacity: 5_000_000,
    logBytes: 256 * 2 ** 20
  }).store

  readonly #ingest = createIngest({ store: this.#store, maxEvents: batch })

  /** Takes a batch in each turn, so many milliseconds apart. */
  async take(phase: Phase, step: number): Promise<void> {
    await phase.pass(() => {
      this.#clock.advance(step)
      const body = bodies.make(this.#clock.wall())
      return () => this.#ingest(body, 'json')
    })
    phase.idsHeld = this.#store.health().ids
  }

  /** Lets the time of all ids end at once, and gives the upkeep as many turns as it took batches to bring them. */
  async expire(phase: Phase): Promise<void> {
    this.#clock.advance(HORIZON + 2 * 60_000)
    await phase.pass(() => () => this.#store.maintain())
    phase.idsHeld = this.#store.health().ids
  }
}

await new Core().take(new Phase(200), 0)
const growing = new Phase(batches)
const exchanging = new Phase(batches)
const expiring = new Phase(batches)
for (let pass = 0; pass < passes; pass++) {
  const core = new Core()
  await core.take(growing, HORIZON / batches)
  await core.take(exchanging, HORIZON / batches)
  await core.expire(expiring)
}
process.stdout.write(JSON.stringify([growing.row('ids grow'), exchanging.row('one expires for each new one'), expiring.row('all expire at once')]))
