/**
 * The longest stretch for which the core keeps the event loop, while many ids grow, expire one by one as new ones come,
 * and at last all expire at once. Time is simulated; the figures are not. Prints its rows as JSON.
 */
import { createHistogram, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { createMemoryBackend } from '../../src/backends/memory/memory.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { Bodies } from '../harness/bodies.ts'
import { readFlags } from '../harness/flags.ts'
import type { Row } from '../harness/table.ts'
import { DAY, SimulatedClock } from './simulated-clock.ts'

const { ids, users, batch } = readFlags({ ids: 20_000_000, users: 100_000, batch: 1000 })
const HORIZON = 8 * DAY
const batches = Math.ceil(ids / batch)

const bodies = new Bodies({ batch, users, form: 'array' })

/** The longest collection of garbage since it was set back, in milliseconds. */
let longestCollection = 0
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longestCollection = Math.max(longestCollection, duration)
}).observe({ entryTypes: ['gc'] })

/** How long the turns of one phase took, by the clock and by the processor time of this thread. */
class Phase {
  readonly #name: string
  readonly #wall = createHistogram()
  readonly #cpu = createHistogram()

  constructor(name: string) {
    this.#name = name
    longestCollection = 0
  }

  async turn(work: () => unknown): Promise<void> {
    await setImmediate()
    const cpu = process.threadCpuUsage()
    const start = performance.now()
    await work()
    const wall = performance.now() - start
    const { user, system } = process.threadCpuUsage(cpu)
    this.#wall.record(Math.max(1, Math.round(wall * 1000)))
    this.#cpu.record(Math.max(1, user + system))
  }

  row(idsHeld: number): Row {
    return {
      phase: this.#name,
      'ids at its end': idsHeld,
      turns: this.#wall.count,
      'median, ms': this.#wall.percentile(50) / 1000,
      'p99.9, ms': this.#wall.percentile(99.9) / 1000,
      'longest, ms': this.#wall.max / 1000,
      'longest by CPU, ms': this.#cpu.max / 1000,
      'longest garbage collection, ms': longestCollection
    }
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

  /** Takes so many batches, so many milliseconds apart. */
  async take(phase: string, count: number, step: number): Promise<Row> {
    const turns = new Phase(phase)
    for (let i = 0; i < count; i++) {
      this.#clock.advance(step)
      const body = bodies.make(this.#clock.wall())
      await turns.turn(() => this.#ingest(body, 'json'))
    }
    return turns.row(this.#store.health().ids)
  }

  /** Lets the time of all ids end, and gives the upkeep as many turns as it took batches to bring them. */
  async expire(phase: string): Promise<Row> {
    const turns = new Phase(phase)
    this.#clock.advance(HORIZON + 2 * 60_000)
    for (let i = 0; i < batches; i++) await turns.turn(() => this.#store.maintain())
    return turns.row(this.#store.health().ids)
  }
}

await new Core().take('warm-up', 200, 0)
const core = new Core()
process.stdout.write(JSON.stringify([
  await core.take('ids grow', batches, HORIZON / batches),
  await core.take('one expires for each new one', batches, HORIZON / batches),
  await core.expire('all expire at once')
]))
