/**
 * The newest events in order of arrival, as canonical JSON, in a bounded number of bytes. The log is a row of segments; the
 * oldest is emptied and used again when there is no room for a new one. An event's position is its number in the order
 * of arrival, from 0.
 */
import type { Allocate, Filter, PageLimits } from '../../backend.ts'
import type { Batch } from '../../batch.ts'
import type { LogRead } from './page.ts'
import { PreparedFilter } from './prepared-filter.ts'
import { Segment, isTaken } from './segment.ts'

/** Smallest log, in bytes. */
export const MIN_LOG_BYTES = 1 << 20

const SMALLEST_SEGMENT = 1 << 16
const LARGEST_SEGMENT = 1 << 20

/**
 * Segments are cut from pieces of at most so many bytes. The system gives memory to what is used of a piece, while the garbage
 * collector, which looks around whenever much has been allocated, is told of all of it at once.
 */
const LARGEST_PIECE = 1 << 30

/** Most events that one filtered read looks at. */
const SCAN_LIMIT = 1 << 16

const NOTHING = Buffer.alloc(0)

/** Matches everything that is not hidden. */
const NO_FILTER = new PreparedFilter({}, () => 0)

/** The log of one history. Readers are given copies, so that nothing of a segment is seen after it is used again. */
export class EventLog {
  readonly capacity: number
  readonly #hashUser: (user: string) => number
  readonly #segmentSize: number
  readonly #maxSegments: number
  readonly #segments: Segment[] = []
  /** The piece that is being cut up, and how much of it has been used. */
  #piece = new ArrayBuffer(0)
  #cut = 0
  readonly #prepared = new WeakMap<Filter, PreparedFilter>()
  #next = 0

  /**
   * @param capacity most bytes, from MIN_LOG_BYTES on
   * @param hashUser the hash of a user id, the same that `append` is given
   */
  constructor(capacity: number, hashUser: (user: string) => number) {
    if (!(capacity >= MIN_LOG_BYTES)) throw new RangeError(`an event log takes at least ${MIN_LOG_BYTES} bytes`)
    this.capacity = capacity
    this.#hashUser = hashUser
    this.#segmentSize = Math.min(LARGEST_SEGMENT, Math.max(SMALLEST_SEGMENT, 4 * Math.floor(capacity / 64)))
    this.#maxSegments = Math.floor(capacity / Segment.byteLength(this.#segmentSize))
  }

  /** Position of the oldest retained event. */
  get first(): number {
    return this.#segments.length > 0 ? this.#segments[0].base : this.#next
  }

  /** Position after the newest event. */
  get next(): number {
    return this.#next
  }

  /** Bytes taken. */
  get byteLength(): number {
    return this.#segments.length * Segment.byteLength(this.#segmentSize)
  }

  /** When the oldest retained event arrived, or undefined. */
  get oldestArrival(): number | undefined {
    return this.#segments.length > 0 ? this.#segments[0].arrival : undefined
  }

