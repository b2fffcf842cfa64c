/**
 * The one suite that every backend passes: what `src/backends/backend.ts` promises, tried through the ingest function
 * that production uses. Isolation first: a backend that is not empty when a test begins would spoil all the others.
 */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import { EVENT_TYPES, TIME_WINDOWS, type Event, type EventType, type Receipt } from '../../schemas/index.ts'
import type { Backend, Clock, Filter, Page } from '../../src/backends/backend.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { Oracle, type OracleVerdict } from './oracle.ts'
import { DAY, HOUR, MINUTE, TestClock } from './test-clock.ts'

/** What a test may ask of a backend. */
export interface BackendRequest {
  clock: Clock
  dedupCapacity: number
  userCapacity: number
  logBytes: number
}

/** Where the contract itself differs between backends. */
export interface BackendTraits {
  /** Whether ids and users have bounds of their own, and not only the engine's memory. [DEDUP-4] */
  hasCapacities: boolean
  /** In which order events are read: all in order of arrival, or each user's. */
  order: 'arrival' | 'user'
  /** Whose time it is: this process's two clocks, or the engine's one, with which ids expire in units of two hours. [TIME-3] */
  time: 'process' | 'engine'
  /** Histories compared with the oracle's; fewer for a backend that is slow to make. */
  histories: number
}

/** The traits of a store in one process. */
const LOCAL: BackendTraits = { hasCapacities: true, order: 'arrival', time: 'process', histories: 80 }

/** Makes a new, empty backend. It is closed by the suite. */
export type MakeBackend = (request: BackendRequest) => Promise<Backend>

const EVERYTHING: Filter = {}
const WIDE = { events: 1000, bytes: 1 << 20 }

/** A backend and its one way in. */
class Rig {
  readonly clock = new TestClock()
  backend!: Backend
  #ingest!: ReturnType<typeof createIngest>

  async open(t: Test, make: MakeBackend, request: Partial<BackendRequest> = {}): Promise<this> {
    this.backend = await make({ clock: this.clock, dedupCapacity: 100_000, userCapacity: 100_000, logBytes: 1 << 20, ...request })
    this.#ingest = createIngest({ store: this.backend.store, maxEvents: 10_000 })
    t.teardown(() => this.backend.store.close())
    return this
  }

  /** An event of a minute ago, unless told otherwise. */
  event(fields: Partial<Event> & { ago?: number } = {}): Event {
    const { ago = MINUTE, ...rest } = fields
    return { event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date(this.clock.wall() - ago).toISOString(), ...rest }
  }

  send(...events: Event[]): Promise<Receipt> {
    return this.#ingest(Buffer.from(JSON.stringify(events)), 'json')
  }

  check(...events: Event[]): Promise<Receipt> {
    return this.#ingest(Buffer.from(JSON.stringify(events)), 'json', { validateOnly: true })
  }
}

/** The events of a page, parsed one by one by their offsets. */
function eventsOf(page: Page): Event[] {
  return Array.from({ length: page.count }, (_, i) => JSON.parse(page.bytes.toString('utf8', page.offsets[i], page.offsets[i + 1] - 1)) as Event)
}

