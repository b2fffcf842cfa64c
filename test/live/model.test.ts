/**
 * Random publishers, and subscribers that come, go, lag, change their filter and resume over changing transports, held
 * against a list: whatever a subscriber is told between two places must be exactly what the list has there. [LIVE-1, LIVE-2]
 */
import t from 'tap'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import type { MemoryStore } from '../../src/backends/memory.ts'
import { EVENT_TYPES, type Event, type EventType } from '../../schemas/index.ts'
import { anEvent, post, startServer } from '../harness.ts'
import { LiveClient, StreamClient, readPage } from './clients.ts'

const USERS = ['ada', 'bob & co', 'žofie']
const READERS = 3

/** Milliseconds after which a reader that has not got what it should never will. */
const PATIENCE = 20_000

interface Wish {
  types: EventType[]
  users: string[]
}

function queryOf({ types, users }: Wish): string {
  return [...types.map((type) => `event_type=${type}`), ...users.map((user) => `user_id=${encodeURIComponent(user)}`)].join('&')
}

/** Every accepted event in order of arrival, and what each cursor stands for. */
class List {
  readonly events: Event[] = []
  readonly #app: FastifyInstance
  readonly #places = new Map<string, number>()
  #cursor: string

  /** @param start the cursor before the first event */
  constructor(app: FastifyInstance, start: string) {
    this.#app = app
    this.#cursor = start
    this.#places.set(start, 0)
  }

  /** Takes up what has been accepted since the last time. */
  async follow(): Promise<void> {
    for (;;) {
      const page = await this.#app.store.read(this.#cursor, {}, { events: 10_000, bytes: 1 << 30 })
      const events = JSON.parse(`[${page.bytes.toString()}]`) as Event[]
      for (const [i, event] of events.entries()) {
        this.events.push(event)
        this.#places.set(page.cursorOf(i), this.events.length)
      }
      this.#cursor = page.cursor
      if (!page.hasMore) return
    }
  }

  /** How many events of the list lie before a cursor. */
  placeOf(cursor: string): number {
    const place = this.#places.get(cursor)
    if (place === undefined) throw new Error(`no answer ever gave the cursor ${cursor}`)
    return place
  }

  /** The cursor before the oldest retained event. */
  get tail(): string {
    return (this.#app.store as MemoryStore).tail
  }

  /** How many events of the list are no longer retained. */
  get forgotten(): number {
    return this.#places.get(this.tail) ?? 0
  }

  /** The ids between two places that somebody wishes for. */
  idsBetween(from: number, to: number, { types, users }: Wish): string[] {
    return this.events.slice(from, to)
      .filter((event) => (types.length === 0 || types.includes(event.event_type)) && (users.length === 0 || users.includes(event.user_id)))
      .map((event) => event.event_id)
  }
}

/** One subscriber over all its connections; checks each thing that it is told. */
class Reader {
  readonly told: { from: string, to: string, ids: string[], wish: Wish }[] = []
  gaps = 0
  readonly #list: List
  readonly #port: number
  #wish: Wish = { types: [], users: [] }
  /** The last place it was told of; undefined before the first. */
  #cursor: string | undefined
  #live: LiveClient | undefined
  #stream: StreamClient | undefined
  /** Frames or messages of the connection that it has looked at. */
  #seen = 0
  #wishes: Wish[] = []
  #asked: string | undefined

  constructor(list: List, port: number) {
    this.#list = list
    this.#port = port
  }

  get isConnected(): boolean {
    return this.#live !== undefined || this.#stream !== undefined
  }

