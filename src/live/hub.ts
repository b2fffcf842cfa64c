/**
 * All live connections together: opens them, keeps count, lets time pass for them and ends them. It has no timer of its
 * own; whoever owns it calls `tick` several times a second.
 */
import type { Aggregator, EventStore, Filter, Location } from '../backends/backend.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { ReaderState } from './frames.ts'
import { IncomingMessages } from './incoming-messages.ts'
import { ParkedSubscribers } from './parked-subscribers.ts'
import { CloseCode, type Outlet, type PeerConnection } from './peer.ts'
import { Scheduler } from './scheduler.ts'
import { Session, type SessionContext, type SessionOptions } from './session.ts'
import { SharedFrames } from './shared-frames.ts'
import { Stream } from './stream.ts'
import type { Delivery, LiveStats } from './subscriber.ts'
import { Summaries } from './summaries.ts'

/** Milliseconds of everything live; the contract's unless a test is in a hurry. */
export interface LiveTimes {
  /** Silence after which a reader is told that there is nothing new. */
  heartbeat: number
  /** Between two pings. [LIVE-5] */
  ping: number
  /** For the answer to a ping. [LIVE-5] */
  pong: number
  /** For the answer of a peer that had bytes waiting within this time. */
  slowPong: number
  /** Least time between two summaries of a window. */
  summary: number
}

/** The contract's times. */
export const LIVE_TIMES: LiveTimes = { heartbeat: 25_000, ping: 25_000, pong: 8_000, slowPong: 60_000, summary: 1_000 }

/** What live delivery needs. */
export interface HubOptions {
  store: EventStore
  aggregator: Aggregator
  ingest: Ingest
  /** Milliseconds that never go back. */
  now: () => number
  maxSubscribers: number
  /** Bytes of one client's publishes under way from which on no more are read. */
  maxPublishBytes: number
  times: LiveTimes
  /** Bytes of frames being sent from which on no more are made. */
  maxFrameBytes?: number
  /** Spreads the times after which readers reconnect; from 0 to 1. */
  random?: () => number
  /** Told of errors that are nobody's fault but the service's. */
  onError: (error: unknown) => void
}

/** The place of one connection among those that can be served. */
export interface SubscriberPlace {
  /** Gives the place to somebody else; called when the connection is gone, or does not open after all. */
  release(): void
}

/** Once there is no memory for another frame: milliseconds after which a peer that has not taken one may be cut off, and most at a time. */
const STUCK_TIME = 1_000
const MOST_CUTS = 64

/** A connection once it is open. */
interface OpenConnection {
  readonly waitsSince: number | undefined
  tick(now: number): void
  stop(code: number, reason: string): void
  close(): void
  terminate(): void
}

/** The connections of one service, and what they share. */
export class Hub {
  readonly #maxSubscribers: number
  readonly #random: () => number
  readonly #delivery: Delivery
  readonly #summaries: Summaries
  readonly #context: SessionContext
  readonly #connections = new Set<OpenConnection>()
  /** Set while somebody is connected: a store may have to look for what others append. */
  #endListening: (() => void) | undefined
  readonly #store: EventStore
  /** What clients have sent and what is not carried out yet. */
  readonly messages: IncomingMessages
  readonly #placesByAddress = new Map<string, number>()
  /** Open connections, and those that are about to open. */
  #places = 0
  #isStopping = false
  #whenEmpty: (() => void) | undefined

  constructor({ store, aggregator, ingest, now, maxSubscribers, maxPublishBytes, times, maxFrameBytes, random = Math.random, onError }: HubOptions) {
    this.#random = random
    this.#maxSubscribers = maxSubscribers
    this.#summaries = new Summaries(store, aggregator, times.summary, now, onError)
    const scheduler = new Scheduler()
    const frames = new SharedFrames(store, scheduler, this.#summaries.cursors, maxFrameBytes)
    const parked = new ParkedSubscribers(scheduler, frames)
    const stats = { frames: 0, events: 0, gaps: 0, holds: 0, cuts: 0 }
    this.#delivery = { store, scheduler, frames, parked, stats, now, onError }
    this.messages = new IncomingMessages(maxPublishBytes, now)
    this.#context = {
      messages: this.messages, ingest, maxPublishBytes, delivery: this.#delivery, summaries: this.#summaries, heartbeat: times.heartbeat, liveness: times
    }
    this.#store = store
  }