/** Runs the suite. */
export function backendSuite(t: Test, name: string, make: MakeBackend, traits: Partial<BackendTraits> = {}): void {
  const { hasCapacities, order, time, histories: numRuns } = { ...LOCAL, ...traits }
  /** Events as far as their order is promised. */
  const inOrder = (events: readonly Event[]): Event[] => order === 'arrival' ? [...events] : sortByUser(events)

  t.test(`${name}: a new backend is empty`, async (t) => {
    for (let round = 0; round < 2; round++) {
      const { backend } = await new Rig().open(t, make)
      t.equal((await backend.aggregator.summary('7d')).total_events, 0)
      t.equal((await backend.store.newest(EVERYTHING, WIDE)).count, 0)
      t.equal((await backend.store.locate()).cursor, (await backend.store.locate('earliest')).cursor)
      t.match(backend.store.health(), { ids: 0, users: 0, events_retained: 0, oldest_retained: null, exact: true })
      await new Rig().open(t, make).then((other) => other.send(other.event()))
    }
  })

  t.test(`${name}: an id counts once, the first valid event wins [DEDUP-1] [ING-2]`, async (t) => {
    const rig = await new Rig().open(t, make)
    const first = rig.event({ event_type: 'click' })
    const again = { ...first, event_id: first.event_id.toUpperCase(), event_type: 'signup' as const, user_id: 'eve' }
    t.match(await rig.send(first, again), { accepted: 1, duplicates: 1, errors: [] })
    t.match(await rig.send(again), { accepted: 0, duplicates: 1 })
    const summary = await rig.backend.aggregator.summary('1h')
    t.match(summary, { total_events: 1, unique_users: 1, events_by_type: { click: 1, signup: 0 } })
    t.same(eventsOf(await rig.backend.store.newest(EVERYTHING, WIDE)), [first])
  })

  t.test(`${name}: the receipt's cursor is the one right after the batch`, async (t) => {
    const rig = await new Rig().open(t, make)
    const { store, aggregator } = rig.backend
    const one = await rig.send(rig.event())
    const second = [rig.event(), rig.event()]
    const two = await rig.send(...second)
    t.equal(two.cursor, (await store.locate()).cursor)
    t.equal((await aggregator.summary('24h')).cursor, two.cursor)
    const page = await store.read(one.cursor, EVERYTHING, WIDE)
    t.same(eventsOf(page), second)
    t.equal(page.cursor, two.cursor)
    t.equal(page.cursorOf(1), two.cursor)
    t.notOk(page.hasMore)
    t.same(eventsOf(await store.read(page.cursorOf(0), EVERYTHING, WIDE)), second.slice(1))
    t.equal(page.bytes.toString('utf8', page.offsets[1], page.offsets[2] - 1), JSON.stringify(second[1]), 'each event can be cut out')
    const given = Buffer.alloc(page.bytes.length)
    const lengths: number[] = []
    const copy = await store.read(one.cursor, EVERYTHING, WIDE, (length) => { lengths.push(length); return given })
    t.equal(copy.bytes, given, 'a page lies in memory that the reader gives')
    t.same(given, page.bytes)
    await store.read(two.cursor, EVERYTHING, WIDE, (length) => { lengths.push(length); return given })
    t.same(lengths, [given.length], 'of just the length, and none is asked for an empty page')
  })

  t.test(`${name}: validate_only gives the same receipt and changes nothing [ING-4]`, async (t) => {
    const rig = await new Rig().open(t, make, { userCapacity: 2 })
    const known = rig.event()
    await rig.send(known)
    const batch = [known, rig.event({ user_id: 'bob' }), rig.event({ user_id: 'cyd' }), rig.event({ user_id: 'dan', ago: 30 * DAY })]
    batch.push({ ...batch[1], event_type: 'purchase' }, batch[2])
    const before = await rig.backend.aggregator.summary('7d')
    const checked = await rig.check(...batch)
    t.same(await rig.backend.aggregator.summary('7d'), before)
    t.equal(checked.cursor, before.cursor)
    const sent = await rig.send(...batch)
    t.same({ ...checked, cursor: '' }, { ...sent, cursor: '' })
    t.match(sent, hasCapacities ? { accepted: 2, duplicates: 2, unavailable: 2, late: 1 } : { accepted: 3, duplicates: 3, unavailable: 0, late: 1 })
  })

  if (hasCapacities) {
    t.test(`${name}: the id of an event that is unavailable at user capacity stays unknown [DEDUP-4]`, async (t) => {
      const rig = await new Rig().open(t, make, { userCapacity: 1 })
      const bob = rig.event({ user_id: 'bob', ago: 0 })
      t.match(await rig.send(rig.event({ user_id: 'ada', ago: 6 * DAY }), bob), {
        accepted: 1, unavailable: 1, errors: [{ index: 1, event_id: bob.event_id, code: 'user_capacity', pointer: '' }]
      })
      t.match(await rig.send(rig.event({ user_id: 'ada' })), { accepted: 1 }, 'a known user goes on')
      t.match(await rig.send(bob), { unavailable: 1 }, 'still full')
      rig.clock.advance(7 * DAY + 2 * HOUR)
      t.match(await rig.send({ ...bob, timestamp: new Date(rig.clock.wall()).toISOString() }), { accepted: 1 }, 'room once ada is forgotten')
      t.equal(rig.backend.store.health().users, 1)
    })
  }

  if (hasCapacities) {
    t.test(`${name}: at dedup capacity the oldest ids go first, and every answer says so [DEDUP-4]`, async (t) => {
      const rig = await new Rig().open(t, make, { dedupCapacity: 3 })
      const events = Array.from({ length: 4 }, () => rig.event())
      await rig.send(...events.slice(0, 3))
      t.ok((await rig.backend.aggregator.summary('1h')).exact)
      await rig.send(events[3])
      t.match(rig.backend.store.health(), { ids: 3, exact: false, dedup_horizon_seconds: 0 })
      t.notOk((await rig.backend.aggregator.summary('1h')).exact)
      t.match(await rig.send(...events.slice(1)), { duplicates: 3 })
      t.match(await rig.send(events[0]), { accepted: 1 }, 'forgotten, so it counts again')
      rig.clock.advance(8 * DAY + MINUTE)
      t.match(rig.backend.store.health(), { exact: true, dedup_horizon_seconds: 8 * 86_400 })
    })
  }

  t.test(`${name}: an id is remembered for eight days by either clock [DEDUP-2] [TIME-3]`, async (t) => {
    const rig = await new Rig().open(t, make)
    const event = rig.event()
    const late = { ...event, timestamp: new Date(0).toISOString() }
    await rig.send(event)
    rig.clock.advance(8 * DAY)
    t.match(await rig.send(late), { duplicates: 1 }, 'eight days later')
    if (time === 'process') {
      rig.clock.jump(400 * DAY)
      t.match(await rig.send(late), { duplicates: 1 }, 'the wall clock alone does not count')
      rig.clock.jump(-400 * DAY)
      t.match(await rig.send(late), { duplicates: 1 }, 'nor does a jump back')
    }
    rig.clock.advance(2 * HOUR)
    t.match(await rig.send(late), { accepted: 1, late: 1 }, 'eight days and two hours later [DEDUP-4]')
  })

  t.test(`${name}: a late event is kept and streamed but counted nowhere [TIME-2]`, async (t) => {
    const rig = await new Rig().open(t, make)
    const late = rig.event({ ago: 8 * DAY, user_id: 'old' })
    t.match(await rig.send(late), { accepted: 1, late: 1 })
    t.match(await rig.backend.aggregator.summary('7d'), { total_events: 0, unique_users: 0 })
    t.same((await rig.backend.aggregator.users('7d', 10, ['old'])).users, [{ user_id: 'old', total_events: 0, last_seen: null }])
    t.same(eventsOf(await rig.backend.store.newest(EVERYTHING, WIDE)), [late])
    t.match(await rig.send(late), { duplicates: 1 })
  })

  t.test(`${name}: filters by type and by user, together and apart`, async (t) => {
    const rig = await new Rig().open(t, make)
    const { store } = rig.backend
    const start = (await store.locate()).cursor
    const users = ['ada', 'bob', 'ç"\\d', 'constructor', '__proto__']
    const events = users.flatMap((user_id) => EVENT_TYPES.map((event_type) => rig.event({ user_id, event_type })))
    await rig.send(...events)
    const filters: { types?: EventType[], users?: string[] }[] = [
      {}, { types: ['click'] }, { users: ['ada'] }, { users: ['ç"\\d', '__proto__'], types: ['signup', 'purchase'] }, { users: ['nobody'] }, { types: [] }
    ]
    for (const { types, users } of filters) {
      const filter: Filter = { types: types && new Set(types.map((type) => EVENT_TYPES.indexOf(type))), users: users && new Set(users) }
      const wanted = events.filter((event) => (types?.includes(event.event_type) ?? true) && (users?.includes(event.user_id) ?? true))
      const page = await store.read(start, filter, WIDE)
      t.same(inOrder(eventsOf(page)), inOrder(wanted), JSON.stringify({ types, users }))
      t.equal(page.cursor, (await store.locate()).cursor, 'the place moves past what does not match')
      const newest = eventsOf(await store.newest(filter, { events: 2, bytes: 1 << 20 }))
      if (order === 'arrival') t.same(newest, wanted.slice(-2))
      else t.ok(newest.length === Math.min(2, wanted.length) && newest.every((event) => wanted.some(({ event_id: id }) => id === event.event_id)))
    }
  })

  t.test(`${name}: limits of events and bytes`, async (t) => {
    const rig = await new Rig().open(t, make)
    const { store } = rig.backend
    const start = (await store.locate()).cursor
    await rig.send(...Array.from({ length: 50 }, () => rig.event({ properties: { page: 'x'.repeat(1000) } })))
    const three = await store.read(start, EVERYTHING, { events: 3, bytes: 1 << 20 })
    t.equal(three.count, 3)
    t.ok(three.hasMore)
    const small = await store.read(start, EVERYTHING, { events: 50, bytes: 5000 })
    t.ok(small.count > 1 && small.bytes.length <= 5000)
    t.equal((await store.read(start, EVERYTHING, { events: 50, bytes: 1 })).count, 1, 'at least one')
    const newest = await store.newest(EVERYTHING, { events: 50, bytes: 5000 })
    t.equal(newest.count, small.count)
    t.equal(newest.cursor, (await store.locate()).cursor, 'the newest end at the head, however few fit')
  })

  t.test(`${name}: the log is bounded, and a place that has left it is told from a foreign one`, async (t) => {
    const rig = await new Rig().open(t, make)
    const { store } = rig.backend
    const start = (await store.locate()).cursor
    const page = 'x'.repeat(20_000)
    for (let i = 0; i < 100; i++) await rig.send(rig.event({ properties: { page } }))
    t.ok(store.health().log_bytes <= 1 << 20)
    t.same(await store.locate(start), { cursor: (await store.locate()).cursor, recovered: false, lost: { after: start, reason: 'not_retained' } })
    await t.rejects(store.read(start, EVERYTHING, WIDE), { message: 'the events after this cursor are no longer retained' })
    const foreign = await new Rig().open(t, make)
    await foreign.send(foreign.event())
    await t.rejects(store.read((await foreign.backend.store.locate()).cursor, EVERYTHING, WIDE), { message: 'this cursor belongs to another history' })
    for (const junk of ['', 'x', 'earliest2', `${start}x!`, '../../etc/passwd', '__proto__']) await t.rejects(store.locate(junk), { name: 'InvalidCursorError' }, junk)
    const earliest = await store.locate('earliest')
    t.equal(earliest.recovered, true)
    t.same(await store.locate(earliest.cursor), earliest)
    t.equal((await store.read(earliest.cursor, EVERYTHING, WIDE)).count, store.health().events_retained)
  })

  t.test(`${name}: readers are told once a turn`, async (t) => {
    const rig = await new Rig().open(t, make)
    const { store } = rig.backend
    let calls = 0
    const next = (): Promise<void> => new Promise((resolve) => {
      const end = store.onAppend(() => { calls++; end(); resolve() })
    })
    let told = next()
    await rig.send(rig.event())
    await told
    const event = rig.event()
    told = next()
    await Promise.all([rig.send(event), rig.send(rig.event()), rig.send(event)])
    await told
    t.equal(calls, 2)
    const before = calls
    await rig.send(event)
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(calls, before, 'a duplicate is nothing new')
  })

  t.test(`${name}: total = types = hours, and every hour is listed [WIN-3] [WIN-4]`, async (t) => {
    const rig = await new Rig().open(t, make)
    for (const ago of [0, HOUR - 1, HOUR, HOUR + MINUTE, DAY, DAY + MINUTE, 7 * DAY, 7 * DAY + MINUTE, -5 * MINUTE]) await rig.send(rig.event({ ago }))
    for (const [window, hours] of [['1h', 2], ['24h', 25], ['7d', 169]] as const) {
      const summary = await rig.backend.aggregator.summary(window)
      const total = summary.total_events
      t.equal(Object.values(summary.events_by_type).reduce((a, b) => a + b), total)
      t.equal(summary.events_per_hour.reduce((sum, { count }) => sum + count, 0), total)
      t.equal(summary.events_per_hour.length, hours)
      t.ok(summary.from.endsWith(':00.000Z'))
      t.equal(summary.to, new Date(rig.clock.wall() + 5 * MINUTE).toISOString())
    }
  })

  t.test(`${name}: any history gives what the oracle gives`, async (t) => {
    await fc.assert(fc.asyncProperty(histories(), capacities(), async (steps, { ids, users }) => {
      const clock = new TestClock()
      const backend = await make({ clock, dedupCapacity: ids, userCapacity: users, logBytes: 1 << 20 })
      try {
        const bounds = hasCapacities ? [ids, users] as const : [Infinity, Infinity] as const
        // An id that another user used before is taken later than the events around it, where the engine must ask for it.
        await follow(steps, clock, backend, new Oracle(clock, ...bounds, time), order === 'arrival' ? inOrder : sortById)
      } finally {
        await backend.store.close()
      }
    }), { numRuns })
    t.pass('no difference found')
  })
}

