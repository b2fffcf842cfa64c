/**
 * The fast path of events into a batch: from the bytes of a body straight to canonical bytes, without a string or an object
 * being made. The scan itself is in `assembly/scan/`; here it is given the body a chunk at a time, and the batch copies
 * what it writes. Whatever it does not know to the letter it leaves to the slow path.
 */
import { EVENT_MAX_BYTES } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import { ScanModule } from './scan-module.ts'
import { FUTURE_TOLERANCE } from './slow-path.ts'

/** How the events of a body are laid out, as the scan numbers it: the items of an array, or one a line. */
export const Layout = { Items: 0, Lines: 1 } as const
export type Layout = (typeof Layout)[keyof typeof Layout]

/** Where reading stopped. */
export const ScanStop = {
  /** After an event and, where each has one, its line. */
  After: 0,
  /** Before an event to go on with. */
  Before: 1,
  /** Before one that is left to the slow path. */
  SlowPath: 2
} as const
export type ScanStop = (typeof ScanStop)[keyof typeof ScanStop]

/** Events that are copied one by one. */
const FEW = 8

const NO_BODY: Buffer = Buffer.alloc(0)

/** Reads bodies, many at a time and none of them altered: what lies in the scan's memory is known by its body and position. */
export class Scanner {
  readonly #scan = new ScanModule()
  readonly #padding = Buffer.alloc(this.#scan.paddingBytes)
  /** The body a chunk of which lies in the scan's memory, from where to where. */
  #body: Buffer = NO_BODY
  #from = 0
  #to = 0
  /** Where the last call of `read` ended, … */
  end = 0
  /** … and what comes there. */
  stop: ScanStop = ScanStop.After

  /** Forgets a body. */
  close(body: Buffer): void {
    if (this.#body === body) this.#body = NO_BODY
  }

  /**
   * Reads events from `at` on, where one begins, into the batch: at most `room` of them, and as many as it can in one go;
   * `end` and `stop` tell where it stopped. Returns how many. O(bytes read), at most a chunk of 128 KiB.
   * @param index the number of the first one in the request
   * @param now the core's now
   */
  read(body: Buffer, at: number, layout: Layout, batch: Batch, index: number, room: number, now: number): number {
    if (body !== this.#body || at < this.#from || at >= this.#to || this.#mayBeCut(at)) this.#load(body, at)
    const { functions, mostEvents, chunk, output } = this.#scan
    const shift = this.#from - chunk
    const most = Math.min(room, mostEvents)
    const count = functions.run(
      at - shift, this.#to - shift, this.#to === body.length, layout, now + FUTURE_TOLERANCE, index, batch.byteLength - output, most
    )
    this.end = functions.runEnd() + shift
    if (functions.isAtEvent() === 0) this.stop = ScanStop.After
    else this.stop = count === most || this.#mayBeCut(this.end) ? ScanStop.Before : ScanStop.SlowPath
    if (count > 0) this.#addEvents(batch, count)
    return count
  }

  /** Adds the events of the last run to the batch. */
  #addEvents(batch: Batch, count: number): void {
    const { functions, memory, output, ids, types, times, start, end, userStart, userEnd, index } = this.#scan
    batch.write(memory.subarray(output, output + functions.outputBytes()))
    batch.reserve(count)
    const at = batch.count
    batch.count += count
    if (count <= FEW) { // views for a few entries would cost more than the entries
      for (let i = 0; i < count; i++) {
        for (let word = 0; word < 4; word++) batch.ids[(at + i) * 4 + word] = ids[i * 4 + word]
        batch.types[at + i] = types[i]
        batch.times[at + i] = times[i]
        batch.start[at + i] = start[i]
        batch.end[at + i] = end[i]
        batch.userStart[at + i] = userStart[i]
        batch.userEnd[at + i] = userEnd[i]
        batch.index[at + i] = index[i]
      }
      return
    }
    batch.ids.set(ids.subarray(0, count * 4), at * 4)
    batch.types.set(types.subarray(0, count), at)
    batch.times.set(times.subarray(0, count), at)
    batch.start.set(start.subarray(0, count), at)
    batch.end.set(end.subarray(0, count), at)
    batch.userStart.set(userStart.subarray(0, count), at)
    batch.userEnd.set(userEnd.subarray(0, count), at)
    batch.index.set(index.subarray(0, count), at)
  }

  /** Copies the chunk of the body that begins at `at` into the scan's memory. */
  #load(body: Buffer, at: number): void {
    const { memory, chunk, chunkBytes } = this.#scan
    this.#body = body
    this.#from = at
    this.#to = Math.min(body.length, at + chunkBytes)
    memory.set(body.subarray(at, this.#to), chunk)
    memory.set(this.#padding, chunk + this.#to - at)
  }

  /** Whether an event at `at` may go on after the chunk, and would be whole in one that begins with it. */
  #mayBeCut(at: number): boolean {
    return at > this.#from && this.#to < this.#body.length && this.#to - at <= EVENT_MAX_BYTES
  }
}