  /** Says where an empty log begins. */
  startAt(position: number): void {
    if (this.#segments.length > 0) throw new RangeError('the log is not empty')
    this.#next = position
  }

  /**
   * Adds the accepted events of a batch. Events that lie in the batch as they will lie in the log, one byte apart, are
   * copied as one run: for a minified body without duplicates that is one copy.
   * @param userHashes one an event
   */
  append(batch: Batch, userHashes: Int32Array, now: number): void {
    let segment = this.#segments.at(-1)
    for (let i = 0; i < batch.count;) {
      if (!isTaken(batch.verdicts[i])) {
        i++
        continue
      }
      if (segment === undefined || !segment.fits(batch.end[i] - batch.start[i])) segment = this.#newSegment(now)
      const end = segment.takeRun(batch, userHashes, i)
      this.#next += end - i
      i = end
    }
  }

  /** The events from a position on that match; the caller has made sure that it is retained. */
  read(position: number, filter: Filter, limits: PageLimits, allocate: Allocate = Buffer.allocUnsafe): LogRead {
    const reader = new Reader(limits, allocate)
    const scanEnd = Math.min(this.#next, position + SCAN_LIMIT)
    const prepared = this.#prepare(filter)
    let next = position
    for (let s = this.#segmentIndex(position); s < this.#segments.length && next < scanEnd; s++) {
      const segment = this.#segments[s]
      const end = Math.min(segment.count, scanEnd - segment.base)
      if (prepared === undefined && !segment.hasHidden) {
        const from = next - segment.base
        const taken = reader.takeRun(segment, from, end)
        next += taken
        if (from + taken < end) return reader.finish(next)
        continue
      }
      for (let i = next - segment.base; i < end; i++) {
        if ((prepared ?? NO_FILTER).matches(segment, i) && reader.takeRun(segment, i, i + 1) === 0) return reader.finish(next)
        next++
      }
    }
    return reader.finish(next)
  }

  /** The position from which on the newest matching events fill the limits; looks back a bounded way. */
  positionOfNewest(filter: Filter, limits: PageLimits): number {
    const prepared = this.#prepare(filter)
    const scanEnd = Math.max(this.first, this.#next - SCAN_LIMIT)
    let found = 0
    let bytes = 0
    let position = this.#next
    for (let s = this.#segments.length - 1; s >= 0 && position > scanEnd; s--) {
      const segment = this.#segments[s]
      for (let i = segment.count - 1; i >= 0 && position > scanEnd; i--) {
        if ((prepared === undefined && !segment.hasHidden) || (prepared ?? NO_FILTER).matches(segment, i)) {
          bytes += segment.offsets[i + 1] - segment.offsets[i]
          if (found === limits.events || (found > 0 && bytes > limits.bytes)) return position
          found++
        }
        position--
      }
    }
    return position
  }

  #prepare(filter: Filter): PreparedFilter | undefined {
    if (filter.types === undefined && filter.users === undefined) return undefined
    let prepared = this.#prepared.get(filter)
    if (prepared === undefined) this.#prepared.set(filter, prepared = new PreparedFilter(filter, this.#hashUser))
    return prepared
  }

  #newSegment(now: number): Segment {
    const segment = this.#segments.length < this.#maxSegments ? this.#cutSegment() : this.#segments.shift()!
    segment.reset(this.#next, now)
    this.#segments.push(segment)
    return segment
  }

  #cutSegment(): Segment {
    const bytes = Segment.byteLength(this.#segmentSize)
    if (this.#cut + bytes > this.#piece.byteLength) {
      const left = this.#maxSegments - this.#segments.length
      this.#piece = Buffer.allocUnsafeSlow(bytes * Math.min(left, Math.floor(LARGEST_PIECE / bytes))).buffer as ArrayBuffer
      this.#cut = 0
    }
    this.#cut += bytes
    return new Segment(this.#segmentSize, this.#piece, this.#cut - bytes)
  }

  /** The segment that holds a position. O(log segments). */
  #segmentIndex(position: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle].end <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A run of events of one segment. */
interface Run {
  segment: Segment
  from: number
  to: number
}

/** Collects events within limits and copies them out, neighbours in one piece. */
class Reader {
  readonly #limits: PageLimits
  readonly #allocate: Allocate
  readonly #runs: Run[] = []
  #count = 0
  #bytes = 0

  constructor(limits: PageLimits, allocate: Allocate) {
    this.#limits = limits
    this.#allocate = allocate
  }

  /** Takes the events `from .. to - 1` of a segment, or as many of the first of them as the limits allow; returns how many. */
  takeRun(segment: Segment, from: number, to: number): number {
    const { offsets } = segment
    const most = Math.min(to, from + this.#limits.events - this.#count)
    const room = offsets[from] + this.#limits.bytes - this.#bytes
    let end = from
    while (end < most && offsets[end + 1] <= room) end++
    if (end === from && this.#count === 0 && most > from) end++ // one is returned even if it is larger
    if (end === from) return 0
    const last = this.#runs.at(-1)
    if (last !== undefined && last.segment === segment && last.to === from) last.to = end
    else this.#runs.push({ segment, from, to: end })
    this.#count += end - from
    this.#bytes += offsets[end] - offsets[from]
    return end - from
  }

  finish(next: number): LogRead {
    const bytes = this.#count === 0 ? NOTHING : this.#allocate(this.#bytes - 1)
    const offsets = new Uint32Array(this.#count + 1)
    const positions = new Float64Array(this.#count)
    let count = 0
    let at = 0
    for (const { segment, from, to } of this.#runs) {
      const start = segment.offsets[from]
      for (let i = from; i < to; i++, count++) {
        offsets[count] = segment.offsets[i] - start + at
        positions[count] = segment.base + i
      }
      segment.bytes.copy(bytes, at, start, segment.offsets[to])
      at += segment.offsets[to] - start
    }
    offsets[count] = at
    return { count, bytes, offsets, positions, next }
  }
}