  /** Open connections. */
  get subscribers(): number {
    return this.#connections.size
  }

  /**
   * Reserves a place for a connection that is about to open; undefined where no more can be served [LIVE-6], or where its
   * address has half of all places already [LIMIT-2].
   */
  reserve(address = ''): SubscriberPlace | undefined {
    const held = this.#placesByAddress.get(address) ?? 0
    if (this.#isStopping || this.#places >= this.#maxSubscribers || held >= Math.ceil(this.#maxSubscribers / 2)) return undefined
    this.#places++
    this.#placesByAddress.set(address, held + 1)
    let isHeld = true
    return {
      release: () => {
        if (isHeld) this.#release(address)
        isHeld = false
      }
    }
  }

  #release(address: string): void {
    this.#places--
    const left = this.#placesByAddress.get(address)! - 1
    if (left === 0) this.#placesByAddress.delete(address)
    else this.#placesByAddress.set(address, left)
  }

  /** What has been done so far. */
  get stats(): Readonly<LiveStats> {
    return this.#delivery.stats
  }

  /**
   * Opens a session over a WebSocket. The caller hands in the client's text frames with `receive`, and says with `leave` when the
   * connection is gone.
   */
  openSession(connection: PeerConnection, options: SessionOptions): Session {
    return this.#add(new Session(this.#context, connection, options))
  }

  /** Opens a stream of Server-Sent Events. The caller says with `leave` when the reader is gone. */
  openStream(outlet: Outlet, filter: Filter, location: Location, state: ReaderState = 'new'): Stream {
    return this.#add(new Stream(this.#delivery, outlet, this.#context.heartbeat, filter, location, state, this.#random()))
  }

  /** A connection is gone. */
  leave(connection: Session | Stream): void {
    if (!this.#connections.delete(connection)) return
    connection.close()
    if (this.#connections.size > 0) return
    this.#endListening?.()
    this.#endListening = undefined
    this.#whenEmpty?.()
  }

  /** Lets time pass. */
  tick(): void {
    const now = this.#delivery.now()
    if (this.#delivery.frames.isFull) this.#cutStuck(now)
    this.#delivery.scheduler.retry()
    this.#summaries.tick()
    this.messages.tick()
    for (const connection of this.#connections) connection.tick(now)
  }

  /** Cuts off the peers that have taken nothing for the longest time: the others wait for their memory. [LIMIT-2] */
  #cutStuck(now: number): void {
    const stuck = [...this.#connections].filter(({ waitsSince = now }) => now - waitsSince >= STUCK_TIME)
    stuck.sort((a, b) => a.waitsSince! - b.waitsSince!)
    for (const connection of stuck.slice(0, MOST_CUTS)) {
      this.#delivery.stats.cuts++
      connection.terminate()
    }
  }

  /** Tells everybody that the service stops; resolves when all are gone. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const empty = new Promise<void>((resolve) => { this.#whenEmpty = resolve })
    for (const connection of this.#connections) connection.stop(CloseCode.Shutdown, 'the service is stopping')
    if (this.#connections.size > 0) await empty
  }

  /** Cuts off whoever is left, and delivers nothing any more. */
  close(): void {
    for (const connection of this.#connections) connection.terminate()
    this.#endListening?.()
    this.#delivery.parked.stop()
    this.#delivery.scheduler.stop()
  }

  #add<T extends OpenConnection>(connection: T): T {
    this.#connections.add(connection)
    this.#endListening ??= this.#store.onAppend(() => {
      this.#summaries.wake()
      this.#delivery.frames.grow()
      this.#delivery.parked.wake()
    })
    return connection
  }
}
