// @ts-check
/**
 * The client of the event service for browsers and for Node from version 22 on: `subscribe()` follows events and counts over a
 * WebSocket and resumes where it was cut off; `createSender()` sends events in batches until each has its verdict. One file
 * without dependencies; the service serves it at `/client.js`.
 */

/** @typedef {import('../openapi/types.d.ts').components['schemas']} Schemas */
/** @typedef {Schemas['ActivityEvent']} ActivityEvent */
/** @typedef {Schemas['Summary']} Summary */
/** @typedef {Schemas['Receipt']} Receipt */
/** @typedef {Schemas['EventError']} EventError */
/** @typedef {Summary['time_window']} TimeWindow */

/**
 * What the client needs of where it runs; a test may put its own in place.
 * @typedef {object} Host
 * @property {(url: URL, init?: RequestInit) => Promise<Response>} fetch
 * @property {new (url: URL, protocols?: string[]) => WebSocket} WebSocket
 * @property {(work: () => void, milliseconds: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now milliseconds since 1970
 * @property {() => number} random from 0 up to, and without, 1
 * @property {(type: string, listener: () => void) => void} [addEventListener] of the page
 * @property {(type: string, listener: () => void) => void} [removeEventListener]
 * @property {() => boolean} [isHidden] whether nobody sees the page
 * @property {(url: URL, text: string) => boolean} [sendBeacon]
 */

/** @returns {Host} */
function thisHost() {
  const { fetch, WebSocket, setTimeout, clearTimeout, addEventListener, removeEventListener, document, navigator } = /** @type {any} */ (globalThis)
  return {
    fetch: (url, init) => fetch(url, init),
    WebSocket,
    setTimeout: (work, milliseconds) => setTimeout(work, milliseconds),
    clearTimeout: (timer) => clearTimeout(timer),
    now: Date.now,
    random: Math.random,
    addEventListener: addEventListener?.bind(globalThis),
    removeEventListener: removeEventListener?.bind(globalThis),
    isHidden: () => document?.visibilityState === 'hidden',
    sendBeacon: navigator?.sendBeacon?.bind(navigator)
  }
}

/**
 * The address of the service, which ends in a slash, so that a path prefix is kept. In a page a relative one is of that page.
 * @param {string | URL} url
 */
function baseOf(url) {
  const { document, location } = /** @type {any} */ (globalThis)
  const base = new URL(url, document?.baseURI ?? location?.href)
  if (!/^https?:$/.test(base.protocol)) throw new TypeError(`the address of the service must begin with http: or https:, not ${base.protocol}`)
  base.search = base.hash = ''
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return base
}

/**
 * A key as the service takes it: it would fit into no subprotocol else.
 * @param {string | undefined} key
 */
function checkKey(key) {
  if (key !== undefined && !/^[\w.~-]{1,512}$/.test(key)) throw new TypeError('a key has 1 to 512 letters, digits and -._~')
}

/**
 * Bounds of the time after which a failure is tried again, in milliseconds. It doubles with each failure and is shortened by up
 * to a half at random, so that not all clients of a service come back at once.
 * @typedef {object} Backoff
 * @property {number} min
 * @property {number} max
 */

/**
 * @param {Backoff} backoff
 * @param {number} attempt from 0
 * @param {Host} host
 */
function delayOf({ min, max }, attempt, host) {
  return Math.min(max, min * 2 ** attempt) * (1 - host.random() / 2)
}

/** Longest `Retry-After` that is waited for, in milliseconds. */
const MAX_RETRY_AFTER = 3_600_000

/**
 * The milliseconds of `Retry-After`, seconds or a date (RFC 9110 section 10.2.3); a little more, so that not all come back at once.
 * @param {Response} answer
 * @param {Host} host
 * @returns {number | undefined}
 */
function retryAfterOf(answer, host) {
  const text = answer.headers.get('retry-after')
  if (text === null) return undefined
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - host.now()
  return milliseconds > 0 ? Math.min(MAX_RETRY_AFTER, milliseconds) * (1 + host.random() / 8) : undefined
}

/**
 * Why a request failed: the problem of the service where it answered with one.
 * @typedef {object} Failure
 * @property {number} [status] of the answer; absent where there was none
 * @property {string} [code] of the problem
 * @property {string} detail for people
 */

/** A failed request, as an error. */
class RequestError extends Error {
  /**
   * @param {Failure} failure
   * @param {number} [retryAfter] milliseconds
   */
  constructor(failure, retryAfter) {
    super(failure.detail)
    this.failure = failure
    this.retryAfter = retryAfter
  }
}

