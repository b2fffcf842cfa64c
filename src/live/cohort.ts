/**
 * Subscribers with the same filter who wait at the same place near the head of the log. When the log grows, one look at
 * what is new serves them all: if nothing of it matches, the place moves on and none of them is touched, so that those
 * to whom nothing matters cost nothing.
 */
import type { Feed } from './feed.ts'
import type { Frame, FrameReader, Group, Reading } from './shared-frames.ts'
import type { Subscriber } from './subscriber.ts'

/** See above. */
export class Cohort implements FrameReader {
  readonly group: Group
  readonly subscribers = new Set<Subscriber>()
  readonly #feed: Feed
  #cursor: string
  #isReading = false
  #frame: Frame | undefined

  constructor(feed: Feed, group: Group, cursor: string) {
    this.#feed = feed
    this.group = group
    this.#cursor = cursor
  }

  /** Everything before it that matches was handed over to all of them. */
  get cursor(): string {
    return this.#cursor
  }

  /** Looks at what is new. */
  advance(): void {
    if (this.#isReading || this.subscribers.size === 0) return
    const feed = this.#feed
    const frame = this.#frame ?? feed.frames.find(this.group, this.#cursor, feed.version)
    if (frame === undefined) {
      this.#isReading = true
      feed.read(this.group, this.#cursor, this)
      return
    }
    this.#frame = undefined
    if (frame.count > 0) {
      this.#dismiss(frame)
      return
    }
    this.#cursor = frame.cursor
    if (frame.hasMore || frame.version !== feed.version) feed.queue(this)
    else feed.keep(this)
  }

  receive(_reading: Reading, frame: Frame): void {
    this.#isReading = false
    this.#frame = frame
    this.#feed.queue(this)
  }

  /** Each of them meets the error by itself. */
  fail(): void {
    this.#dismiss(undefined)
  }

  abandon(error: unknown): void {
    for (const subscriber of this.subscribers) subscriber.abandon(error)
  }

  /** Lets all of them go on by themselves, with the next frame if there is one. */
  #dismiss(frame: Frame | undefined): void {
    for (const subscriber of this.subscribers) subscriber.resume(this.#cursor, frame)
    this.subscribers.clear()
  }
}