type Step =
  | { kind: 'send', events: { id: number, user: number, type: number, ago: number }[] }
  | { kind: 'advance' | 'jump', ms: number }

function histories(): fc.Arbitrary<Step[]> {
  const ago = fc.oneof(
    fc.integer({ min: -5 * MINUTE, max: HOUR }),
    fc.integer({ min: 0, max: 9 * DAY }),
    fc.constantFrom(...[HOUR, DAY, 7 * DAY].flatMap((edge) => [edge - MINUTE, edge - 1, edge, edge + 1, edge + MINUTE, edge + HOUR]))
  )
  const event = fc.record({ id: fc.nat(30), user: fc.nat(5), type: fc.nat(EVENT_TYPES.length - 1), ago })
  return fc.array(fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), events: fc.array(event, { minLength: 1, maxLength: 6 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.oneof(fc.integer({ min: 0, max: 2 * HOUR }), fc.integer({ min: 0, max: 5 * DAY }), fc.constantFrom(HOUR, DAY, 8 * DAY, 30 * DAY)) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump' as const), ms: fc.integer({ min: -10 * DAY, max: 10 * DAY }) }) }
  ), { minLength: 1, maxLength: 25 })
}

function capacities(): fc.Arbitrary<{ ids: number, users: number }> {
  return fc.record({ ids: fc.constantFrom(4, 12, 1000), users: fc.constantFrom(2, 4, 100) })
}

