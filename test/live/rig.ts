/** A hub over a memory backend, with a clock that a test moves and a way to send events in. */
import { randomUUID } from 'node:crypto'
import type { Event, EventType, Receipt } from '../../schemas/index.ts'
import type { Aggregator, EventStore, Location } from '../../src/backends/backend.ts'
import { createMemoryBackend, type MemoryStore } from '../../src/backends/memory.ts'
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts'
import { Hub, LIVE_TIMES, type HubOptions } from '../../src/live/hub.ts'
import { TestClock } from '../backends/test-clock.ts'

/** What a test drives, and what it looks at. */
export interface Rig {
  hub: Hub
  clock: TestClock
  store: EventStore
  aggregator: Aggregator
  ingest: Ingest
  errors: unknown[]
  /** Where a reader begins that gives no cursor. */
  readonly here: Location
  /** Sends events in; resolves with their ids. */
  send(events: readonly Event[]): Promise<string[]>
  /** An event of now. */
  event(fields?: Partial<Event>): Event
  /** Events of now, all of one type. */
  events(count: number, type?: EventType): Event[]
}

/** `wrap` puts something between the hub and the store. */
export function createRig({
  logBytes = 1 << 26,
  wrap = (store: EventStore) => store,
  wrapAggregator = (aggregator: Aggregator) => aggregator,
  wrapIngest = (ingest: Ingest) => ingest,
  ...options
}: {
  logBytes?: number
  wrap?: (store: EventStore) => EventStore
  wrapAggregator?: (aggregator: Aggregator) => Aggregator
  wrapIngest?: (ingest: Ingest) => Ingest
} & Partial<HubOptions> = {}): Rig {
  const clock = new TestClock()
  const backend = createMemoryBackend({ clock, dedupCapacity: 1_000_000, userCapacity: 10_000, logBytes })
  const store = wrap(backend.store)
  const aggregator = wrapAggregator(backend.aggregator)
  const ingest = wrapIngest(createIngest({ store, maxEvents: 100_000 }))
  const errors: unknown[] = []
  const hub = new Hub({
    store,
    aggregator,
    ingest,
    now: () => clock.monotonic(),
    maxSubscribers: 100_000,
    maxPublishBytes: 1 << 20,
    times: LIVE_TIMES,
    onError: (error) => errors.push(error),
    ...options
  })
  const rig: Rig = {
    hub,
    clock,
    store,
    aggregator,
    ingest,
    errors,
    get here() { return { cursor: (backend.store as MemoryStore).head } },
    async send(events) {
      const receipt: Receipt = await createIngest({ store, maxEvents: 100_000 })(Buffer.from(JSON.stringify(events)), 'json')
      if (receipt.accepted !== events.length) throw new Error(`not all accepted: ${JSON.stringify(receipt)}`)
      return events.map((event) => event.event_id)
    },
    event: (fields = {}) => ({
      event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date(clock.wall()).toISOString(), ...fields
    }),
    events: (count, type = 'click') => Array.from({ length: count }, () => rig.event({ event_type: type }))
  }
  return rig
}

/** An object that does what another does, but for a few methods. */
export function override<T extends object>(original: T, methods: Partial<T>): T {
  return new Proxy(original, {
    get(target, name) {
      const method: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name)
      return typeof method === 'function' ? method.bind(target) : method
    }
  })
}
