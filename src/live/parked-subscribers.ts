/**
 * Subscribers that have reached the end of the log and wait for it to grow, those with the same filter at the same cursor
 * together. When the log grows, one read of what is new serves them all: if nothing of it matches, their cursor moves on and
 * none of them is touched, so that those to whom nothing matters cost nothing.
 */
import type { Scheduler, Turn } from './scheduler.ts'
import { keyOf, type FilterGroup, type FrameReader, type SharedFrame, type SharedFrames } from './shared-frames.ts'

/** A subscriber that can be parked. */
export interface Parkable {
  /** It is parked at this place from now on; called again when its place is joined to another at the same cursor. */
  parkAt(place: ParkingPlace): void
  /** It is no longer parked: goes on after a cursor, with the next frame if that is known. */
  resume(cursor: string, frame: SharedFrame | undefined): void
  /** Its delivery has failed, and that is the service's own fault. */
  abandon(error: unknown): void
}

/** Where subscribers are parked. */
export interface ParkingPlace {
  /** Everything up to it that matches was handed over to all of them. */
  readonly cursor: string
}

/** All places at which subscribers are parked. */
export class ParkedSubscribers {
  readonly #scheduler: Scheduler
  readonly #frames: SharedFrames
  /** Those that wait for the log to grow, by group and cursor. */
  readonly #places = new Map<string, ParkedGroup>()

  constructor(scheduler: Scheduler, frames: SharedFrames) {
    this.#scheduler = scheduler
    this.#frames = frames
  }

  /** Parks a subscriber until the log has grown; it stands at the end of the log as far as that is known. */
  park(subscriber: Parkable, group: FilterGroup, cursor: string): void {
    const key = keyOf(group, cursor)
    let place = this.#places.get(key)
    if (place === undefined) this.#places.set(key, place = new ParkedGroup(this, this.#scheduler, this.#frames, group, cursor))
    place.add(subscriber)
  }

  /** Takes a subscriber off its place. */
  leave(subscriber: Parkable, parkedAt: ParkingPlace): void {
    const place = parkedAt as ParkedGroup
    place.subscribers.delete(subscriber)
    if (place.subscribers.size > 0) return
    const key = keyOf(place.group, place.cursor)
    if (this.#places.get(key) === place) this.#places.delete(key)
  }

  /** Lets a place wait on at the cursor to which it has moved, together with those parked there already. */
  parkAgain(place: ParkedGroup): void {
    const key = keyOf(place.group, place.cursor)
    const there = this.#places.get(key)
    if (there === undefined) {
      this.#places.set(key, place)
    } else if (there !== place) {
      for (const subscriber of place.subscribers) there.add(subscriber)
      place.subscribers.clear()
    }
  }

  /** The log has grown: every place looks at what is new. */
  wake(): void {
    const places = [...this.#places.values()]
    this.#places.clear()
    this.#scheduler.run(places)
  }

  /** Forgets them all. */
  stop(): void {
    this.#places.clear()
  }
}

/** Those of one group that are parked at one cursor. */
class ParkedGroup implements ParkingPlace, Turn, FrameReader {
  readonly group: FilterGroup
  readonly subscribers = new Set<Parkable>()
  readonly #parked: ParkedSubscribers
  readonly #scheduler: Scheduler
  readonly #frames: SharedFrames
  #cursor: string
  #isReading = false
  #frame: SharedFrame | undefined

  constructor(parked: ParkedSubscribers, scheduler: Scheduler, frames: SharedFrames, group: FilterGroup, cursor: string) {
    this.#parked = parked
    this.#scheduler = scheduler
    this.#frames = frames
    this.group = group
    this.#cursor = cursor
  }

  get cursor(): string {
    return this.#cursor
  }

  add(subscriber: Parkable): void {
    this.subscribers.add(subscriber)
    subscriber.parkAt(this)
  }

  /** Looks at what is new. */
  advance(): void {
    if (this.#isReading) return
    const received = this.#frame
    this.#frame = undefined
    if (this.subscribers.size > 0) this.#step(received ?? this.#frames.find(this.group, this.#cursor))
    received?.memory?.release()
  }

  #step(frame: SharedFrame | undefined): void {
    if (frame === undefined) {
      if (this.#frames.isFull) return this.#scheduler.stall(this)
      this.#isReading = true
      this.#frames.read(this.group, this.#cursor, this)
    } else if (frame.count > 0) {
      this.#resumeAll(frame)
    } else {
      this.#cursor = frame.cursor
      if (this.#frames.isEnd(frame)) this.#parked.parkAgain(this)
      else this.#scheduler.queue(this)
    }
  }

  receive(_read: unknown, frame: SharedFrame): void {
    this.#isReading = false
    frame.memory?.retain()
    this.#frame = frame
    this.#scheduler.queue(this)
  }

  /** Each of them meets the error by itself. */
  fail(): void {
    this.#resumeAll(undefined)
  }

  abandon(error: unknown): void {
    for (const subscriber of this.subscribers) subscriber.abandon(error)
  }

  /** Lets all of them go on by themselves, with the next frame if there is one. */
  #resumeAll(frame: SharedFrame | undefined): void {
    for (const subscriber of this.subscribers) subscriber.resume(this.#cursor, frame)
    this.subscribers.clear()
  }
}