  /** Connects and goes on where it was, or begins. */
  async open(transport: 'ws' | 'sse', start: 'now' | 'earliest', wish: Wish): Promise<void> {
    this.cut()
    this.#wish = wish
    const asked = this.#asked = this.#cursor ?? (start === 'earliest' ? 'earliest' : undefined)
    const query = queryOf(wish)
    if (transport === 'ws') {
      this.#live = await LiveClient.open(undefined, this.#port, `?${query}${asked === undefined ? '' : `&after=${asked}`}`)
    } else {
      // Who gives a cursor is not told it again, so a reader from the earliest event on asks for that by its cursor.
      if (asked === 'earliest') this.#begin(this.#list.tail)
      this.#stream = await StreamClient.open(undefined, this.#port, `?${query}`, this.#cursor === undefined ? {} : { 'last-event-id': this.#cursor })
    }
    if (this.#cursor === undefined) await this.#until(() => this.#cursor !== undefined)
  }

  /** Breaks off; what was on its way is lost to it. */
  cut(): void {
    this.#live?.socket.terminate()
    this.#stream?.close()
    this.#look()
    this.#live = this.#stream = undefined
    this.#seen = 0
    this.#wishes = []
  }

  /** Reads one page. */
  async page(limit: number, wish: Wish): Promise<void> {
    this.cut()
    if (this.#cursor === undefined) return
    const page = await readPage(this.#port, `?after=${this.#cursor}&limit=${limit}&${queryOf(wish)}`)
    if (typeof page === 'object') this.#tell(page.events, page.cursor, wish)
    else if (page === 410) this.#lose(this.#cursor, undefined)
    else throw new Error(`a page was answered with ${page}`)
  }

  /** Asks for something else on the open connection. */
  change(wish: Wish): void {
    if (this.#live === undefined) return
    this.#wishes.push(wish)
    this.#live.send({ type: 'subscribe', event_types: wish.types, user_ids: wish.users })
  }

  stall(): void {
    this.#live?.socket.pause()
    this.#stream?.response.pause()
  }

  wake(): void {
    this.#live?.socket.resume()
    this.#stream?.response.resume()
  }

  /** Waits until it has been told everything that it wishes for. */
  async catchUp(): Promise<void> {
    this.wake()
    await this.#list.follow()
    await this.#until(() => {
      if (this.#wishes.length > 0 || this.#cursor === undefined) return false
      return this.#list.idsBetween(this.#list.placeOf(this.#cursor), this.#list.events.length, this.#wish).length === 0
    })
  }

  /** Holds everything it was told against the list. */
  check(): void {
    for (const { from, to, ids, wish } of this.told) {
      const expected = this.#list.idsBetween(this.#list.placeOf(from), this.#list.placeOf(to), wish)
      if (JSON.stringify(ids) !== JSON.stringify(expected)) {
        throw new Error(`between ${from} and ${to} it was told ${ids.length} events (${ids}), and there are ${expected.length} (${expected})`)
      }
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    let late: NodeJS.Timeout | undefined
    const patience = new Promise<never>((_resolve, reject) => {
      late = setTimeout(() => reject(new Error(`stuck at ${this.#cursor} of ${this.#list.events.length} events`)), PATIENCE)
    })
    try {
      for (;;) {
        const arrival = (this.#live ?? this.#stream)!.arrival()
        this.#look()
        if (holds()) return
        await Promise.race([arrival, patience])
      }
    } finally {
      clearTimeout(late)
      patience.catch(() => {})
    }
  }

  /** Takes in what has arrived. */
  #look(): void {
    if (this.#live !== undefined) {
      const { frames } = this.#live
      for (; this.#seen < frames.length; this.#seen++) {
        const frame = frames[this.#seen]
        if (frame.type === 'welcome') {
          if (frame.recovered !== (this.#asked === undefined ? undefined : !this.#isLost(frames[1]))) throw new Error(`${JSON.stringify(frame)} after ${this.#asked}`)
          if (frame.recovered !== false) this.#begin(frame.cursor)
        } else if (frame.type === 'events') this.#tell(frame.events as Event[], frame.cursor, this.#wish)
        else if (frame.type === 'gap') this.#lose(frame.after, frame.cursor)
        else if (frame.type === 'subscribed') {
          this.#tell([], frame.cursor, this.#wish) // it may have gone past what it did not wish for
          this.#wish = this.#wishes.shift()!
        } else throw new Error(`unexpected ${JSON.stringify(frame)}`)
      }
    }
    if (this.#stream !== undefined) {
      const { messages } = this.#stream
      for (; this.#seen < messages.length; this.#seen++) {
        const { event, id, data } = messages[this.#seen]
        if (event === 'gap') this.#lose(JSON.parse(data!).after, id)
        else if (this.#cursor === undefined && data === undefined) this.#begin(id)
        else this.#tell(data === undefined ? [] : [JSON.parse(data)], id, this.#wish)
      }
    }
  }

  #isLost(second: LiveClient['frames'][number] | undefined): boolean {
    return second?.type === 'gap' && second.after === this.#asked && second.reason !== 'too_slow'
  }

  /** A connection begins at the place that was asked for. */
  #begin(cursor: string): void {
    if (this.#cursor !== undefined && this.#cursor !== cursor) throw new Error(`went on at ${cursor} and was at ${this.#cursor}`)
    this.#cursor = cursor
  }

  #tell(events: readonly Event[], cursor: string, wish: Wish): void {
    this.told.push({ from: this.#cursor!, to: cursor, ids: events.map((event) => event.event_id), wish })
    this.#cursor = cursor
  }

  /** Something is told to be lost: it must be, and it must be what this reader has not got. */
  #lose(after: string, cursor: string | undefined): void {
    this.#tell([], after, this.#wish) // the same
    if (this.#list.placeOf(after) >= this.#list.forgotten) throw new Error(`a gap from ${after}, which is retained`)
    this.gaps++
    this.#cursor = cursor
  }
}

const wish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Wish>({ types: [], users: [] }) },
  { weight: 3, arbitrary: fc.record({ types: fc.subarray([...EVENT_TYPES]), users: fc.subarray(USERS, { maxLength: 2 }) }) }
)
const reader = fc.nat(READERS - 1)
const burst = fc.record({ count: fc.integer({ min: 1, max: 60 }), over: fc.constantFrom('http' as const, 'ws' as const), salt: fc.nat(1000) })

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('publish' as const), bursts: fc.array(burst, { minLength: 1, maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('repeat' as const) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('open' as const), reader, transport: fc.constantFrom('ws' as const, 'sse' as const), start: fc.constantFrom('now' as const, 'earliest' as const), wish }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('cut' as const), reader }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('page' as const), reader, limit: fc.integer({ min: 1, max: 50 }), wish }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('change' as const), reader, wish }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('stall' as const), reader }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('wake' as const), reader }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('catchUp' as const), reader }) }
)

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** Makes a burst's events, as large as they are to be. */
function eventsOf({ count, salt }: { count: number, salt: number }, padding: number): Event[] {
  return Array.from({ length: count }, (_, i) => anEvent({
    event_type: EVENT_TYPES[(salt + i * 7) % EVENT_TYPES.length],
    user_id: USERS[(salt * 3 + i) % USERS.length],
    ...padding > 0 ? { properties: { page: 'x'.repeat((salt * 31 + i * 97) % padding) } } : {}
  }))
}

