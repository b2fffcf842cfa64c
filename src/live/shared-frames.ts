/**
 * Frames of events, read and built once for all subscribers who stand at the same place with the same filter. Those who
 * ask while a frame is being read share that read; those who come a little later find the frame still here.
 */
import type { EventStore, Filter, Page } from '../backends/backend.ts'
import { FramePool, type FrameMemory } from './frame-pool.ts'
import type { Encoding } from './frames.ts'
import type { Scheduler } from './scheduler.ts'

/** Most events and bytes of events in a frame. */
const LIMITS = { events: 1000, bytes: 65_536 }

/** Bytes of frames that are being sent, to all subscribers together, from which on no more are made. [LIMIT-2] */
export const MAX_FRAME_BYTES = 256 << 20

/** Most frames cached for those who come a little later. */
const MAX_CACHED = 64

/** Pieces of work that reading and building a frame is, without and with a filter that may have to look at many events. */
const READ_COST = 8
const FILTERED_READ_COST = 32

/** All subscribers of one encoding and one filter. */
export interface FilterGroup {
  /** Names the group; short, whatever the filter. */
  readonly id: number
  readonly key: string
  readonly encoding: Encoding
  /** One object for all of them, so that a store prepares it once. */
  readonly filter: Filter
  /** Whether every event passes the filter. */
  readonly isUnfiltered: boolean
  subscribers: number
}

/**
 * What came of one read. Whoever keeps it beyond the call that handed it over retains its memory until its bytes are sent or
 * are not wanted any more.
 */
export interface SharedFrame {
  /** How many events; with none there is nothing to send, but the place has moved. */
  readonly count: number
  readonly bytes: Buffer
  /** The cursor after it. */
  readonly cursor: string
  /** Whether there was more when it was read. */
  readonly hasMore: boolean
  /** How often the log was known to have grown when the read began. */
  readonly version: number
  /** Where `bytes` lies; a frame without events needs none. */
  readonly memory?: FrameMemory
}

/** One read under way. */
export interface PendingRead {
  readonly readers: FrameReader[]
}

/** Who is told what came of a read. */
export interface FrameReader {
  receive(read: PendingRead, frame: SharedFrame): void
  fail(read: PendingRead, error: unknown): void
}

const NOTHING = Buffer.alloc(0)

/** The frames that are being read, and those cached for the next to ask. */
export class SharedFrames {
  readonly #store: EventStore
  readonly #pool = new FramePool()
  readonly #scheduler: Scheduler
  readonly #marks: ReadonlySet<string>
  readonly #maxBytes: number
  readonly #groups = new Map<string, FilterGroup>()
  #nextId = 0
  readonly #pending = new Map<string, PendingRead>()
  /** In the order in which they were built. */
  readonly #cached = new Map<string, SharedFrame>()
  /** How often the log is known to have grown. */
  #version = 0

  /** @param marks places that no unfiltered frame runs across, because something else is told of just that place */
  constructor(store: EventStore, scheduler: Scheduler, marks: ReadonlySet<string>, maxBytes = MAX_FRAME_BYTES) {
    this.#store = store
    this.#scheduler = scheduler
    this.#marks = marks
    this.#maxBytes = maxBytes
  }

  /** Whether no more frames can be read for now: too much is being sent. */
  get isFull(): boolean {
    return this.#pool.bytesInUse >= this.#maxBytes
  }

  /** The group of a filter, which the caller leaves when done. */
  join(encoding: Encoding, filter: Filter): FilterGroup {
    const key = `${encoding.name} ${filterKey(filter)}`
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { id: this.#nextId++, key, encoding, filter, isUnfiltered: filter.types === undefined && filter.users === undefined, subscribers: 0 }
      this.#groups.set(key, group)
    }
    group.subscribers++
    return group
  }

  leave(group: FilterGroup): void {
    if (--group.subscribers === 0) this.#groups.delete(group.key)
  }

  /** The log has grown: what was the end of it is none any more. */
  grow(): void {
    this.#version++
  }

  /** Whether the log ends where a frame does, as far as is known. A log that has grown while the frame was read may go on. */
  isEnd({ hasMore, version }: SharedFrame): boolean {
    return !hasMore && version === this.#version
  }

  /** The frame after a cursor if it is here and says all that there is to say. */
  find(group: FilterGroup, cursor: string): SharedFrame | undefined {
    const frame = this.#cached.get(keyOf(group, cursor))
    return frame !== undefined && (frame.hasMore || this.isEnd(frame)) ? frame : undefined
  }

  /** Reads the frame after a cursor, or joins those who wait for it. The reader is told later. */
  read(group: FilterGroup, cursor: string, reader: FrameReader): PendingRead {
    const key = keyOf(group, cursor)
    const underWay = this.#pending.get(key)
    if (underWay !== undefined) {
      underWay.readers.push(reader)
      return underWay
    }
    const version = this.#version
    const read: PendingRead = { readers: [reader] }
    this.#pending.set(key, read)
    this.#scheduler.spend(group.isUnfiltered ? READ_COST : FILTERED_READ_COST)
    let memory: FrameMemory | undefined
    const allocate = (length: number): Buffer => (memory = this.#pool.acquire(length)).events(length)
    this.#store.read(cursor, group.filter, LIMITS, allocate).then((page) => {
      this.#pending.delete(key)
      const frame = this.#build(group, page, version, memory)
      memory?.release()
      if (group.subscribers > 1) this.#cache(key, frame)
      for (const each of read.readers) each.receive(read, frame)
      frame.memory?.release()
    }).catch((error) => {
      this.#pending.delete(key)
      for (const each of read.readers) each.fail(read, error)
    })
    return read
  }

  #build({ encoding, isUnfiltered }: FilterGroup, page: Page, version: number, memory: FrameMemory | undefined): SharedFrame {
    const count = isUnfiltered ? this.#countToMark(page) : page.count
    const isCut = count < page.count
    const cursor = isCut ? page.cursorOf(count - 1) : page.cursor
    const frame = { count, cursor, hasMore: isCut || page.hasMore, version }
    if (count === 0) return { ...frame, bytes: NOTHING }
    if (memory === undefined) throw new Error('a store did not use the memory that it was given')
    return { ...frame, ...encoding.events(page, count, cursor, memory, this.#pool) }
  }

  /** How many events of a page lie before the first mark. */
  #countToMark(page: Page): number {
    if (this.#marks.size === 0) return page.count
    for (let i = 0; i < page.count; i++) if (this.#marks.has(page.cursorOf(i))) return i + 1
    return page.count
  }

  #cache(key: string, frame: SharedFrame): void {
    frame.memory?.retain()
    this.#evict(key)
    this.#cached.set(key, frame)
    if (this.#cached.size > MAX_CACHED) this.#evict(this.#cached.keys().next().value!)
  }

  #evict(key: string): void {
    this.#cached.get(key)?.memory?.release()
    this.#cached.delete(key)
  }
}

/** A text that is the same for filters that mean the same, and for no others. */
function filterKey({ types, users }: Filter): string {
  return JSON.stringify([types && [...types].sort(), users && [...users].sort()])
}

/** Names a cursor of a group. */
export function keyOf(group: FilterGroup, cursor: string): string {
  return `${group.id} ${cursor}`
}
