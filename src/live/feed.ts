/**
 * Delivery: gives each subscriber its turn to go on through the log, and wakes those at its head when the log grows.
 * A turn hands over at most one frame, and after a number of turns everybody else in the process has one, so that
 * neither ingest nor a neighbour waits for a slow, a lagging or a crowded subscription. [LIVE-4]
 */
import type { EventStore } from '../backends/backend.ts'
import { Cohort } from './cohort.ts'
import { SharedFrames, keyOf, type FrameReader, type Group, type Reading } from './shared-frames.ts'
import type { Subscriber } from './subscriber.ts'

/** Work done before the rest of the process has its turn: some milliseconds at the most. A turn is one piece of work. */
const BUDGET = 256

/** Pieces of work that reading and building a frame is, without and with a filter that may have to look at many events. */
const READ_COST = 8
const FILTERED_READ_COST = 32

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

/** Who takes turns. */
export interface Turn {
  /** Takes one step towards the head of the log. */
  advance(): void
  /** The step has failed, and that is the service's own fault. */
  abandon(error: unknown): void
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
  /** Those who wait for the log to grow, by group and place. */
  readonly #cohorts = new Map<string, Cohort>()
  readonly #stalled = new Set<Subscriber>()
  readonly #queue: Turn[] = []
  /** Pieces of work left until the rest of the process has its turn. */
  #budget = BUDGET
  #isScheduled = false
  #isStopped = false

  /** @param marks places that no unfiltered frame runs across */
  constructor(store: EventStore, marks: ReadonlySet<string>, now: () => number, onError: (error: unknown) => void) {
    this.store = store
    this.frames = new SharedFrames(store, marks)
    this.now = now
    this.onError = onError
  }

  /** Gives a turn. Whoever asks twice gets two, which does no harm. */
  queue(turn: Turn): void {
    this.#queue.push(turn)
    this.#schedule()
  }

  /** Reads the frame behind a place, or lets the reader wait for a read that is under way. */
  read(group: Group, cursor: string, reader: FrameReader): Reading {
    const reading = this.frames.read(group, cursor, this.version, reader)
    if (reading.readers.length === 1) this.#budget -= group.isWhole ? READ_COST : FILTERED_READ_COST
    return reading
  }

  /** Lets a subscriber wait at a place until the log has grown. */
  park(subscriber: Subscriber, group: Group, cursor: string): Cohort {
    const key = keyOf(group, cursor)
    let cohort = this.#cohorts.get(key)
    if (cohort === undefined) this.#cohorts.set(key, cohort = new Cohort(this, group, cursor))
    cohort.subscribers.add(subscriber)
    return cohort
  }

  /** Lets a cohort wait on at the place to which it has moved, together with who waits there already. */
  keep(cohort: Cohort): void {
    const key = keyOf(cohort.group, cohort.cursor)
    const there = this.#cohorts.get(key)
    if (there === undefined) {
      this.#cohorts.set(key, cohort)
    } else if (there !== cohort) {
      for (const subscriber of cohort.subscribers) subscriber.wait(there)
      cohort.subscribers.clear()
    }
  }

  /** Lets a subscriber wait until the storage may answer again. */
  stall(subscriber: Subscriber): void {
    this.#stalled.add(subscriber)
  }

  /** Forgets a subscriber that waits. */
  leave(subscriber: Subscriber, cohort: Cohort | undefined): void {
    this.#stalled.delete(subscriber)
    if (cohort === undefined) return
    cohort.subscribers.delete(subscriber)
    if (cohort.subscribers.size > 0) return
    const key = keyOf(cohort.group, cohort.cursor)
    if (this.#cohorts.get(key) === cohort) this.#cohorts.delete(key)
  }

  /** The log has grown. */
  wake(): void {
    this.version++
    for (const cohort of this.#cohorts.values()) this.#queue.push(cohort)
    this.#cohorts.clear()
    this.#renew()
  }

  /** The storage may answer again. */
  retry(): void {
    for (const subscriber of this.#stalled) this.queue(subscriber)
    this.#stalled.clear()
  }

  /** Takes no more turns. */
  stop(): void {
    this.#isStopped = true
    this.#queue.length = 0
    this.#cohorts.clear()
    this.#stalled.clear()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return
    this.#isScheduled = true
    if (this.#budget > 0) queueMicrotask(this.#run)
    else setImmediate(this.#renew)
  }

  readonly #renew = (): void => {
    this.#budget = BUDGET
    this.#run()
  }

  readonly #run = (): void => {
    const queue = this.#queue
    let taken = 0
    this.#isScheduled = true
    while (taken < queue.length && this.#budget > 0) {
      this.#budget--
      const turn = queue[taken++]
      try {
        turn.advance() // may put itself at the end
      } catch (error) {
        turn.abandon(error) // one that fails keeps nobody else from going on
      }
    }
    queue.splice(0, taken)
    this.#isScheduled = false
    if (queue.length > 0) this.#schedule()
  }
}