/**
 * @param {unknown} error
 * @returns {Failure}
 */
function failureOf(error) {
  if (error instanceof RequestError) return error.failure
  const { message, cause } = /** @type {Error} */ (error)
  return { detail: cause instanceof Error ? /** @type {any} */ (cause).code ?? cause.message : message }
}

/**
 * @param {Response} answer
 * @param {any} body
 * @returns {Failure}
 */
function failureOfAnswer({ status, statusText }, body) {
  return { status, code: body?.code, detail: body?.detail ?? statusText }
}

/**
 * Calls a callback. What it throws is reported as an error that nobody caught, and disturbs nothing in here.
 * @template {unknown[]} T
 * @param {((...args: T) => void) | undefined} callback
 * @param {T} args
 */
function tell(callback, ...args) {
  try {
    callback?.(...args)
  } catch (error) {
    queueMicrotask(() => { throw error })
  }
}

/** Milliseconds in which a request is answered. */
const REQUEST_TIMEOUT = 30_000

// ---------------------------------------------------------------------------------------------------------------------------
// Following events

/**
 * `connecting`, `open` (events come), `waiting` (cut off; it comes back by itself), `refused` (the key or a parameter is wrong; it
 * has stopped) or `closed`.
 * @typedef {'connecting' | 'open' | 'waiting' | 'refused' | 'closed'} SubscriptionState
 */

/**
 * Events that this subscriber will not see.
 * @typedef {object} Gap
 * @property {string} reason `too_slow`, `not_retained` (older than what is kept) or `other_history` (the service has started
 *   anew without its events); more may come
 * @property {string} after everything up to here was delivered
 * @property {string} cursor events go on from here
 */

/**
 * @typedef {object} Filter
 * @property {readonly ActivityEvent['event_type'][]} [event_types]
 * @property {readonly string[]} [user_ids]
 */

/**
 * @typedef {object} SubscribeOptions
 * @property {string | URL} url of the service, with the prefix under which a proxy has it
 * @property {string} [key] a read key
 * @property {Filter} [filter] only such events; all conditions must hold
 * @property {string} [after] begins after this cursor; `earliest` for all that is retained. From now on without it, `rewind` and `summary`
 * @property {number} [rewind] begins with the newest so many events, at most 1,000
 * @property {TimeWindow | readonly TimeWindow[]} [summary] loads the summaries of these windows and goes on from there
 * @property {TimeWindow | readonly TimeWindow[]} [watch] windows of which `onUsers` is told
 * @property {(events: ActivityEvent[], position: { cursor: string }) => void} onEvents the next events, in order, and the cursor after them
 * @property {(gap: Gap) => void} onGap
 * @property {(summary: Summary) => void} [onSummary] a summary that counts all events that were handed over before, and none that
 *   comes after: add those that do to keep it right [LIVE-3]. Once for each window of `summary`, and again after a gap
 * @property {(users: number, summary: Summary) => void} [onUsers] the unique users of a watched window, when its summary has changed,
 *   at most once a second
 * @property {(state: SubscriptionState, why: { failure?: Failure, retryIn?: number }) => void} [onState] why it waits, and for how many milliseconds
 * @property {Backoff} [backoff]
 */

/**
 * @typedef {object} Subscription
 * @property {() => void} close ends it; nothing is told any more
 * @property {SubscriptionState} state
 * @property {string | undefined} cursor where it is: to be kept and given as `after` the next time
 */

/** Milliseconds from the beginning of a handshake to the first frame. */
const HANDSHAKE_TIMEOUT = 10_000

/** Silence after which a connection counts as dead, as a multiple of the longest silence that the service promises. */
const PATIENCE = 1.5

/** Most events that can be had at once. */
const PAGE_LIMIT = 1000

/** Statuses that mean `later`; of all others from 400 to 499 the request itself is to blame. */
const TRANSIENT = new Set([408, 410, 425, 429])

/**
 * @param {Failure} failure
 */
const isRefusal = ({ status = 0 }) => status >= 400 && status < 500 && !TRANSIENT.has(status)

/**
 * @template T
 * @param {T | readonly T[] | undefined} value
 * @returns {T[]}
 */
const listOf = (value) => value === undefined ? [] : /** @type {T[]} */ ([value].flat())

