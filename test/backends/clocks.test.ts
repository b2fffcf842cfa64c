/** Wrong clocks lose and double nothing [TIME-3] [TIME-4]: any history of them, against an oracle that keeps every event. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { EVENT_TYPES, type Event, type Receipt } from '../../schemas/index.ts'
import type { Backend, Clock } from '../../src/backends/backend.ts'
import { createJournalBackend } from '../../src/backends/journal/journal.ts'
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts'
import { Oracle } from './oracle.ts'
import { DAY, HOUR, MINUTE, START, TestClock } from './test-clock.ts'

const SECOND = 1000
const WIDE = { events: 1000, bytes: 1 << 20 }
const CAPACITIES = { dedupCapacity: 1000, userCapacity: 1000, logBytes: 1 << 20 }

/** Histories of a journal; more where somebody wants to be surer. */
const RUNS = Number(process.env.CLOCK_RUNS ?? 12)

const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'clocks-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))

type Step =
  | { kind: 'send', events: { id: number, type: number, ago: number }[] }
  | { kind: 'pass' | 'suspend' | 'step' | 'slew' | 'restart' | 'boot', ms: number }
  | { kind: 'glitch', ms: number, during: number }
  | { kind: 'correct' | 'retry' }

const leap = fc.oneof(
  fc.integer({ min: -20 * MINUTE, max: 20 * MINUTE }),
  fc.integer({ min: -10 * DAY, max: 10 * DAY }),
  fc.constantFrom(30 * DAY, 365 * DAY, -30 * DAY, -365 * DAY, (7 * 24 + 4) * HOUR)
)
const pause = fc.oneof(fc.integer({ min: 0, max: 2 * MINUTE }), fc.constantFrom(60 * SECOND, 61 * SECOND, 2 * HOUR, 5 * HOUR, DAY, 3 * DAY))
const ago = fc.oneof(fc.integer({ min: -5 * MINUTE, max: HOUR }), fc.integer({ min: 0, max: 9 * DAY }))
const event = fc.record({ id: fc.nat(40), type: fc.nat(EVENT_TYPES.length - 1), ago })

