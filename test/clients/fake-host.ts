/** A place for the client to run in where time, chance, the network and the page are the test's. */
import type { Host } from '../../clients/client.js'

/** A request that waits for its answer. */
export interface FakeRequest {
  url: URL
  init: RequestInit
  /** The events that it carries. */
  readonly events: { event_id: string, user_id: string }[]
  answer(status: number, body?: unknown, headers?: Record<string, string>): Promise<void>
  fail(): Promise<void>
}

/** A WebSocket whose other end is the test. */
export class FakeSocket extends EventTarget {
  readonly url: URL
  readonly protocols: string[]
  readonly sent: unknown[] = []
  isClosed = false

  constructor(url: URL, protocols: string[]) {
    super()
    this.url = url
    this.protocols = protocols
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.isClosed = true
  }

  open(): void {
    this.dispatchEvent(new Event('open'))
  }

  /** Says what the service says. */
  say(...frames: object[]): void {
    for (const frame of frames) this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }))
  }

  /** Ends, as the service or the network ends it. */
  async end(): Promise<void> {
    this.dispatchEvent(new Event('close'))
    await nextTurn()
  }
}

/** Lets everything go on that waits for nothing but its turn. */
export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** What a client sees of its page: time, storage, network. */
export class FakeHost implements Host {
  time = Date.parse('2026-11-23T14:00:00Z')
  chance = 0
  hidden = false
  /** Whether no WebSocket may be opened. */
  refuses = false
  /** Beacons that are still taken. */
  beaconsLeft = Infinity
  readonly beacons: { url: URL, text: string }[] = []
  readonly sockets: FakeSocket[] = []
  readonly requests: FakeRequest[] = []
  readonly #timers = new Map<number, { at: number, work: () => void }>()
  readonly #listeners = new Map<string, Set<() => void>>()
  #ids = 0

  get socket(): FakeSocket {
    return this.sockets.at(-1)!
  }

  /** The oldest request without an answer. */
  get request(): FakeRequest {
    return this.requests[0]
  }

  now = () => this.time
  random = () => this.chance
  isHidden = () => this.hidden

  fetch = (url: URL, init: RequestInit = {}) => new Promise<Response>((resolve, reject) => {
    const done = () => this.requests.splice(this.requests.indexOf(request), 1)
    const request: FakeRequest = {
      url,
      init,
      get events() { return JSON.parse(String(init.body)) },
      answer(status, body = {}, headers = {}) {
        done()
        resolve(typeof body === 'string' ? new Response(body, { status, headers }) : Response.json(body, { status, headers }))
        return nextTurn()
      },
      fail() {
        done()
        reject(new TypeError('fetch failed'))
        return nextTurn()
      }
    }
    this.requests.push(request)
  })

  WebSocket = ((host: FakeHost) => function (url: URL, protocols: string[]) {
    if (host.refuses) throw new DOMException('not from here', 'SecurityError')
    const socket = new FakeSocket(url, protocols)
    host.sockets.push(socket)
    return socket
  })(this) as unknown as Host['WebSocket']

  setTimeout = (work: () => void, milliseconds: number) => {
    this.#timers.set(++this.#ids, { at: this.time + milliseconds, work })
    return this.#ids
  }

  clearTimeout = (timer: number) => { this.#timers.delete(timer) }

  addEventListener = (type: string, listener: () => void) => {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set())
    this.#listeners.get(type)!.add(listener)
  }

  removeEventListener = (type: string, listener: () => void) => { this.#listeners.get(type)?.delete(listener) }

  sendBeacon = (url: URL, text: string) => {
    if (this.beaconsLeft === 0) return false
    this.beaconsLeft--
    this.beacons.push({ url, text })
    return true
  }

  /** Lets something happen to the page. */
  async happen(type: string): Promise<void> {
    for (const listener of this.#listeners.get(type) ?? []) listener()
    await nextTurn()
  }

  listeners(type: string): number {
    return this.#listeners.get(type)?.size ?? 0
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Lets so many milliseconds go by. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds
    for (;;) {
      await nextTurn()
      const next = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers.delete(next[0])
      this.time = Math.max(this.time, next[1].at)
      next[1].work()
    }
    this.time = end
    await nextTurn()
  }
}

/** A storage as a page has it, with room for so many entries. */
export class FakeStorage implements Pick<Storage, 'length' | 'key' | 'getItem' | 'setItem' | 'removeItem'> {
  readonly entries = new Map<string, string>()
  readonly #room: number

  constructor(room = Infinity) {
    this.#room = room
  }

  get length(): number {
    return this.entries.size
  }

  key(index: number): string | null {
    return [...this.entries.keys()][index] ?? null
  }

  getItem(key: string): string | null {
    return this.entries.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    if (this.entries.size >= this.#room) throw new DOMException('full', 'QuotaExceededError')
    this.entries.set(key, value)
  }

  removeItem(key: string): void {
    this.entries.delete(key)
  }
}
