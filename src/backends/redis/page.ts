/** A page of events out of several partitions, and the cursor after each of them. */
import type { Allocate, Page } from '../backend.ts'
import type { LogPosition } from './cursor.ts'
import type { PartitionsRead, LoggedEvent } from './log-reader.ts'

const NOTHING = Buffer.alloc(0)

/** A page whose events come from several partitions, so that the cursor after each is made of several positions. */
export class PartitionPage implements Page {
  readonly count: number
  readonly bytes: Buffer
  readonly offsets: Uint32Array
  readonly cursor: string
  readonly hasMore: boolean
  readonly #looked: readonly LoggedEvent[]
  readonly #ends: readonly number[]
  readonly #format: (positions: readonly LogPosition[]) => string
  /** The positions after the first `#passed` events that were looked at; mostly one of them moves on by one event. */
  #positions: LogPosition[]
  #passed = 0
  readonly #start: readonly LogPosition[]

  /** @param hasMore whether more is retained after a position */
  constructor(
    read: PartitionsRead, format: (positions: readonly LogPosition[]) => string, hasMore: (positions: readonly LogPosition[]) => boolean,
    allocate: Allocate = Buffer.allocUnsafe
  ) {
    const { start, events, looked, ends } = read
    this.count = events.length
    this.offsets = new Uint32Array(events.length + 1)
    events.forEach(({ bytes }, i) => { this.offsets[i + 1] = this.offsets[i] + bytes.length + 1 })
    this.bytes = events.length === 0 ? NOTHING : allocate(this.offsets[events.length] - 1).fill(',')
    events.forEach(({ bytes }, i) => bytes.copy(this.bytes, this.offsets[i]))
    this.#looked = looked
    this.#ends = ends
    this.#format = format
    this.#start = start
    this.#positions = [...start]
    const end = this.#positionsAfter(looked.length)
    this.cursor = format(end)
    this.hasMore = hasMore(end)
  }

  cursorOf(index: number): string {
    return this.#format(this.#positionsAfter(this.#ends[index]))
  }

  #positionsAfter(looked: number): readonly LogPosition[] {
    if (looked < this.#passed) {
      this.#positions = [...this.#start]
      this.#passed = 0
    }
    for (; this.#passed < looked; this.#passed++) {
      const { partition, position } = this.#looked[this.#passed]
      this.#positions[partition] = { epoch: this.#positions[partition].epoch, position }
    }
    return this.#positions
  }
}
