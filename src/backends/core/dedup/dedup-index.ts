/**
 * Remembers event ids for at least eight days, so that an id counts once [DEDUP-1, DEDUP-2]: a keyed hash of each, of which
 * eight bytes are stored beside the stamp of the generation that it came in. The oldest generation is forgotten first, when its time is over
 * or when there is no more room [DEDUP-4]; that is a change of which stamps live, and their room is free at once.
 */
import { Verdict, type Batch } from '../../batch.ts'
import type { ClockReading } from '../clock/clock-reading.ts'
import { Generations, type SavedGenerations } from './generations.ts'
import { IdTable, shardsFor } from './id-table.ts'
import { STRIDE } from './id-shard.ts'

/** Most ids that an index can remember. */
export const MAX_DEDUP_CAPACITY = 2_000_000_000

/** Of all there may be, a generation has one in so many at the most. */
const GENERATIONS = 64

/**
 * How soon a walk through all lines has been made: by when so many generations have come by number, or a day has passed. So
 * fewer than 40 stamps rest at a time, and there are over 90 to spare while the clocks agree.
 */
const WALK_GENERATIONS = 16
const WALK_MINUTES = 24 * 60
/** Fewest lines that are walked at a time, and most: a millisecond. */
const FEWEST_LINES = 64
const MOST_LINES = 16_384

/** What an index is beside the images of its table. */
export interface SavedIds {
  capacity: number
  generations: SavedGenerations
  /** Bytes of each image. */
  images: readonly number[]
}

/** All ids that are remembered. */
export class DedupIndex {
  readonly capacity: number
  readonly #table: IdTable
  readonly #generations: Generations
  /** Lines that are to be walked. */
  #owed = 0
  /** The minute up to which they have been reckoned. */
  #minute = 0

  constructor(capacity: number) {
    if (!(capacity >= 1 && capacity <= MAX_DEDUP_CAPACITY)) throw new RangeError(`capacity must be 1 to ${MAX_DEDUP_CAPACITY}`)
    this.capacity = capacity
    this.#table = new IdTable(shardsFor(capacity))
    this.#generations = new Generations(Math.max(1, Math.floor(capacity / GENERATIONS)))
  }

  /** Ids that count as known. */
  get size(): number {
    return this.#generations.size
  }

  /** Bytes taken from the system. */
  get byteLength(): number {
    return this.#table.byteLength
  }

  /** For how many minutes every id has been remembered at the least: HORIZON_MINUTES unless room ran out. */
  get horizonMinutes(): number {
    return this.#generations.horizonMinutes
  }

  /** Whether any id was ever forgotten. */
  get hasForgotten(): boolean {
    return this.#generations.hasForgotten
  }

  /** What there is to be kept of it; the images are views that last until ids are added. */
  save(): { saved: SavedIds, images: readonly Uint8Array[] } {
    const { images } = this.#table
    return { saved: { capacity: this.capacity, generations: this.#generations.save(), images: images.map(({ length }) => length) }, images }
  }

  /**
   * Becomes an index that was saved; to be called while it holds no ids. `fill` writes the images, one after the other.
   * @throws RangeError where that one had another capacity
   */
  async load({ capacity, generations, images }: SavedIds, fill: (memory: Uint8Array) => Promise<void>): Promise<void> {
    if (capacity !== this.capacity) throw new RangeError('these are the ids of an index of another capacity')
    await this.#table.takeImages(images, fill)
    this.#generations.load(generations)
    this.#minute = this.#generations.minute
    this.#live()
  }

  /** Sets the time at which ids arrive from now on. Never goes back. */
  setTime(now: ClockReading): void {
    this.#generations.setTime(now)
  }

  /** Forgets what is due, and goes on with the walk. */
  expire(): void {
    if (this.#generations.expire()) this.#live()
    const { minute } = this.#generations
    this.#owe(this.#table.lines * (minute - this.#minute) / WALK_MINUTES)
    this.#minute = minute
  }

  /** Adds the ids of the events `from .. to - 1` that are not known, a STRIDE at the most; says in the verdicts, Accepted or Duplicate, which were. */
  claim({ ids, verdicts }: Batch, from: number, to: number): void {
    this.#table.take(ids, from, to)
    this.#claim()
    this.#table.writeVerdicts(verdicts)
  }

  /** Whether an id is known. */
  has(ids: Uint32Array, at: number): boolean {
    this.#table.take(ids, at / 4, at / 4 + 1)
    return this.#table.stampOf(at / 4) !== 0
  }

  /** Adds an id that is not known. */
  add(ids: Uint32Array, at: number): void {
    this.#table.take(ids, at / 4, at / 4 + 1)
    this.#claim()
  }

  /** Remembers an id that is known from now on. */
  refresh(ids: Uint32Array, at: number): void {
    if (this.#generations.room === 0) this.#begin()
    this.#table.take(ids, at / 4, at / 4 + 1)
    const before = this.#table.restamp(at / 4, this.#generations.stamps[1])
    if (before === 0) return this.#claim()
    this.#generations.remove(before)
    this.#generations.add(1)
  }

  /** Takes back the ids of the events of a batch that have the verdict Accepted. Those that are forgotten already are none. */
  retract({ ids, verdicts, count }: Batch): void {
    for (let from = 0; from < count; from += STRIDE) {
      const to = Math.min(from + STRIDE, count)
      this.#table.take(ids, from, to)
      for (let i = from; i < to; i++) {
        const stamp = verdicts[i] === Verdict.Accepted ? this.#table.restamp(i, 0) : 0
        if (stamp !== 0) this.#generations.remove(stamp)
      }
    }
  }

  /** Claims all ids that were taken. */
  #claim(): void {
    let added = 0
    for (;;) {
      const generations = this.#generations
      const now = this.#table.claim(generations.stamps[1], Math.max(0, Math.min(generations.room, this.capacity - generations.size)))
      generations.add(now)
      added += now
      if (this.#table.isDone) break
      if (generations.size >= this.capacity) {
        generations.evict()
        this.#live()
      }
      if (generations.room === 0) this.#begin()
    }
    this.#owe(this.#table.lines * added / (WALK_GENERATIONS * this.#generations.most))
  }

  /** Begins a generation. Only a replay of very many days can find no stamp: what is over by its time goes then, and else the newest goes on. */
  #begin(): void {
    const generations = this.#generations
    if (!generations.hasStamp && !generations.isResting) generations.expire()
    while (!generations.hasStamp && generations.isResting) this.#walk(MOST_LINES)
    if (generations.hasStamp) generations.begin()
    else generations.prolong()
    this.#live()
  }

  #live(): void {
    this.#table.setLive(...this.#generations.stamps)
  }

  #owe(lines: number): void {
    if (!this.#generations.isResting) {
      this.#owed = 0
      return
    }
    this.#owed = Math.min(this.#owed + lines, this.#table.lines)
    if (this.#owed < FEWEST_LINES) return
    const now = Math.min(this.#owed, MOST_LINES)
    this.#owed -= now
    this.#walk(Math.ceil(now))
  }

  #walk(lines: number): void {
    if (this.#table.sweep(lines)) this.#generations.walked()
  }
}
