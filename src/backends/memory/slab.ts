/**
 * A slab: a fixed stretch of the event log. Events lie one behind the other with a comma between, so that any run of
 * them is ready to be sent, and columns of type and user hash beside them answer a filter without reading them.
 */

const COMMA = 0x2c
/** No valid event is shorter, so this many bytes an event never leave a slab out of places before it is out of bytes. */
const SHORTEST_EVENT_BYTES = 120

/** See above. */
export class Slab {
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

  /**
   * @param size bytes for events, a multiple of four
   * @param memory where the slab lies, from `at` on, a multiple of four; as much as `byteLength` says
   */
  constructor(size: number, memory: ArrayBuffer, at: number) {
    const places = placesOf(size)
    this.bytes = Buffer.from(memory, at, size)
    this.offsets = new Uint32Array(memory, at + size, places + 1)
    this.userHashes = new Int32Array(memory, at + size + 4 * (places + 1), places)
    this.types = new Uint8Array(memory, at + size + 4 * (2 * places + 1), places)
    this.offsets[0] = 0
  }

  /** Bytes that a slab of this size takes in all. */
  static byteLength(size: number): number {
    return size + 4 * Math.ceil((9 * placesOf(size) + 4) / 4)
  }

  /** Starts over. */
  reset(base: number, arrival: number): void {
    this.base = base
    this.arrival = arrival
    this.count = 0
  }

  /** Position behind the last event. */
  get end(): number {
    return this.base + this.count
  }

  /** Whether an event of this length still fits. */
  fits(length: number): boolean {
    return this.count < this.types.length && this.offsets[this.count] + length + 1 <= this.bytes.length
  }

  /** Takes the place for an event and the comma behind it; its bytes follow by `fill`. */
  reserve(length: number, type: number, userHash: number): void {
    this.types[this.count] = type
    this.userHashes[this.count] = userHash
    this.offsets[this.count + 1] = this.offsets[this.count] + length + 1
    this.count++
  }

  /** Copies a run of events, one byte apart, over the places reserved last, and puts the commas between them. */
  fill(target: number, source: Buffer, start: number, end: number): void {
    source.copy(this.bytes, target, start, end)
    for (let i = this.count; i > 0 && this.offsets[i] > target; i--) this.bytes[this.offsets[i] - 1] = COMMA
  }
}

function placesOf(size: number): number {
  return Math.ceil(size / SHORTEST_EVENT_BYTES)
}