class LiveSubscription {
  #options
  #host
  #base
  #windows
  #watched
  /** @type {SubscriptionState} */
  #state = 'connecting'
  /** @type {string | undefined} */
  #cursor
  /** Whether it has to begin with what is loaded. */
  #isFresh = true
  /** @type {WebSocket | undefined} */
  #socket
  /** Milliseconds of silence that are borne. */
  #patience = HANDSHAKE_TIMEOUT
  #heardAt = 0
  /** @type {unknown} */
  #watchdog
  /** @type {unknown} */
  #retry
  #attempt = 0
  /**
   * Windows whose summary is to be told as soon as it is in its place, with the newest one that came.
   * @type {Map<TimeWindow, Summary | undefined>}
   */
  #owed = new Map()

  /**
   * @param {SubscribeOptions} options
   * @param {Host} host
   */
  constructor(options, host) {
    const { url, key, after, rewind = 0, summary, watch } = options
    checkKey(key)
    this.#options = options
    this.#host = host
    this.#base = baseOf(url)
    this.#windows = listOf(summary)
    this.#watched = new Set(listOf(watch))
    this.#cursor = after
    if (!(Number.isInteger(rewind) && rewind >= 0 && rewind <= PAGE_LIMIT)) throw new RangeError(`rewind must be a whole number up to ${PAGE_LIMIT}`)
    if (after !== undefined && (rewind > 0 || this.#windows.length > 0)) throw new TypeError('after goes neither with rewind nor with summary')
    host.addEventListener?.('online', this.#hurry)
    queueMicrotask(() => { if (!this.#isOver) this.#connect() }) // so that no callback comes before the caller has what this returns
  }

  get state() {
    return this.#state
  }

  get cursor() {
    return this.#cursor
  }

  close() {
    this.#stop('closed')
  }

  /**
   * @param {'closed' | 'refused'} state
   * @param {Failure} [failure]
   */
  #stop(state, failure) {
    if (this.#isOver) return
    this.#host.removeEventListener?.('online', this.#hurry)
    this.#host.clearTimeout(this.#retry)
    this.#cutOff()
    this.#enter(state, { failure })
  }

  get #isOver() {
    return this.#state === 'closed' || this.#state === 'refused'
  }

  /**
   * @param {SubscriptionState} state
   * @param {{ failure?: Failure, retryIn?: number }} [why]
   */
  #enter(state, why = {}) {
    this.#state = state
    tell(this.#options.onState, state, why)
  }

  /** The network is back. */
  #hurry = () => {
    if (this.#state !== 'waiting') return
    this.#host.clearTimeout(this.#retry)
    this.#connect()
  }

  async #connect() {
    this.#enter('connecting')
    if (!this.#isFresh) {
      this.#open()
      return
    }
    const loaded = await this.#load().catch((error) => this.#fail(error))
    if (loaded !== undefined && !this.#isOver) this.#start(loaded)
  }

  /**
   * Tries again later, if that is of use.
   * @param {unknown} [error]
   */
  #fail(error) {
    if (this.#isOver) return
    const failure = error === undefined ? undefined : failureOf(error)
    if (failure !== undefined && isRefusal(failure)) {
      this.#stop('refused', failure)
      return
    }
    const { backoff = { min: 500, max: 30_000 } } = this.#options
    const retryAfter = error instanceof RequestError ? error.retryAfter : undefined
    const retryIn = retryAfter ?? delayOf(backoff, this.#attempt++, this.#host)
    this.#retry = this.#host.setTimeout(() => this.#connect(), retryIn)
    this.#enter('waiting', { failure, retryIn })
  }

  /** Loads what it begins with. */
  async #load() {
    const { rewind = 0 } = this.#options
    /** @type {Summary | undefined} */
    const summary = this.#windows.length === 0 ? undefined : await this.#get('analytics/summary', [['window', this.#windows[0]]])
    const page = rewind === 0 ? undefined : await this.#get('events', [['limit', String(rewind)], ...this.#filter])
    /** @type {ActivityEvent[]} */
    const events = page?.events ?? []
    if (summary === undefined || page === undefined || page.cursor === summary.cursor) return { summary, events, cursor: summary?.cursor ?? page?.cursor }
    return { summary, events: await this.#before(events, summary.cursor), cursor: summary.cursor }
  }

  /**
   * Goes on from what was loaded.
   * @param {{ summary?: Summary, events: ActivityEvent[], cursor?: string }} loaded
   */
  #start({ summary, events, cursor = this.#cursor }) {
    this.#isFresh = false
    this.#cursor = cursor
    for (const window of this.#windows.slice(1)) this.#owed.set(window, undefined)
    this.#open()
    if (events.length > 0) tell(this.#options.onEvents, events, { cursor: /** @type {string} */ (cursor) })
    if (summary !== undefined && !this.#isOver) tell(this.#options.onSummary, summary)
  }

  /**
   * The events of a page that come up to a cursor; those after it will come again.
   * @param {ActivityEvent[]} events
   * @param {string} cursor
   */
  async #before(events, cursor) {
    const later = new Set()
    for (let after = cursor, hasMore = true; hasMore && !later.has(events.at(-1)?.event_id);) {
      const page = await this.#get('events', [['after', after], ['limit', String(PAGE_LIMIT)], ...this.#filter])
      for (const { event_id: id } of page.events) later.add(id)
      after = page.cursor
      hasMore = page.has_more
    }
    return events.filter(({ event_id: id }) => !later.has(id))
  }

  /** @returns {[string, string][]} */
  get #filter() {
    const { event_types: types = [], user_ids: users = [] } = this.#options.filter ?? {}
    return [
      ...types.map((type) => /** @type {[string, string]} */ (['event_type', type])),
      ...users.map((user) => /** @type {[string, string]} */ (['user_id', user]))
    ]
  }

  /**
   * @param {string} path
   * @param {[string, string][]} query
   * @returns {Promise<any>}
   */
  async #get(path, query) {
    const { key } = this.#options
    const url = new URL(`${path}?${new URLSearchParams(query)}`, this.#base)
    const headers = key === undefined ? undefined : { authorization: `Bearer ${key}` }
    const answer = await this.#host.fetch(url, { headers, signal: AbortSignal.timeout(REQUEST_TIMEOUT) })
    if (answer.ok) return await answer.json()
    throw new RequestError(failureOfAnswer(answer, await answer.json().catch(() => undefined)), retryAfterOf(answer, this.#host))
  }

  #open() {
    const { key } = this.#options
    const url = new URL('ws/events', this.#base)
    url.protocol = url.protocol.replace('http', 'ws')
    url.search = String(new URLSearchParams([...(this.#cursor === undefined ? [] : [['after', this.#cursor]]), ...this.#filter]))
    /** @type {WebSocket} */
    let socket
    try {
      socket = new this.#host.WebSocket(url, key === undefined ? [] : ['events.v1', `bearer.${key}`])
    } catch (error) {
      this.#fail(error) // a page that came by TLS may not connect without it
      return
    }
    let isRefused = true
    socket.addEventListener('open', () => { isRefused = false })
    socket.addEventListener('message', ({ data }) => { if (this.#socket === socket) this.#receive(data) })
    socket.addEventListener('close', () => {
      if (this.#socket !== socket) return
      this.#cutOff()
      if (isRefused) this.#askWhy()
      else this.#fail()
    })
    this.#socket = socket
    this.#patience = HANDSHAKE_TIMEOUT
    this.#heardAt = this.#host.now()
    this.#watch()
  }

  /** Looks now and then whether the connection is alive: many a dead one is never closed. */
  #watch() {
    const silence = this.#host.now() - this.#heardAt
    if (silence >= 0 && silence < this.#patience) {
      this.#watchdog = this.#host.setTimeout(() => this.#watch(), this.#patience - silence)
    } else {
      this.#cutOff()
      this.#fail()
    }
  }

  #cutOff() {
    const socket = this.#socket
    this.#socket = undefined
    this.#host.clearTimeout(this.#watchdog)
    socket?.close()
  }

  /** A browser does not tell why a handshake failed, but a request like it does. */
  #askWhy() {
    const query = [['limit', '1'], ...this.#filter]
    if (this.#cursor !== undefined) query.push(['after', this.#cursor])
    this.#get('events', /** @type {[string, string][]} */ (query)).then(() => this.#fail(), (error) => this.#fail(error))
  }

  /** @param {string} text */
  #receive(text) {
    this.#heardAt = this.#host.now()
    /** @type {any} */
    let frame
    try {
      frame = JSON.parse(text)
    } catch {
      this.#cutOff() // whoever sent this is not the service
      this.#fail()
      return
    }
    if (frame.type === 'welcome') this.#begin(frame)
    else if (frame.type === 'events') this.#receiveEvents(frame)
    else if (frame.type === 'gap') this.#receiveGap(frame)
    else if (frame.type === 'summary') this.#receiveSummary(frame.summary)
  }

  /** @param {{ cursor: string, recovered?: boolean, heartbeat_seconds: number }} welcome */
  #begin({ cursor, recovered, heartbeat_seconds: heartbeat }) {
    this.#attempt = 0
    this.#patience = heartbeat * 1000 * PATIENCE
    if (recovered !== false) this.#cursor = cursor // else a gap follows, and until it has come, the cursor is what it was
    this.#send('watch', new Set([...this.#watched, ...this.#owed.keys()]))
    this.#enter('open')
  }

  /**
   * @param {'watch' | 'unwatch'} type
   * @param {Iterable<TimeWindow>} windows
   */
  #send(type, windows) {
    for (const window of windows) this.#socket?.send(JSON.stringify({ type, time_window: window }))
  }

  /** @param {{ cursor: string, events: ActivityEvent[] }} frame */
  #receiveEvents({ cursor, events }) {
    this.#cursor = cursor
    if (events.length > 0) tell(this.#options.onEvents, events, { cursor })
    this.#tellSummaries()
  }

  /** @param {Gap} frame */
  #receiveGap({ reason, after, cursor }) {
    this.#cursor = cursor
    for (const window of this.#windows) this.#owed.set(window, undefined)
    this.#send('watch', this.#windows) // also of those that are watched: their summary is told again
    tell(this.#options.onGap, { reason, after, cursor })
  }

  /** @param {Summary} summary */
  #receiveSummary(summary) {
    const window = summary.time_window
    if (this.#owed.has(window)) this.#owed.set(window, summary)
    this.#tellSummaries()
    if (this.#watched.has(window) && !this.#isOver) tell(this.#options.onUsers, summary.unique_users, summary)
  }

  /** Tells the summaries that count exactly what was handed over; where there is a filter, no summary does. */
  #tellSummaries() {
    for (const [window, summary] of this.#owed) {
      if (this.#isOver || summary === undefined) continue
      if (summary.cursor !== this.#cursor && this.#filter.length === 0) continue
      this.#owed.delete(window)
      if (!this.#watched.has(window)) this.#send('unwatch', [window])
      tell(this.#options.onSummary, summary)
    }
  }
}

/**
 * Follows the events of a service, each once and in order, until it is closed. A connection that is cut off or falls silent is made
 * anew and goes on after the last event; what could not be had is told by `onGap` [LIVE-1, LIVE-2]. What a callback throws is
 * reported as an error that nobody caught, and the events count as handed over.
 * @param {SubscribeOptions} options
 * @param {Partial<Host>} [host]
 * @returns {Subscription}
 * @throws {TypeError | RangeError} if an option makes no sense
 */
export function subscribe(options, host) {
  return new LiveSubscription(options, { ...thisHost(), ...host })
}

// ---------------------------------------------------------------------------------------------------------------------------
// Sending events

/**
 * An event to send; a missing id is made, a missing timestamp is now.
 * @typedef {Omit<ActivityEvent, 'event_id' | 'timestamp'> & Partial<Pick<ActivityEvent, 'event_id' | 'timestamp'>>} NewEvent
 */

/**
 * Why events were given up: the queue was full, they had waited for a week, or the sender was closed and there is no storage.
 * @typedef {'queue_full' | 'too_old' | 'closed'} DropReason
 */

/**
 * @typedef {object} SenderOptions
 * @property {string | URL} url of the service, with the prefix under which a proxy has it
 * @property {string} [key] a write key
 * @property {number} [maxBatch] events of one request; 500
 * @property {number} [maxDelay] milliseconds that an event waits for others; 1,000
 * @property {number} [maxQueue] events that wait; beyond that new ones are dropped; 10,000
 * @property {Pick<Storage, 'length' | 'key' | 'getItem' | 'setItem' | 'removeItem'> | null} [storage] where waiting events survive
 *   a reload: the page's `localStorage` unless told otherwise, and nothing where there is none
 * @property {(event: ActivityEvent, error: Omit<EventError, 'index'>) => void} [onRejected] the event breaks the contract and is not sent again
 * @property {(events: ActivityEvent[], reason: DropReason) => void} [onDropped]
 * @property {(receipt: Receipt) => void} [onReceipt] what became of one request
 * @property {(failure: Failure & { retryIn: number }) => void} [onFailure] a request failed and is sent again in so many milliseconds
 * @property {Backoff} [backoff]
 */

/**
 * @typedef {object} Sender
 * @property {(event: NewEvent) => string} send puts an event into the queue and returns its id
 * @property {() => Promise<void>} flush sends now; resolves when every event sent so far has its verdict or was dropped
 * @property {() => Promise<void>} close ends with the request under way; what is then unanswered stays in the storage, or is dropped
 * @property {number} waiting events without a verdict
 */

/** Characters of one request's body; proxies commonly take 1 MiB. */
const MAX_BODY = 512 * 1024

/** Characters that wait. */
const MAX_QUEUE_LENGTH = 16 * 1024 * 1024

/** Characters of one beacon; browsers take 64 KiB in all, so small ones fill it better. */
const MAX_BEACON = 16 * 1024

/** Milliseconds after which an event that was kept is given up: a day before the service may have forgotten its id [DEDUP-2]. */
const MAX_AGE = 7 * 86_400_000

/** Codes of events that break the contract. */
const REJECTION_CODES = new Set([
  'invalid_json', 'invalid_event', 'missing_field', 'unknown_field', 'invalid_event_id', 'invalid_user_id', 'invalid_event_type', 'invalid_timestamp',
  'timestamp_in_future', 'invalid_properties', 'number_not_finite', 'forbidden_key', 'nesting_too_deep', 'event_too_large'
])

/** @returns {string} a UUID version 4; pages without TLS have no `randomUUID` */
function newId() {
  if (crypto.randomUUID !== undefined) return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** @returns {Storage | null} */
function pageStorage() {
  try {
    const page = /** @type {any} */ (globalThis)
    return page.document === undefined ? null : page.localStorage
  } catch {
    return null // forbidden, as in a sandboxed frame
  }
}

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * @typedef {object} Entry
 * @property {number} order
 * @property {string} id
 * @property {string} text
 */

/** The events without a verdict, in order, each with a copy in the storage while there is room. Pages share what is stored. */
class Queue {
  /** @type {Entry[]} */
  #entries = []
  #length = 0
  #orders = 0
  #storage
  #prefix
  #host

  /**
   * @param {NonNullable<SenderOptions['storage']> | null} storage
   * @param {string} prefix of the keys in the storage
   * @param {Host} host
   */
  constructor(storage, prefix, host) {
    this.#storage = storage
    this.#prefix = prefix
    this.#host = host
  }

  get size() {
    return this.#entries.length
  }

  get entries() {
    return this.#entries
  }

  get isStored() {
    return this.#storage !== null
  }

  /** Whether everything up to an order has left. */
  get oldest() {
    return this.#entries[0]?.order ?? Infinity
  }

  get newest() {
    return this.#orders
  }

  /**
   * @param {number} maxQueue
   * @param {string} text
   */
  hasRoomFor(maxQueue, text) {
    return this.size < maxQueue && this.#length + text.length <= MAX_QUEUE_LENGTH
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  add(id, text) {
    this.#append(id, text)
    this.#store(id, `${this.#host.now()} ${text}`)
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  #append(id, text) {
    this.#entries.push({ order: ++this.#orders, id, text })
    this.#length += text.length
  }

  /**
   * @param {string} id
   * @param {string} value
   */
  #store(id, value) {
    try {
      this.#storage?.setItem(this.#prefix + id, value)
    } catch {
      // The storage is full; this event waits in memory alone.
    }
  }

  /**
   * Takes up what earlier pages left behind. Another page may be sending the same; that does no harm, since ids count once.
   * @param {number} maxQueue
   * @returns {string[]} the texts of those that are too old to be sent
   */
  adopt(maxQueue) {
    const storage = this.#storage
    if (storage === null) return []
    const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i)).filter((key) => key?.startsWith(this.#prefix))
    const found = /** @type {string[]} */ (keys).map((key) => {
      const [, at, text] = /^(\d+) (.*)$/s.exec(storage.getItem(key) ?? '') ?? []
      return { id: key.slice(this.#prefix.length), at: Number(at), text: isJson(text) ? text : undefined }
    })
    const old = []
    for (const { id, at, text } of found.sort((a, b) => a.at - b.at)) {
      if (text === undefined || this.#host.now() - at > MAX_AGE) {
        storage.removeItem(this.#prefix + id)
        if (text !== undefined) old.push(text)
      } else if (this.hasRoomFor(maxQueue, text)) {
        this.#append(id, text)
      }
    }
    return old
  }

  /**
   * The first ones, as many as one body holds.
   * @param {number} most
   */
  head(most) {
    let length = 0
    let count = 0
    while (count < Math.min(most, this.size) && (count === 0 || length + this.#entries[count].text.length < MAX_BODY)) {
      length += this.#entries[count++].text.length + 1
    }
    return this.#entries.slice(0, count)
  }

  /**
   * Removes those of the first ones that have their verdict.
   * @param {readonly Entry[]} head
   * @param {(entry: Entry, index: number) => boolean} isKept
   */
  removeJudged(head, isKept) {
    this.#entries.splice(0, head.length, ...head.filter(isKept))
    for (const [index, entry] of head.entries()) {
      if (isKept(entry, index)) continue
      this.#length -= entry.text.length
      this.#storage?.removeItem(this.#prefix + entry.id)
    }
  }

  /** Forgets all; what is stored stays. */
  clear() {
    const entries = this.#entries
    this.#entries = []
    this.#length = 0
    return entries
  }
}

class EventSender {
  #options
  #host
  #base
  #queue
  #maxBatch
  #maxQueue
  /** Most events of the next request: less where a part has to be found that is to blame for a 400. */
  #most = Infinity
  #attempt = 0
  #isClosed = false
  /** @type {unknown} */
  #timer
  #isSending = false
  /** The requests under way. */
  #sending = Promise.resolve()
  #wake = () => {}
  /** @type {{ order: number, resolve: () => void }[]} */
  #flushes = []

  /**
   * @param {SenderOptions} options
   * @param {Host} host
   */
  constructor(options, host) {
    const { url, key, maxBatch = 500, maxQueue = 10_000, storage = pageStorage() } = options
    checkKey(key)
    this.#options = options
    this.#host = host
    this.#base = baseOf(url)
    this.#maxBatch = maxBatch
    this.#maxQueue = maxQueue
    this.#queue = new Queue(storage, `events.v1 ${this.#base.href} `, host)
    host.addEventListener?.('pagehide', this.#leave)
    host.addEventListener?.('visibilitychange', this.#hide)
    const old = this.#queue.adopt(maxQueue)
    if (old.length > 0) tell(options.onDropped, old.map((text) => JSON.parse(text)), 'too_old')
    if (this.#queue.size > 0) this.#start()
  }

  get waiting() {
    return this.#queue.size
  }

  /** @param {NewEvent} event */
  send(event) {
    if (this.#isClosed) throw new Error('the sender is closed')
    const id = event.event_id ?? newId()
    const whole = { ...event, event_id: id, timestamp: event.timestamp ?? new Date(this.#host.now()).toISOString() }
    const text = JSON.stringify(whole)
    if (!this.#queue.hasRoomFor(this.#maxQueue, text)) {
      tell(this.#options.onDropped, [whole], 'queue_full')
      return id
    }
    this.#queue.add(id, text)
    if (this.#queue.size >= this.#maxBatch) this.#start()
    else this.#timer ??= this.#host.setTimeout(() => this.#start(), this.#options.maxDelay ?? 1000)
    return id
  }

  async flush() {
    if (this.#queue.size === 0) return
    this.#start()
    await /** @type {Promise<void>} */ (new Promise((resolve) => this.#flushes.push({ order: this.#queue.newest, resolve })))
  }

  async close() {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#host.removeEventListener?.('pagehide', this.#leave)
    this.#host.removeEventListener?.('visibilitychange', this.#hide)
    this.#host.clearTimeout(this.#timer)
    this.#wake()
    await this.#sending
    const left = this.#queue.clear()
    if (left.length > 0 && !this.#queue.isStored) tell(this.#options.onDropped, left.map(({ text }) => JSON.parse(text)), 'closed')
    this.#answerFlushes()
  }

  /** Timers of a hidden page are late, and it may never be shown again. */
  #hide = () => {
    if (this.#host.isHidden?.() && this.#queue.size > 0) this.#start()
  }

  /**
   * The page is being left: everything without a verdict goes out as text, which needs no preflight, also what is under way and may
   * be cut off. No answer is ever seen, so what is stored stays stored; what comes twice counts once.
   */
  #leave = () => {
    const { key } = this.#options
    const url = new URL('events', this.#base)
    if (key !== undefined) url.searchParams.set('key', key)
    /** @type {string[]} */
    let texts = []
    let length = 0
    const send = () => texts.length > 0 && this.#host.sendBeacon?.(url, `[${texts.join()}]`)
    for (const { text } of this.#queue.entries) {
      if (length + text.length > MAX_BEACON) {
        send()
        texts = []
        length = 0
      }
      texts.push(text)
      length += text.length
    }
    send()
  }

  #start() {
    this.#host.clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#isClosed && !this.#isSending) this.#sending = this.#run()
  }

  /** Sends everything there is, one request after the other. */
  async #run() {
    this.#isSending = true
    while (!this.#isClosed && this.#queue.size > 0) {
      const head = this.#queue.head(Math.min(this.#maxBatch, this.#most))
      const failure = await this.#post(head)
      this.#answerFlushes()
      if (failure === undefined) {
        this.#attempt = 0
        continue
      }
      const retryIn = failure.retryAfter ?? delayOf(this.#options.backoff ?? { min: 1000, max: 60_000 }, this.#attempt++, this.#host)
      tell(this.#options.onFailure, { ...failure.failure, retryIn })
      if (!this.#isClosed) await this.#sleep(retryIn)
    }
    this.#isSending = false
  }

  /** @param {number} milliseconds */
  #sleep(milliseconds) {
    return /** @type {Promise<void>} */ (new Promise((resolve) => {
      const timer = this.#host.setTimeout(resolve, milliseconds)
      this.#wake = () => {
        this.#host.clearTimeout(timer)
        resolve()
      }
    }))
  }

  #answerFlushes() {
    const { oldest } = this.#queue
    for (const { order, resolve } of this.#flushes) if (order < oldest) resolve()
    this.#flushes = this.#flushes.filter(({ order }) => order >= oldest)
  }

  /**
   * One request with these events.
   * @param {readonly Entry[]} head
   * @returns {Promise<RequestError | undefined>} undefined if what is left may be sent at once
   */
  async #post(head) {
    const { key } = this.#options
    try {
      const answer = await this.#host.fetch(new URL('events', this.#base), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...key !== undefined && { authorization: `Bearer ${key}` } },
        body: `[${head.map(({ text }) => text).join()}]`,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT)
      })
      return this.#judge(head, answer, await answer.json().catch(() => undefined))
    } catch (error) {
      return new RequestError(failureOf(error))
    }
  }

  /**
   * @param {readonly Entry[]} head
   * @param {Response} answer
   * @param {any} body
   */
  #judge(head, answer, body) {
    const failure = new RequestError(failureOfAnswer(answer, body), retryAfterOf(answer, this.#host))
    if (Array.isArray(body?.errors) && body.accepted + body.duplicates + body.rejected + body.unavailable === head.length) {
      this.#most = Infinity
      return this.#applyReceipt(head, body) ? undefined : failure
    }
    const isBad = answer.status === 400 && body?.code !== undefined
    if (answer.status !== 413 && !isBad) return failure
    if (head.length === 1) {
      this.#applyErrors(head, [{ index: 0, code: body?.code ?? 'body_too_large', pointer: '', detail: failure.message }], () => false)
    } else if (isBad) {
      this.#most = Math.floor(head.length / 2)
    } else {
      this.#maxBatch = Math.floor(head.length / 2)
    }
    return undefined
  }

  /**
   * Does what the receipt says.
   * @param {readonly Entry[]} head
   * @param {Receipt} receipt
   * @returns {boolean} whether every event has its verdict
   */
  #applyReceipt(head, receipt) {
    const { unavailable, errors } = receipt
    tell(this.#options.onReceipt, receipt)
    // Where there are both, an event with a code of a later version is sent again, until the counts alone tell which it is.
    this.#applyErrors(head, errors, ({ code }) => unavailable > 0 && !REJECTION_CODES.has(code))
    return unavailable === 0
  }

  /**
   * @param {readonly Entry[]} head
   * @param {readonly EventError[]} errors
   * @param {(error: EventError) => boolean} isUnavailable
   */
  #applyErrors(head, errors, isUnavailable) {
    const kept = new Set(errors.filter(isUnavailable).map(({ index }) => index))
    this.#queue.removeJudged(head, (_, index) => kept.has(index))
    for (const { index, ...error } of errors) {
      if (!kept.has(index)) tell(this.#options.onRejected, JSON.parse(head[index].text), error)
    }
  }
}

/**
 * Sends events in batches, and each until it has its verdict: a request without an answer, and events that could not be accepted, are sent
 * again with the same ids, so that each counts once [DEDUP-3]. A page that is left sends what waits as a beacon.
 * @param {SenderOptions} options
 * @param {Partial<Host>} [host]
 * @returns {Sender}
 */
export function createSender(options, host) {
  return new EventSender(options, { ...thisHost(), ...host })
}
