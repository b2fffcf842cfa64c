/**
 * A subscriber: a place in the event log and a filter. What it has not read costs nothing but what was handed to its
 * socket, which is at most two frames; the next one is taken when the socket has let go of one. [LIVE-1, LIVE-4]
 */
import { LostCursorError, StorageUnavailableError, type Filter, type Location, type LostReason } from '../backends/backend.ts'
import { freeMemory } from '../backends/free-memory.ts'
import { CloseCode, type Outlet } from './connection.ts'
import type { Cohort } from './cohort.ts'
import type { Encoding } from './encoding.ts'
import type { Feed, Turn } from './feed.ts'
import type { Outbox } from './outbox.ts'
import type { Frame, FrameReader, Group, Reading } from './shared-frames.ts'

/** Most frames in a socket. */
const MAX_UNSENT = 2

/** See above. */
export class Subscriber implements FrameReader, Turn {
  readonly #feed: Feed
  readonly #outlet: Outlet
  readonly #outbox: Outbox
  readonly #encoding: Encoding
  /** Undefined while it is not subscribed. */
  #group: Group | undefined
  /** Everything before it that matches was handed over, or told as a gap. While it waits its cohort knows better. */
  #cursor: string
  #cohort: Cohort | undefined
  #reading: Reading | undefined
  /** Read, and waiting for its turn. */
  #frame: Frame | undefined
  #unsent = 0
  #isHeld = false
  #spokeAt: number
  /** Called after its place has moved. */
  onMove: (() => void) | undefined

  /** A subscriber that is not subscribed yet, at a place of which its peer has just been told. */
  constructor(feed: Feed, outlet: Outlet, outbox: Outbox, encoding: Encoding, cursor: string) {
    this.#feed = feed
    this.#outlet = outlet
    this.#outbox = outbox
    this.#encoding = encoding
    this.#cursor = cursor
    this.#spokeAt = feed.now()
  }

  get cursor(): string {
    return this.#cohort?.cursor ?? this.#cursor
  }

  get isSubscribed(): boolean {
    return this.#group !== undefined
  }

  /** Whether it is told every event. */
  get isWhole(): boolean {
    return this.#group?.isWhole === true
  }

  /** From now on tells the events behind a place that match; nothing that only matched before is told any more. */
  subscribe(filter: Filter, { cursor, lost }: Location): void {
    this.unsubscribe()
    this.#cursor = cursor
    this.#spokeAt = this.#feed.now()
    this.#group = this.#feed.frames.join(this.#encoding, filter)
    if (lost !== undefined) this.#tellGap({ ...lost, cursor })
    this.#feed.queue(this)
  }

  /** Tells no more events. */
  unsubscribe(): void {
    if (this.#group === undefined) return
    this.#cursor = this.cursor
    this.#feed.leave(this, this.#cohort)
    this.#feed.frames.leave(this.#group)
    this.#cohort = undefined
    this.#group = this.#reading = this.#frame = undefined
    this.#isHeld = false
  }

  /** Takes one step towards the head of the log, if the socket has room. */
  advance(): void {
    const feed = this.#feed
    if (this.#group === undefined || this.#reading !== undefined || this.#cohort !== undefined) return
    if (this.#unsent >= MAX_UNSENT) {
      if (!this.#isHeld) feed.stats.holds++
      this.#isHeld = true
      return
    }
    const frame = this.#frame ?? feed.frames.find(this.#group, this.#cursor, feed.version)
    if (frame === undefined) {
      this.#reading = feed.read(this.#group, this.#cursor, this)
      return
    }
    this.#frame = undefined
    if (frame.count > 0) {
      feed.stats.frames++
      feed.stats.events += frame.count
      this.#send(frame.bytes, frame.isShared)
    }
    this.#cursor = frame.cursor
    if (frame.hasMore || frame.version !== feed.version) feed.queue(this)
    else this.#cohort = feed.park(this, this.#group, frame.cursor)
    this.onMove?.()
  }

  /** Waits on with others, who stand at the same place. */
  wait(cohort: Cohort): void {
    cohort.subscribers.add(this)
    this.#cohort = cohort
  }

  /** Its waiting is over: goes on from where its cohort was, with the next frame if that is known. */
  resume(cursor: string, frame: Frame | undefined): void {
    this.#cohort = undefined
    this.#cursor = cursor
    this.#frame = frame
    this.#feed.queue(this)
  }

  receive(reading: Reading, frame: Frame): void {
    if (reading !== this.#reading) return
    this.#reading = undefined
    this.#frame = frame
    this.#feed.queue(this)
  }

  fail(reading: Reading, error: unknown): void {
    if (reading !== this.#reading) return
    if (error instanceof LostCursorError) {
      const reason = error.reason === 'not_retained' ? 'too_slow' : error.reason
      this.#feed.store.locate().then(({ cursor }) => this.#skip(reading, reason, cursor), (failure) => this.fail(reading, failure))
      return
    }
    this.#reading = undefined
    if (error instanceof StorageUnavailableError) {
      this.#feed.stall(this)
    } else {
      this.abandon(error)
    }
  }

  /** Goes on from a cursor after a reading that was lost, and says that what lies between is missing. */
  #skip(reading: Reading, reason: LostReason | 'too_slow', cursor: string): void {
    if (reading !== this.#reading) return
    this.#reading = undefined
    this.#tellGap({ reason, after: this.#cursor, cursor })
    this.#cursor = cursor
    this.#feed.queue(this)
    this.onMove?.()
  }

  /** Ends the connection after an error of the service's own. */
  abandon(error: unknown): void {
    this.#feed.onError(error)
    this.unsubscribe()
    this.#outlet.close(CloseCode.InternalError, 'the service failed')
  }

  /** Breaks a silence of this length, so that the peer knows its place and that there is nothing to miss. */
  breakSilence(after: number): void {
    if (this.#unsent > 0 || this.#feed.now() - this.#spokeAt < after) return
    this.#send(this.#encoding.silence(this.cursor))
  }

  #tellGap(gap: Parameters<Encoding['gap']>[0]): void {
    this.#feed.stats.gaps++
    this.#send(this.#encoding.gap(gap))
  }

  #send(bytes: Buffer, isShared = true): void {
    this.#unsent++
    this.#spokeAt = this.#feed.now()
    if (isShared) this.#outbox.send(bytes, this.#sent)
    else this.#outbox.send(bytes, () => this.#freeAndGoOn(bytes))
  }

  #freeAndGoOn(bytes: Buffer): void {
    freeMemory(bytes)
    this.#sent()
  }

  readonly #sent = (): void => {
    this.#unsent--
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#feed.queue(this)
  }
}
