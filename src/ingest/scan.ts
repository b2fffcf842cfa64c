/**
 * The fast way of events into a batch: over the bytes of a body, without a string or an object being made. The scan itself
 * is in `assembly/scan/`; here it is lent the body a stretch at a time, and what it finds goes into the batch. Whatever it does
 * not know to the letter it leaves to the plain path.
 */
import { EVENT_MAX_BYTES } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import type { Overflow } from './overflow.ts'
import { FUTURE_TOLERANCE } from './plain-path.ts'
import { ScanModule } from './scan-module.ts'

/** How the events of a body are laid out, as the scan numbers it: the items of an array, or one a line. */
export const Layout = { Items: 0, Lines: 1 } as const
export type Layout = (typeof Layout)[keyof typeof Layout]

/** Where reading stopped. */
export const Place = {
  /** Behind an event and, where each has one, its line. */
  Behind: 0,
  /** Before an event to go on with. */
  Before: 1,
  /** Before one that is left to the plain path. */
  Stuck: 2
} as const
export type Place = (typeof Place)[keyof typeof Place]

const NO_BODY: Buffer = Buffer.alloc(0)

/** See above. Reads one body at a time; offsets are those of the body. */
export class Scanner {
  readonly #scan = new ScanModule()
  readonly #padding = Buffer.alloc(this.#scan.paddingBytes)
  #body: Buffer = NO_BODY
  #overflow: Overflow | undefined
  /** What of the body lies in the scan's memory. */
  #from = 0
  #to = 0
  /** Where the last call of `read` ended, … */
  end = 0
  /** … and what is there. */
  place: Place = Place.Behind

  /** Begins with a body, which the scanner may alter until it is closed; events that do not fit where they lie go into its overflow. */
  open(body: Buffer, overflow: Overflow): void {
    this.#body = body
    this.#overflow = overflow
    this.#from = this.#to = 0
  }

  /** Lets go of the body. */
  close(): void {
    this.#body = NO_BODY
    this.#overflow = undefined
  }

  /**
   * Reads events from `at` on, where one begins, into the batch: at most `room` of them, and as many as it can in one go;
   * `end` and `place` tell where it stopped. Returns how many. O(bytes read).
   * @param index the number of the first one in the request
   * @param now the core's now
   */
  read(at: number, layout: Layout, batch: Batch, index: number, room: number, now: number): number {
    if (at < this.#from || at >= this.#to || this.#mayBeCut(at)) this.#lend(at)
    const { functions, memory, mostEvents, stretch, transcript } = this.#scan
    const shift = this.#from - stretch
    const transcriptShift = this.#overflow!.end - transcript
    const most = Math.min(room, mostEvents)
    const count = functions.run(
      at - shift, this.#to - shift, this.#to === this.#body.length, layout, now + FUTURE_TOLERANCE, index, shift, transcriptShift, most
    )
    this.end = functions.runEnd() + shift
    if (functions.isAtEvent() === 0) this.place = Place.Behind
    else this.place = count === most || this.#mayBeCut(this.end) ? Place.Before : Place.Stuck
    if (functions.hasAltered() === 1) this.#body.set(memory.subarray(at - shift, this.end - shift), at)
    const transcriptBytes = functions.transcriptBytes()
    if (transcriptBytes > 0) this.#overflow!.write(memory.subarray(transcript, transcript + transcriptBytes))
    if (count > 0) this.#hand(batch, count)
    return count
  }

  /** Adds the events of the last run to the batch. */
  #hand(batch: Batch, count: number): void {
    const { ids, types, times, start, end, userStart, userEnd, index } = this.#scan
    batch.reserve(count)
    const at = batch.count
    batch.ids.set(ids.subarray(0, count * 4), at * 4)
    batch.types.set(types.subarray(0, count), at)
    batch.times.set(times.subarray(0, count), at)
    batch.start.set(start.subarray(0, count), at)
    batch.end.set(end.subarray(0, count), at)
    batch.userStart.set(userStart.subarray(0, count), at)
    batch.userEnd.set(userEnd.subarray(0, count), at)
    batch.index.set(index.subarray(0, count), at)
    batch.count += count
  }

  /** Puts the stretch of the body that begins at `at` into the scan's memory. */
  #lend(at: number): void {
    const { memory, stretch, stretchBytes } = this.#scan
    this.#from = at
    this.#to = Math.min(this.#body.length, at + stretchBytes)
    memory.set(this.#body.subarray(at, this.#to), stretch)
    memory.set(this.#padding, stretch + this.#to - at)
  }

  /** Whether an event at `at` may go on behind the stretch, and would be whole in one that begins with it. */
  #mayBeCut(at: number): boolean {
    return at > this.#from && this.#to < this.#body.length && this.#to - at <= EVENT_MAX_BYTES
  }
}
