/**
 * A subscriber: a position in the event log and a filter. What it has not read costs nothing but what was handed to its
 * socket, which is at most two frames; the next one is read when the socket has let go of one. [LIVE-1, LIVE-4]
 */
import {
  LostCursorError, StorageUnavailableError, type EventStore, type Filter, type Location, type LostReason
} from '../backends/backend.ts'
import type { FrameMemory } from './frame-pool.ts'
import type { Encoding } from './frames.ts'
import type { Parkable, ParkedSubscribers, ParkingPlace } from './parked-subscribers.ts'
import { CloseCode, type Outbox, type Outlet } from './peer.ts'
import type { Scheduler, Turn } from './scheduler.ts'
import type { FilterGroup, FrameReader, PendingRead, SharedFrame, SharedFrames } from './shared-frames.ts'

/** Most frames in a socket. */
const MAX_UNSENT = 2

/** What delivery has done so far. */
export interface LiveStats {
  /** Frames of events handed over; one is counted for each subscriber. */
  frames: number
  /** Events handed over; one is counted for each subscriber. */
  events: number
  /** Gaps that a subscriber was told of. */
  gaps: number
  /** Times that a subscriber had more to be told and its socket was full. */
  holds: number
  /** Peers cut off because they gave no sign of life. */
  cuts: number
}

/** What all subscribers share. */
export interface Delivery {
  readonly store: EventStore
  readonly scheduler: Scheduler
  readonly frames: SharedFrames
  readonly parked: ParkedSubscribers
  readonly stats: LiveStats
  /** Milliseconds that never go back. */
  readonly now: () => number
  /** Told of errors that are nobody's fault but the service's. */
  readonly onError: (error: unknown) => void
}

/** Tells one peer the events after its cursor that match its filter. */
export class Subscriber implements FrameReader, Parkable, Turn {
  readonly #delivery: Delivery
  readonly #outlet: Outlet
  readonly #outbox: Outbox
  readonly #encoding: Encoding
  /** Undefined while it is not subscribed. */
  #group: FilterGroup | undefined
  /** Everything up to it that matches was handed over, or told as a gap. While it is parked the place's cursor counts. */
  #cursor: string
  #parkedAt: ParkingPlace | undefined
  #read: PendingRead | undefined
  /** Read, and waiting for its turn. */
  #frame: SharedFrame | undefined
  #unsent = 0
  #isHeld = false
  #sentAt: number
  /** Called after its cursor has moved. */
  onMove: (() => void) | undefined

  /** A subscriber that is not subscribed yet, at a cursor of which its peer has just been told. */
  constructor(delivery: Delivery, outlet: Outlet, outbox: Outbox, encoding: Encoding, cursor: string) {
    this.#delivery = delivery
    this.#outlet = outlet
    this.#outbox = outbox
    this.#encoding = encoding
    this.#cursor = cursor
    this.#sentAt = delivery.now()
  }

  get cursor(): string {
    return this.#parkedAt?.cursor ?? this.#cursor
  }

  get isSubscribed(): boolean {
    return this.#group !== undefined
  }

  /** When it was last handed a frame, where one is still in its socket; undefined where none is. */
  get waitsSince(): number | undefined {
    return this.#unsent > 0 ? this.#sentAt : undefined
  }

  /** Whether it is told every event. */
  get isUnfiltered(): boolean {
    return this.#group?.isUnfiltered === true
  }

  /** From now on tells the events after a cursor that match; nothing that only matched before is told any more. */
  subscribe(filter: Filter, { cursor, lost }: Location): void {
    this.unsubscribe()
    this.#cursor = cursor
    this.#sentAt = this.#delivery.now()
    this.#group = this.#delivery.frames.join(this.#encoding, filter)
    if (lost !== undefined) this.#tellGap({ ...lost, cursor })
    this.#delivery.scheduler.queue(this)
  }

