/**
 * A segment: a fixed part of the event log. Events lie one after the other with a comma between, so that any run of
 * them is ready to be sent, and columns of type and user hash beside them answer a filter without reading them.
 */
import { Verdict, type Batch } from '../../batch.ts'

const COMMA = 0x2c

/** The type of an event that keeps its position and is in no page: a journal may hold an id twice, and it is handed out once. [TIME-4] */
export const HIDDEN = 255

/** No valid event is shorter, so this many bytes an event never leave a segment out of places before it is out of bytes. */
const SHORTEST_EVENT_BYTES = 120

/** One segment; its memory is part of a piece that the log has cut, and stays its own. */
export class Segment {
  readonly bytes: Buffer
  /** First byte of each event; the event before it ends one byte earlier, at its comma. */
  readonly offsets: Uint32Array
  readonly userHashes: Int32Array
  readonly types: Uint8Array
  /** Position of the first event in the log. */
  base = 0
  /** When the first event arrived, milliseconds since 1970. */
  arrival = 0
  count = 0
  /** Whether an event of it is hidden. */
  hasHidden = false

  /**
   * @param size bytes for events, a multiple of four
   * @param memory where the segment lies, from `at` on, a multiple of four; as much as `byteLength` says
   */
  constructor(size: number, memory: ArrayBuffer, at: number) {
    const places = placesOf(size)
    this.bytes = Buffer.from(memory, at, size)
    this.offsets = new Uint32Array(memory, at + size, places + 1)
    this.userHashes = new Int32Array(memory, at + size + 4 * (places + 1), places)
    this.types = new Uint8Array(memory, at + size + 4 * (2 * places + 1), places)
    this.offsets[0] = 0
  }

  /** Bytes that a segment of this size takes in all. */
  static byteLength(size: number): number {
    return size + 4 * Math.ceil((9 * placesOf(size) + 4) / 4)
  }

  /** Starts over. */
  reset(base: number, arrival: number): void {
    this.base = base
    this.arrival = arrival
    this.count = 0
    this.hasHidden = false
  }

  /** Position after the last event. */
  get end(): number {
    return this.base + this.count
  }

  /** Whether an event of this length still fits. */
  fits(length: number): boolean {
    return this.count < this.types.length && this.offsets[this.count] + length + 1 <= this.bytes.length
  }

  /**
   * Takes event `from` of a batch, which fits, and those after it that the log is to take, lie in the batch one byte apart,
   * and still fit: their bytes in one piece, then the commas between. Returns the index after the last.
   * @param userHashes one an event
   */
  takeRun(batch: Batch, userHashes: Int32Array, from: number): number {
    const { verdicts, start, end, types } = batch
    const { bytes, offsets } = this
    const target = offsets[this.count]
    const shift = target - start[from]
    const most = Math.min(batch.count, from + this.types.length - this.count)
    let to = from + 1
    while (to < most && isTaken(verdicts[to]) && start[to] === end[to - 1] + 1 && end[to] + shift < bytes.length) to++
    batch.bytes.copy(bytes, target, start[from], end[to - 1])
    let count = this.count
    for (let i = from; i < to; i++) {
      this.types[count] = types[i]
      if (types[i] === HIDDEN) this.hasHidden = true
      this.userHashes[count] = userHashes[i]
      const comma = end[i] + shift
      bytes[comma] = COMMA
      offsets[++count] = comma + 1
    }
    this.count = count
    return to
  }
}

/** Whether the log takes events of this verdict. */
export function isTaken(verdict: number): boolean {
  return verdict === Verdict.Accepted || verdict === Verdict.Late
}

function placesOf(size: number): number {
  return Math.ceil(size / SHORTEST_EVENT_BYTES)
}
