/**
 * Frames of events, read and built once for all subscribers who stand at the same place with the same filter. Those who
 * ask while a frame is being read share that read; those who come a little later find the frame still here.
 */
import type { EventStore, Filter, Page } from '../backends/backend.ts'
import type { Encoding } from './encoding.ts'
import { filterKey, isEverything } from './filter.ts'

/** Most events and bytes of events in a frame. */
const LIMITS = { events: 1000, bytes: 65_536 }

/** Most frames kept for those who come a little later. */
const MAX_KEPT = 64

/** All subscribers of one encoding and one filter. */
export interface Group {
  /** Names the group; short, whatever the filter. */
  readonly id: number
  readonly key: string
  readonly encoding: Encoding
  /** One object for all of them, so that a store prepares it once. */
  readonly filter: Filter
  /** Whether every event passes the filter. */
  readonly isWhole: boolean
  members: number
}

/** What came of one read. */
export interface Frame {
  /** How many events; with none there is nothing to send, but the place has moved. */
  readonly count: number
  readonly bytes: Buffer
  /** The place behind it. */
  readonly cursor: string
  /** Whether there was more when it was read. */
  readonly hasMore: boolean
  /** How often the log was known to have grown when the read began. */
  readonly version: number
  /** Whether others may be sent the same bytes; if not, who sends them may free them. */
  readonly isShared: boolean
}

/** One read under way. */
export interface Reading {
  readonly readers: FrameReader[]
}

/** Who is told what came of a read. */
export interface FrameReader {
  receive(reading: Reading, frame: Frame): void
  fail(reading: Reading, error: unknown): void
}

const NOTHING = Buffer.alloc(0)

/** See above. */
export class SharedFrames {
  readonly #store: EventStore
  readonly #marks: ReadonlySet<string>
  readonly #groups = new Map<string, Group>()
  #nextId = 0
  readonly #readings = new Map<string, Reading>()
  /** In the order in which they were built. */
  readonly #kept = new Map<string, Frame>()

  /** @param marks places that no unfiltered frame runs across, because something else is told of just that place */
  constructor(store: EventStore, marks: ReadonlySet<string>) {
    this.#store = store
    this.#marks = marks
  }

  /** The group of a filter, which the caller leaves when done. */
  join(encoding: Encoding, filter: Filter): Group {
    const key = `${encoding.name} ${filterKey(filter)}`
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { id: this.#nextId++, key, encoding, filter, isWhole: isEverything(filter), members: 0 }
      this.#groups.set(key, group)
    }
    group.members++
    return group
  }

  leave(group: Group): void {
    if (--group.members === 0) this.#groups.delete(group.key)
  }

  /** The frame behind a place if it is here and says all that there is to say. */
  find(group: Group, cursor: string, version: number): Frame | undefined {
    const frame = this.#kept.get(keyOf(group, cursor))
    return frame !== undefined && (frame.hasMore || frame.version === version) ? frame : undefined
  }

  /** Reads the frame behind a place, or joins those who wait for it. The reader is told later. */
  read(group: Group, cursor: string, version: number, reader: FrameReader): Reading {
    const key = keyOf(group, cursor)
    const underWay = this.#readings.get(key)
    if (underWay !== undefined) {
      underWay.readers.push(reader)
      return underWay
    }
    const reading: Reading = { readers: [reader] }
    this.#readings.set(key, reading)
    this.#store.read(cursor, group.filter, LIMITS).then((page) => {
      // From here on nobody joins, so it is known how many the frame is for.
      this.#readings.delete(key)
      const frame = this.#build(group, page, version, group.members > 1 || reading.readers.length > 1)
      if (frame.isShared) this.#keep(key, frame)
      for (const each of reading.readers) each.receive(reading, frame)
    }).catch((error) => {
      this.#readings.delete(key)
      for (const each of reading.readers) each.fail(reading, error)
    })
    return reading
  }

  #build({ encoding, isWhole }: Group, page: Page, version: number, isShared: boolean): Frame {
    const count = isWhole ? this.#countToMark(page) : page.count
    const isCut = count < page.count
    const cursor = isCut ? page.cursorOf(count - 1) : page.cursor
    const bytes = count === 0 ? NOTHING : encoding.events(page, count, cursor)
    return { count, bytes, cursor, hasMore: isCut || page.hasMore, version, isShared }
  }

  /** How many events of a page lie before the first mark. */
  #countToMark(page: Page): number {
    if (this.#marks.size === 0) return page.count
    for (let i = 0; i < page.count; i++) if (this.#marks.has(page.cursorOf(i))) return i + 1
    return page.count
  }

  #keep(key: string, frame: Frame): void {
    this.#kept.delete(key)
    this.#kept.set(key, frame)
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
  }
}

/** Names a place for all of a group. */
export function keyOf(group: Group, cursor: string): string {
  return `${group.id} ${cursor}`
}