  /** Tells no more events. */
  unsubscribe(): void {
    if (this.#group === undefined) return
    this.#cursor = this.cursor
    this.#delivery.scheduler.unstall(this)
    if (this.#parkedAt !== undefined) this.#delivery.parked.leave(this, this.#parkedAt)
    this.#delivery.frames.leave(this.#group)
    this.#frame?.memory?.release()
    this.#group = this.#parkedAt = this.#read = this.#frame = undefined
    this.#isHeld = false
  }

  /** Takes one step towards the end of the log, if the socket has room. */
  advance(): void {
    const { frames, parked, scheduler, stats } = this.#delivery
    if (this.#group === undefined || this.#read !== undefined || this.#parkedAt !== undefined) return
    if (this.#unsent >= MAX_UNSENT) {
      if (!this.#isHeld) stats.holds++
      this.#isHeld = true
      return
    }
    const received = this.#frame
    const frame = received ?? frames.find(this.#group, this.#cursor)
    if (frame === undefined) {
      if (frames.isFull) return scheduler.stall(this)
      this.#read = frames.read(this.#group, this.#cursor, this)
      return
    }
    this.#frame = undefined
    if (frame.count > 0) {
      stats.frames++
      stats.events += frame.count
      this.#send(frame.bytes, frame.memory)
    }
    received?.memory?.release()
    this.#cursor = frame.cursor
    if (frames.isEnd(frame)) parked.park(this, this.#group, frame.cursor)
    else scheduler.queue(this)
    this.onMove?.()
  }

  parkAt(place: ParkingPlace): void {
    this.#parkedAt = place
  }

  resume(cursor: string, frame: SharedFrame | undefined): void {
    this.#parkedAt = undefined
    this.#cursor = cursor
    frame?.memory?.retain()
    this.#frame = frame
    this.#delivery.scheduler.queue(this)
  }

  receive(read: PendingRead, frame: SharedFrame): void {
    if (read !== this.#read) return
    this.#read = undefined
    frame.memory?.retain()
    this.#frame = frame
    this.#delivery.scheduler.queue(this)
  }

  fail(read: PendingRead, error: unknown): void {
    if (read !== this.#read) return
    const { store, scheduler } = this.#delivery
    if (error instanceof LostCursorError) {
      const reason = error.reason === 'not_retained' ? 'too_slow' : error.reason
      store.locate().then(({ cursor }) => this.#skip(read, reason, cursor), (failure) => this.fail(read, failure))
      return
    }
    this.#read = undefined
    if (error instanceof StorageUnavailableError) scheduler.stall(this)
    else this.abandon(error)
  }

  /** Goes on from a cursor after a read that was lost, and says that what lies between is missing. */
  #skip(read: PendingRead, reason: LostReason | 'too_slow', cursor: string): void {
    if (read !== this.#read) return
    this.#read = undefined
    this.#tellGap({ reason, after: this.#cursor, cursor })
    this.#cursor = cursor
    this.#delivery.scheduler.queue(this)
    this.onMove?.()
  }

  /** Ends the connection after an error of the service's own. */
  abandon(error: unknown): void {
    this.#delivery.onError(error)
    this.unsubscribe()
    this.#outlet.close(CloseCode.InternalError, 'the service failed')
  }

  /** Breaks a silence of this length, so that the peer knows its cursor and that there is nothing to miss. */
  sendHeartbeat(after: number): void {
    if (this.#unsent > 0 || this.#delivery.now() - this.#sentAt < after) return
    this.#send(this.#encoding.heartbeat(this.cursor))
  }

  #tellGap(gap: Parameters<Encoding['gap']>[0]): void {
    this.#delivery.stats.gaps++
    this.#send(this.#encoding.gap(gap))
  }

  /** @param memory where the bytes lie; retained until they have left */
  #send(bytes: Buffer, memory?: FrameMemory): void {
    this.#unsent++
    this.#sentAt = this.#delivery.now()
    if (memory === undefined) {
      this.#outbox.send(bytes, this.#sent)
      return
    }
    memory.retain()
    this.#outbox.send(bytes, () => {
      memory.release()
      this.#sent()
    })
  }

  readonly #sent = (): void => {
    this.#unsent--
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#delivery.scheduler.queue(this)
  }
}
