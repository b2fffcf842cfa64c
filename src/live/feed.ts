/**
 * Delivery: gives each subscriber its turn to go on through the log, and wakes those at its head when the log grows.
 * A turn hands over at most one frame, and after a number of turns everybody else in the process has one, so that
 * neither ingest nor a neighbour waits for a slow, a lagging or a crowded subscription. [LIVE-4]
 */
import type { EventStore } from '../backends/backend.ts'
import { SharedFrames } from './shared-frames.ts'
import type { Subscriber } from './subscriber.ts'

/** Turns taken before the rest of the process has one. */
const MAX_TURNS = 256

/** What delivery has done so far. */
export interface LiveStats {
  /** Frames of events handed over; one is counted for each subscriber. */
  frames: number
  /** Events handed over; one is counted for each subscriber. */
  events: number
  /** Stretches of events that a subscriber was told it missed. */
  gaps: number
  /** Times that a subscriber had more to be told and its socket was full. */
  holds: number
  /** Peers cut off because they gave no sign of life. */
  cuts: number
}

/** See above. */
export class Feed {
  readonly store: EventStore
  readonly frames: SharedFrames
  readonly stats: LiveStats = { frames: 0, events: 0, gaps: 0, holds: 0, cuts: 0 }
  /** Milliseconds that never go back. */
  readonly now: () => number
  /** Told of errors that are nobody's fault but the service's. */
  readonly onError: (error: unknown) => void
  /** How often the log is known to have grown. */
  version = 0
  readonly #atHead = new Set<Subscriber>()
  readonly #stalled = new Set<Subscriber>()
  #queue: Subscriber[] = []
  #running: NodeJS.Immediate | undefined

  /** @param marks places that no unfiltered frame runs across */
  constructor(store: EventStore, marks: ReadonlySet<string>, now: () => number, onError: (error: unknown) => void) {
    this.store = store
    this.frames = new SharedFrames(store, marks)
    this.now = now
    this.onError = onError
  }

  /** Gives a subscriber a turn. Whoever asks twice gets two, which does no harm. */
  queue(subscriber: Subscriber): void {
    this.#queue.push(subscriber)
    this.#running ??= setImmediate(this.#run)
  }

  /** Lets a subscriber wait until the log has grown. */
  park(subscriber: Subscriber): void {
    this.#atHead.add(subscriber)
  }

  /** Lets a subscriber wait until the storage may answer again. */
  stall(subscriber: Subscriber): void {
    this.#stalled.add(subscriber)
  }

  /** Forgets a subscriber that waits. */
  leave(subscriber: Subscriber): void {
    this.#atHead.delete(subscriber)
    this.#stalled.delete(subscriber)
  }

  /** The log has grown. */
  wake(): void {
    this.version++
    for (const subscriber of this.#atHead) this.#queue.push(subscriber)
    this.#atHead.clear()
    if (this.#running === undefined) this.#run()
  }

  /** The storage may answer again. */
  retry(): void {
    for (const subscriber of this.#stalled) this.queue(subscriber)
    this.#stalled.clear()
  }

  /** Takes no more turns. */
  stop(): void {
    clearImmediate(this.#running)
    this.#queue = []
    this.#atHead.clear()
    this.#stalled.clear()
  }

  readonly #run = (): void => {
    const turns = this.#queue.length <= MAX_TURNS ? this.#queue : this.#queue.slice(0, MAX_TURNS)
    this.#queue = turns === this.#queue ? [] : this.#queue.slice(MAX_TURNS)
    this.#running = this.#queue.length > 0 ? setImmediate(this.#run) : undefined
    for (const subscriber of turns) subscriber.advance()
  }
}