const histories = fc.array(fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), events: fc.array(event, { minLength: 1, maxLength: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: pause }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('suspend' as const), ms: fc.integer({ min: MINUTE, max: 2 * DAY }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('step' as const), ms: leap }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('glitch' as const), ms: leap, during: fc.integer({ min: 0, max: 59 * SECOND }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('slew' as const), ms: fc.integer({ min: -9 * SECOND, max: 9 * SECOND }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('correct' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retry' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'boot' as const), ms: fc.oneof(fc.constant(0), leap) }) }
), { minLength: 1, maxLength: 25 })

/** A service under a clock that is wrong, whose senders' clocks are right. */
class Service {
  readonly clock = new TestClock()
  readonly oracle = new Oracle(this.clock, CAPACITIES.dedupCapacity, CAPACITIES.userCapacity)
  /** What nobody knows for sure: the right time. */
  truth = START
  #backend!: Backend
  #ingest!: Ingest
  readonly #make: (clock: Clock) => Promise<Backend>
  readonly #survives: boolean
  /** Sent and not taken, or taken without an answer that arrived. */
  readonly #unsure = new Map<string, Event>()

  constructor(make: (clock: Clock) => Promise<Backend>, survives: boolean) {
    this.#make = make
    this.#survives = survives
  }

  async open(): Promise<void> {
    this.#backend = await this.#make(this.clock)
    this.#ingest = createIngest({ store: this.#backend.store, maxEvents: 100 })
  }

  async close(): Promise<void> {
    await this.#backend.store.close()
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'send': return this.#send(step.events.map(({ id, type, ago }) => this.#event(id, type, ago)))
      case 'retry': return this.#send([...this.#unsure.values()])
      case 'pass': return this.#pass(step.ms)
      case 'suspend':
        this.clock.suspend(step.ms)
        this.truth += step.ms
        return this.look()
      case 'step':
      case 'slew': return this.#step(step.ms)
      case 'glitch':
        await this.#step(step.ms)
        await this.#pass(step.during)
        return this.#step(-step.ms)
      case 'correct': return this.#step(this.truth - this.clock.wall())
      case 'restart': return this.restart(step.ms, false)
      case 'boot': return this.restart(step.ms, true)
    }
  }

  /** Ends the process and starts another, whose clock is off by so much. */
  async restart(off: number, boots: boolean): Promise<void> {
    if (!this.#survives) return
    await this.close()
    const down = boots ? 10 * MINUTE : SECOND
    this.truth += down
    if (boots) this.clock.boot(down)
    else this.clock.advance(down)
    this.clock.jump(off)
    await this.open()
    this.oracle.restart()
    await this.look()
  }

  /** Everything that can be asked is as the oracle says. */
  async look(): Promise<void> {
    const { store, aggregator } = this.#backend
    store.maintain()
    while (!store.readiness().ready) await new Promise((resolve) => setImmediate(resolve))
    const now = this.oracle.now()
    same(store.now(), now)
    const { cursor, ...summary } = await aggregator.summary('7d')
    same(summary, this.oracle.summary('7d'))
    same(await aggregator.users('7d', 3), this.oracle.users('7d', 3))
    const { clock } = store.health()
    same(clock!.right, Math.abs(this.clock.wall() - now) <= MINUTE)
    same(clock!.detail === null, clock!.right)
  }

  /** What is handed out, from the oldest event on. */
  async log(): Promise<Event[]> {
    const { store } = this.#backend
    const page = await store.read((await store.locate('earliest')).cursor, {}, WIDE)
    return JSON.parse(`[${page.bytes.toString()}]`) as Event[]
  }

  async total(): Promise<number> {
    return (await this.#backend.aggregator.summary('7d')).total_events
  }

  async #pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    this.truth += ms
    await this.look()
  }

  async #step(ms: number): Promise<void> {
    this.clock.jump(ms)
    await this.look()
  }

  async #send(events: Event[]): Promise<void> {
    if (events.length === 0) return
    await this.oracle.settle(events, (event) => this.#ingest(Buffer.from(JSON.stringify(event)), 'json', { validateOnly: true }))
    const checked = await this.#ingest(Buffer.from(JSON.stringify(events)), 'json', { validateOnly: true })
    const receipt = await this.#ingest(Buffer.from(JSON.stringify(events)), 'json')
    same({ ...checked, cursor: '' }, { ...receipt, cursor: '' })
    const verdicts = events.map((event) => this.oracle.send(event))
    const count = (...wanted: string[]): number => verdicts.filter((verdict) => wanted.includes(verdict)).length
    const { accepted, duplicates, late, rejected, unavailable } = receipt
    same({ accepted, duplicates, late, rejected, unavailable }, {
      accepted: count('accepted', 'late'), duplicates: count('duplicate'), late: count('late'), rejected: count('rejected'), unavailable: count('clock_unsettled')
    })
    same(codesOf(receipt), verdicts.flatMap((verdict, index) => verdict === 'rejected' ? [[index, 'timestamp_in_future']] : verdict === 'clock_unsettled' ? [[index, verdict]] : []))
    const { clock } = this.#backend.store.health()
    if (unavailable > 0) same(clock!.unsettled_seconds > 0 && clock!.unsettled_seconds <= 60, true)
    events.forEach((event, i) => {
      if (verdicts[i] === 'clock_unsettled' || event.event_id.endsWith('0')) this.#unsure.set(event.event_id, event)
      else this.#unsure.delete(event.event_id)
    })
    await this.look()
  }

  #event(id: number, type: number, ago: number): Event {
    return {
      event_id: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
      user_id: ['ada', 'bob', 'cyd'][id % 3],
      event_type: EVENT_TYPES[type],
      timestamp: new Date(Math.max(0, this.truth - ago)).toISOString()
    }
  }
}

function codesOf({ errors }: Receipt): [number, string][] {
  return errors.map(({ index, code }) => [index, code])
}

function same(found: unknown, wanted: unknown): void {
  const a = JSON.stringify(found)
  const b = JSON.stringify(wanted)
  if (a !== b) throw new Error(`found  ${a}\nwanted ${b}`)
}

const memory = async (clock: Clock): Promise<Backend> => createMemoryBackend({ clock, ...CAPACITIES })

function journalIn(directory: string): (clock: Clock) => Promise<Backend> {
  return async (clock) => {
    const backend = await createJournalBackend({ clock, directory, sync: 'normal', ...CAPACITIES })
    await backend.replayed
    return backend
  }
}

const BACKENDS: [string, () => Service, number][] = [
  ['memory', () => new Service(memory, false), 5 * RUNS],
  ['journal', () => new Service(journalIn(mkdtempSync(join(root, 'journal-'))), true), RUNS]
]

for (const [name, make, numRuns] of BACKENDS) {
  t.test(`${name}: any history of clocks gives what the oracle gives [TIME-4]`, async (t) => {
    await fc.assert(fc.asyncProperty(histories, async (steps) => {
      const service = make()
      await service.open()
      try {
        for (const step of steps) await service.take(step)
        same(await service.log(), service.oracle.events())
        if (name === 'memory') return
        // In the end the clock is right and the service is started again: all that was ever taken counts, each id once.
        await service.restart(service.truth - service.clock.wall(), false)
        await service.take({ kind: 'pass', ms: 0 })
        await service.take({ kind: 'pass', ms: 61 * SECOND })
        const from = Math.floor((service.truth - 7 * DAY) / MINUTE) * MINUTE
        const ids = new Set(service.oracle.log.filter(({ time }) => time >= from).map(({ event }) => event.event_id))
        same(await service.total(), ids.size)
      } finally {
        await service.close()
      }
    }), { numRuns })
    t.pass('no difference found')
  })
}