async function follow(steps: Step[], clock: TestClock, backend: Backend, oracle: Oracle, inOrder: (events: readonly Event[]) => Event[]): Promise<void> {
  const ingest = createIngest({ store: backend.store, maxEvents: 100 })
  const start = (await backend.store.locate()).cursor
  for (const step of steps) {
    if (step.kind !== 'send') {
      clock[step.kind](step.ms)
    } else {
      const events = step.events.map(({ id, user, type, ago }) => ({
        event_id: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
        user_id: ['a', 'b', 'ab', 'ü', 'z"', '__proto__'][user],
        event_type: EVENT_TYPES[type],
        timestamp: new Date(Math.max(0, oracle.now() - ago)).toISOString()
      }))
      await oracle.settle(events, (event) => ingest(Buffer.from(JSON.stringify(event)), 'json', { validateOnly: true }))
      same(verdictsOf(await ingest(Buffer.from(JSON.stringify(events)), 'json')), countUp(events.map((event) => oracle.send(event))))
    }
    for (const window of TIME_WINDOWS) {
      const { cursor, ...summary } = await backend.aggregator.summary(window)
      same(cursor, (await backend.store.locate()).cursor)
      same(summary, oracle.summary(window))
      same(await backend.aggregator.users(window, 3), oracle.users(window, 3))
      same(await backend.aggregator.users(window, 3, ['b', 'nobody', '__proto__']), oracle.users(window, 3, ['b', 'nobody', '__proto__']))
      same(await backend.aggregator.timeseries(window, 'hour'), oracle.timeseries(window, 'hour'))
    }
    same(await backend.aggregator.timeseries('1h', 'minute'), oracle.timeseries('1h', 'minute'))
  }
  same(inOrder(eventsOf(await backend.store.read(start, EVERYTHING, WIDE))), inOrder(oracle.events()))
}

