/**
 * When ids arrived: those that came within two hours, or a 64th of all that there may be, are a generation and go together
 * [DEDUP-4]. A generation has a stamp from 1 to 255, which its ids bear, and the stamps of all that live follow each other, 1
 * after 255. Once it is over its stamp rests until a walk through all ids has been made, so that none of them comes back to life.
 *
 * At most 97 that ended with time live, and 64 that ended by number (127 where the capacity is under 128); more only while one of
 * the two clocks stands still, and then the newest goes on once there is no stamp left.
 */
import type { ClockReading } from '../clock/clock-reading.ts'

const MINUTE = 60_000

/** How long an id is remembered at the least, in minutes. */
export const HORIZON_MINUTES = 8 * 24 * 60

/** How long a generation goes on, in minutes: as much longer may its first id be remembered. */
const SPAN_MINUTES = 2 * 60

const STAMPS = 255

/** Times are in whole minutes. */
interface Generation {
  stamp: number
  /** Ids of it that are known, and how many may be. */
  count: number
  most: number
  /** When it began, and when its newest id came. */
  start: ClockReading
  last: ClockReading
}

/** The generations as they can be written down. */
export interface SavedGenerations {
  live: readonly Generation[]
  now: ClockReading
  stamp: number
  resting: number
  restingLonger: number
  lost?: ClockReading
  hasForgotten: boolean
}

/** The generations of all ids that are known. */
export class Generations {
  /** Most ids of one. */
  readonly most: number
  /** Oldest first. */
  #live: Generation[] = []
  #newest: Generation | undefined
  #now: ClockReading = { wall: 0, elapsed: 0 }
  #size = 0
  /** The stamp that was given last. */
  #stamp = 0
  /** Stamps that rest until the walk under way ends, and those that rest until the next one does. */
  #resting = 0
  #restingLonger = 0
  /** The newest arrival that was forgotten before its time. */
  #lost: ClockReading | undefined
  #hasForgotten = false

  /** @param most ids of a generation */
  constructor(most: number) {
    this.most = most
  }

  /** What `load` takes. */
  save(): SavedGenerations {
    return {
      live: this.#live,
      now: this.#now,
      stamp: this.#stamp,
      resting: this.#resting,
      restingLonger: this.#restingLonger,
      lost: this.#lost,
      hasForgotten: this.#hasForgotten
    }
  }

  /** Becomes what was saved; the walk through all ids begins anew. */
  load({ live, now, stamp, resting, restingLonger, lost, hasForgotten }: SavedGenerations): void {
    this.#live = live.map((generation) => ({ ...generation }))
    this.#newest = this.#live.at(-1)
    this.#now = now
    this.#size = live.reduce((sum, { count }) => sum + count, 0)
    this.#stamp = stamp
    this.#resting = resting
    this.#restingLonger = restingLonger
    this.#lost = lost
    this.#hasForgotten = hasForgotten
  }

  /** Ids known. */
  get size(): number {
    return this.#size
  }

  /** For how many minutes every id has been remembered at the least: HORIZON_MINUTES unless room ran out. */
  get horizonMinutes(): number {
    if (this.#lost === undefined) return HORIZON_MINUTES
    return Math.max(0, Math.min(HORIZON_MINUTES, this.#now.wall - this.#lost.wall, this.#now.elapsed - this.#lost.elapsed))
  }

  /** Whether any id was ever forgotten. */
  get hasForgotten(): boolean {
    return this.#hasForgotten
  }

  /** The oldest and the newest stamp that live, or 0 and 0. */
  get stamps(): readonly [number, number] {
    return this.#newest === undefined ? [0, 0] : [this.#live[0].stamp, this.#newest.stamp]
  }

  /** The time, in whole minutes of elapsed time. */
  get minute(): number {
    return this.#now.elapsed
  }

  /** Sets the time at which ids arrive from now on. Never goes back. */
  setTime({ wall, elapsed }: ClockReading): void {
    this.#now = { wall: Math.max(this.#now.wall, Math.floor(wall / MINUTE)), elapsed: Math.max(this.#now.elapsed, Math.floor(elapsed / MINUTE)) }
  }

  /**
   * Ids that may still come into the newest generation: none if there is none, or it has ended, as with two hours by either clock: else
   * its first id would stay known for as long as one of them had stood still.
   */
  get room(): number {
    const newest = this.#newest
    if (newest === undefined || this.#now.wall >= newest.start.wall + SPAN_MINUTES || this.#now.elapsed >= newest.start.elapsed + SPAN_MINUTES) return 0
    return Math.max(0, newest.most - newest.count)
  }

  /** So many ids have come into the newest generation. */
  add(count: number): void {
    if (count === 0) return
    this.#newest!.count += count
    this.#newest!.last = this.#now
    this.#size += count
  }

  /** An id with this stamp is known no longer, or has another one. */
  remove(stamp: number): void {
    const at = (stamp - this.#live[0].stamp + STAMPS) % STAMPS
    this.#live[at].count--
    this.#size--
  }

  /** Whether another generation can begin. */
  get hasStamp(): boolean {
    return this.#live.length + this.#resting + this.#restingLonger < STAMPS
  }

  /** Begins another generation. */
  begin(): void {
    this.#stamp = this.#stamp % STAMPS + 1
    this.#newest = { stamp: this.#stamp, count: 0, most: this.most, start: this.#now, last: this.#now }
    this.#live.push(this.#newest)
  }

  /** Lets the newest generation go on as if it began now. */
  prolong(): void {
    this.#newest!.start = this.#now
    this.#newest!.most = this.#newest!.count + this.most
  }

  /**
   * Forgets the ids that are due: a generation's time is over when eight days have passed since its newest id came, by wall
   * clock and by elapsed time, so that a leap of the one cannot cut it short [TIME-3]. Returns whether there were any.
   */
  expire(): boolean {
    let over = 0
    while (over < this.#live.length && this.#isPast(this.#live[over].last, HORIZON_MINUTES + 1)) over++
    for (let i = 0; i < over; i++) this.#forget()
    if (this.#lost !== undefined && this.#isPast(this.#lost, HORIZON_MINUTES + 1)) this.#lost = undefined
    return over > 0
  }

  /** Forgets the oldest generation before its time. */
  evict(): void {
    this.#lost = this.#live[0].last
    this.#forget()
  }

  /** Whether stamps rest, so that a walk is wanted. */
  get isResting(): boolean {
    return this.#resting > 0
  }

  /** A walk through all ids has ended; another one begins where stamps still rest. */
  walked(): void {
    this.#resting = this.#restingLonger
    this.#restingLonger = 0
  }

  #forget(): void {
    const { count } = this.#live.shift()!
    this.#size -= count
    this.#hasForgotten = true
    if (this.#live.length === 0) this.#newest = undefined
    if (this.#resting === 0) this.#resting = 1
    else this.#restingLonger++
  }

  #isPast(time: ClockReading, minutes: number): boolean {
    return this.#now.wall >= time.wall + minutes && this.#now.elapsed >= time.elapsed + minutes
  }
}