/** Plays the actions and checks what the readers were told; resolves with the number of gaps. */
async function play(app: FastifyInstance, port: number, list: List, actions: readonly Action[], padding: number): Promise<number> {
  const readers = Array.from({ length: READERS }, () => new Reader(list, port))
  const producer = await LiveClient.open(undefined, port, '?subscribe=false')
  try {
    for (const each of actions) {
      if (each.what === 'publish') {
        await Promise.all(each.bursts.map(async (one) => {
          const events = eventsOf(one, padding)
          if (one.over === 'http') {
            const response = await post(app, events)
            if (response.statusCode !== 200) throw new Error(response.body)
          } else {
            producer.send(events)
            await producer.next('ack')
          }
        }))
        await list.follow()
      } else if (each.what === 'repeat') {
        if (list.events.length > 0) await post(app, list.events.slice(-20))
      } else if (each.what === 'open') {
        await readers[each.reader].open(each.transport, each.start, each.wish)
      } else if (each.what === 'page') {
        await readers[each.reader].page(each.limit, each.wish)
      } else if (each.what === 'change') {
        readers[each.reader].change(each.wish)
      } else if (each.what === 'catchUp') {
        if (readers[each.reader].isConnected) await readers[each.reader].catchUp()
      } else {
        readers[each.reader][each.what]()
      }
    }
    await list.follow()
    for (const one of readers) {
      if (!one.isConnected) await one.open('ws', 'now', { types: [], users: [] })
      await one.catchUp()
      one.check()
    }
    return readers.reduce((sum, { gaps }) => sum + gaps, 0)
  } finally {
    producer.socket.terminate()
    for (const one of readers) one.cut()
  }
}

t.test('property: with a log that holds everything, everybody is told everything', async (t) => {
  const { app, port } = await startServer(t, { DEDUP_CAPACITY: '1000000' })
  const list = new List(app, (await app.store.locate()).cursor)
  await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40, size: 'max' }), async (actions) => {
    const gaps = await play(app, port, list, actions, 0)
    if (gaps > 0) throw new Error('a gap, and nothing was forgotten')
  }), { numRuns: 20, endOnFailure: true })
})

t.test('property: with a log that forgets, everybody is told everything or of what is lost', async (t) => {
  const { app, port } = await startServer(t, { DEDUP_CAPACITY: '1000000', EVENT_LOG_BYTES: String(1 << 20) })
  const list = new List(app, (await app.store.locate()).cursor)
  let gaps = 0
  await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 15, maxLength: 60, size: 'max' }), async (actions) => {
    gaps += await play(app, port, list, actions, 6_000)
  }), { numRuns: 12, endOnFailure: true })
  t.ok(gaps > 0, `${gaps} gaps`)
})
