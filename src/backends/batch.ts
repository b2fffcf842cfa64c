/**
 * A batch: the valid events of one request as a struct of arrays, so that ten thousand events are a handful of typed
 * arrays and one run of bytes instead of ten thousand objects. All memory is the batch's own: the ingest path writes into it, a
 * backend copies what it keeps and writes one verdict an event; it is used again from request to request.
 */

/** What became of one event of a batch. */
export const Verdict = {
  /** Not judged yet; no event leaves a backend with it. */
  Pending: 0,
  /** Taken and counted. */
  Accepted: 1,
  /** Taken, but older than any window can reach. [TIME-2] */
  Late: 2,
  /** Its id was known. [DEDUP-1] */
  Duplicate: 3,
  /** Not accepted: its user is not known and no more can be. [DEDUP-4] */
  UserCapacity: 4,
  /** Not accepted: the engine has no room. [STORE-3] */
  StorageFull: 5,
  /** Not accepted: the engine cannot be used. [STORE-3] */
  StorageUnavailable: 6,
  /** Not accepted: the wall clock has leapt, and by the two times that it may be now the event has different verdicts. [TIME-4] */
  ClockUnsettled: 7
} as const

/** One of the values of `Verdict`. */
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

/** The least that a batch has for the bytes of its events. */
const MIN_BYTES = 4096

/** Valid events on their way into a store. Grows to the largest request it has seen. */
export class Batch {
  /** How many events it holds. */
  count = 0
  /** The canonical bytes of the events, of which `byteLength` are in use; `start` and `end` are offsets into it. */
  bytes: Buffer = Buffer.alloc(0)
  /** Bytes in use. */
  byteLength = 0
  /** Event ids, four big-endian 32-bit words each. */
  ids: Uint32Array
  /** Index into EVENT_TYPES. */
  types: Uint8Array
  /** Milliseconds since 1970. */
  times: Float64Array
  /** First byte of the event's canonical JSON. */
  start: Uint32Array
  /** First byte after the event's canonical JSON. */
  end: Uint32Array
  /** First byte of the user id's UTF-8 in `bytes`. */
  userStart: Uint32Array
  /** First byte after the user id's UTF-8. */
  userEnd: Uint32Array
  /** Place in the request, from 0. */
  index: Uint32Array
  /** One `Verdict` an event, written by the backend. */
  verdicts: Uint8Array

  constructor(capacity = 16) {
    this.ids = new Uint32Array(capacity * 4)
    this.types = new Uint8Array(capacity)
    this.times = new Float64Array(capacity)
    this.start = new Uint32Array(capacity)
    this.end = new Uint32Array(capacity)
    this.userStart = new Uint32Array(capacity)
    this.userEnd = new Uint32Array(capacity)
    this.index = new Uint32Array(capacity)
    this.verdicts = new Uint8Array(capacity)
  }

  /** A batch again, from what another thread has received of one. */
  static from(received: Batch): Batch {
    const { buffer, byteOffset, length } = received.bytes
    return Object.assign(new Batch(0), received, { bytes: Buffer.from(buffer, byteOffset, length), byteLength: length })
  }

  /** Grows the columns, if need be, for so many more events. Amortized O(events). */
  reserve(events = 1): void {
    if (this.count + events <= this.types.length) return
    const larger = new Batch(Math.max(this.types.length * 2, this.count + events))
    larger.ids.set(this.ids)
    larger.types.set(this.types)
    larger.times.set(this.times)
    larger.start.set(this.start)
    larger.end.set(this.end)
    larger.userStart.set(this.userStart)
    larger.userEnd.set(this.userEnd)
    larger.index.set(this.index)
    larger.verdicts.set(this.verdicts)
    const { count, bytes, byteLength } = this
    Object.assign(this, larger, { count, bytes, byteLength })
  }

  /** Appends bytes, or the UTF-8 of a text, and returns their offset. Amortized O(length). */
  write(text: string | Uint8Array): number {
    const offset = this.byteLength
    this.byteLength += typeof text === 'string' ? Buffer.byteLength(text) : text.length
    if (this.byteLength > this.bytes.length) this.#grow(offset, Math.max(this.byteLength, 2 * this.bytes.length))
    if (typeof text === 'string') this.bytes.write(text, offset)
    else this.bytes.set(text, offset)
    return offset
  }

  /** Grows the memory of the bytes, if need be, for so many more, which spares `write` from growing bit by bit. */
  reserveBytes(length: number): void {
    if (this.byteLength + length > this.bytes.length) this.#grow(this.byteLength, this.byteLength + length)
  }

  /** Forgets the events and their verdicts, so that none passes for one of the next request. */
  clear(): void {
    this.verdicts.fill(Verdict.Pending, 0, this.count)
    this.count = 0
    this.byteLength = 0
  }

  /** Moves the bytes in use into memory of so many. */
  #grow(used: number, length: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(MIN_BYTES, length))
    this.bytes.copy(larger, 0, 0, used)
    this.bytes = larger
  }
}