/** Events by id and time, in whatever order they were. */
function sortById(events: readonly Event[]): Event[] {
  const key = (event: Event): string => JSON.stringify([event.event_id, event.timestamp, event.user_id, event.event_type])
  return [...events].sort((a, b) => key(a) < key(b) ? -1 : 1)
}

/** Each user's events in their order, one user after the other. */
function sortByUser(events: readonly Event[]): Event[] {
  return [...events].sort((a, b) => Buffer.compare(Buffer.from(a.user_id), Buffer.from(b.user_id)))
}

function countUp(verdicts: OracleVerdict[]): Record<string, number> {
  const count = (wanted: OracleVerdict): number => verdicts.filter((verdict) => verdict === wanted).length
  return { accepted: count('accepted') + count('late'), late: count('late'), duplicates: count('duplicate'), unavailable: count('user_capacity') + count('clock_unsettled') }
}

function verdictsOf({ accepted, late, duplicates, unavailable }: Receipt): Record<string, number> {
  return { accepted, late, duplicates, unavailable }
}

/** A comparison that is cheap enough for thousands of summaries and names both sides where they differ. */
function same(found: unknown, wanted: unknown): void {
  const a = JSON.stringify(found)
  const b = JSON.stringify(wanted)
  if (a !== b) throw new Error(`found  ${a}\nwanted ${b}`)
}
