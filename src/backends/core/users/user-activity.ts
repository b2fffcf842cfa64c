/**
 * Who had how many events in each window, exactly and at no cost that depends on the number of events. Every user
 * carries a total for each window; when an hour leaves a window, the entries of that hour are taken off the totals a
 * few at a time, and a user that the longest window no longer counts is forgotten.
 */
import { TIME_WINDOWS, WINDOW_MINUTES } from '../../../../schemas/index.ts'
import { HourCounts } from '../counts/hour-counts.ts'
import { HourFold } from '../counts/hour-fold.ts'
import { ENTRY, HOUR, HOUR_COUNT, TOTALS, type UserTable } from './user-table.ts'

const HOUR_MS = 3_600_000
const LONGEST = TIME_WINDOWS.length - 1

/** Places for hours that were looked for before; a power of two, and more than the longest window reaches. */
const FOUND = 256

/** How far the totals of one window have come. */
interface WindowState {
  minutes: number
  /** The first hour that the totals still hold, all or in part. */
  base: number
  /** The first hour that they should hold. */
  target: number
  /** Entries of the base hour that have been taken off already, … */
  swept: number
  /** … of so many that there were when taking off began; Infinity before that. */
  limit: number
}

/** The first hour, counted from 1970, that a window of so many minutes reaches at `now`. */
export function firstHour(now: number, minutes: number): number {
  return Math.floor((now - minutes * 60_000) / HOUR_MS)
}

/** The users of all windows. */
export class UserActivity {
  readonly #users: UserTable
  readonly #hours = new Map<number, HourCounts>()
  /** Hours that were looked for before, each in a place that it shares with none of the next ten days: events may be of any by turns. */
  readonly #found = new Array<HourCounts | undefined>(FOUND).fill(undefined)
  readonly #windows: WindowState[]
  readonly #foldFrom: number
  #fold: HourFold | undefined
  /** Until then no hour leaves a window, and those that have left are taken off. */
  #quietUntil = -Infinity
  /** How often totals have become smaller. */
  #shrunk = 0
  /** Who watches, and the users that were counted meanwhile, some more than once. */
  #watchers = 0
  #counted: number[] = []
  /** The last of the windows' bases: every total holds all of the hours after it. */
  #lastBase: number

  /** @param foldFrom length from which on an hour may be folded; a test passes its own */
  constructor(users: UserTable, now: number, foldFrom = 4096) {
    this.#users = users
    this.#foldFrom = foldFrom
    this.#windows = TIME_WINDOWS.map((name) => {
      const hour = firstHour(now, WINDOW_MINUTES[name])
      return { minutes: WINDOW_MINUTES[name], base: hour, target: hour, swept: 0, limit: Infinity }
    })
    this.#lastBase = Math.max(...this.#windows.map(({ base }) => base))
  }

  /** Whether the totals of all windows are those of the time that was last set. */
  get isCurrent(): boolean {
    return this.#windows.every((window) => window.base === window.target)
  }

  /** The first hour of a window, as last set. */
  firstHourOf(window: number): number {
    return this.#windows[window].target
  }

  /** A number that changes whenever a total becomes smaller. */
  get shrunk(): number {
    return this.#shrunk
  }

  /** From now on `counted` is kept. */
  watch(): void {
    if (this.#watchers++ === 0) this.#counted = []
  }

  /** Whoever called `watch` does not need it any more. */
  unwatch(): void {
    if (--this.#watchers === 0) this.#counted = []
  }

  /** Users that were counted since somebody has watched; each at least once. */
  get counted(): readonly number[] {
    return this.#counted
  }

  /** Counts one event of a user in its hour; the hour is one that the longest window reaches. O(1). */
  count(user: number, time: number): void {
    const hour = Math.floor(time / HOUR_MS) | 0
    const words = this.#users.words
    const at = this.#users.recordOf(user)
    if (words[at + HOUR] !== hour) this.#goTo(hour, user, words, at)
    words[at + HOUR_COUNT]++
    if (hour > this.#lastBase) for (let w = 0; w <= LONGEST; w++) words[at + TOTALS + w]++
    else this.#countWhereHeld(hour, words, at)
    if (time > this.#users.lastSeen(user)) this.#users.setLastSeen(user, time)
    if (this.#watchers > 0) this.#counted.push(user)
  }

  /** Every hour that the longest window reaches, in order; to be asked when `isCurrent`. */
  get hours(): number[] {
    return [...this.#hours.keys()].filter((hour) => hour >= this.#windows[LONGEST].base).sort((a, b) => a - b)
  }

  /** The users of an hour, each with how many events, in pairs; some users more than once. O(entries). */
  save(hour: number): Uint32Array {
    const counts = this.#hours.get(hour)!
    const pairs = new Uint32Array(2 * counts.length)
    const words = this.#users.words
    for (let entry = 0; entry < counts.length; entry++) {
      const user = counts.userAt(entry)
      const at = this.#users.recordOf(user)
      pairs[2 * entry] = user
      pairs[2 * entry + 1] = words[at + HOUR] === hour && words[at + ENTRY] === entry ? words[at + HOUR_COUNT] : counts.countAt(entry)
    }
    return pairs
  }

  /** Counts a user's events of an hour that the longest window reaches, as they were saved. */
  restore(user: number, hour: number, events: number): void {
    let counts = this.#hours.get(hour)
    if (counts === undefined) this.#hours.set(hour, counts = new HourCounts(hour))
    counts.set(counts.append(user), events)
    const words = this.#users.words
    const totals = this.#users.recordOf(user) + TOTALS
    for (let w = 0; w <= LONGEST; w++) if (hour >= this.#windows[w].base) words[totals + w] += events
  }

  /** Sets the time and takes off at most `budget` entries of hours that have left a window. Returns `isCurrent`. */
  advance(now: number, budget: number): boolean {
    if (now < this.#quietUntil && this.#fold === undefined) return true
    // A fold that does not end uses up the budget, so nothing is taken off an hour meanwhile.
    let left = budget - (this.#fold?.advance(budget) ?? 0)
    if (this.#fold?.finish()) this.#fold = undefined
    for (let w = 0; w <= LONGEST; w++) {
      const window = this.#windows[w]
      window.target = firstHour(now, window.minutes)
      while (window.base < window.target && left > 0) {
        // The longest window drops an hour for good, so the others must be done with it.
        if (w === LONGEST && this.#windows.some((other, i) => i !== LONGEST && other.base <= window.base)) break
        left -= this.#sweep(w, window, left)
      }
    }
    this.#lastBase = Math.max(...this.#windows.map(({ base }) => base))
    if (!this.isCurrent) return false
    this.#quietUntil = Math.min(...this.#windows.map(({ target, minutes }) => (target + 1) * HOUR_MS + minutes * 60_000))
    return true
  }

  get #canFold(): boolean {
    return this.#fold === undefined && this.#windows.every((window) => window.limit === Infinity)
  }

  /** Counts an event in the totals that hold its hour, which one of them may be about to lose or has lost. */
  #countWhereHeld(hour: number, words: Uint32Array, at: number): void {
    const entry = words[at + ENTRY]
    for (let w = 0; w <= LONGEST; w++) {
      const window = this.#windows[w]
      // In the hour that is being taken off, what is counted on an entry not yet reached will be taken off with it.
      if (hour > window.base || (hour === window.base && entry >= window.swept && entry < window.limit)) words[at + TOTALS + w]++
    }
  }

  /** Begins a user's entry in an hour, after putting down the count of the one it comes from. */
  #goTo(hour: number, user: number, words: Uint32Array, at: number): void {
    if (words[at + HOUR_COUNT] > 1) this.#countsOf(words[at + HOUR])?.set(words[at + ENTRY], words[at + HOUR_COUNT]) // an entry begins with one event
    let counts = this.#countsOf(hour)
    if (counts === undefined) this.#hours.set(hour, counts = new HourCounts(hour))
    else if (counts.length >= Math.max(this.#foldFrom, this.#users.size * 2) && this.#canFold) this.#fold = new HourFold(hour, counts, this.#users)
    words[at + HOUR] = hour
    words[at + ENTRY] = counts.append(user)
    words[at + HOUR_COUNT] = 0
  }

  #countsOf(hour: number): HourCounts | undefined {
    const found = this.#found[hour & FOUND - 1]
    if (found !== undefined && found.hour === hour) return found
    const counts = this.#hours.get(hour)
    this.#found[hour & FOUND - 1] = counts
    return counts
  }

  /** Lets go of an hour that no window reaches. */
  #drop(hour: number): void {
    this.#hours.delete(hour)
    this.#found[hour & FOUND - 1] = undefined
  }

  /** Takes off some entries of a window's base hour; returns what that used of the budget, at least 1. */
  #sweep(w: number, window: WindowState, budget: number): number {
    const counts = this.#hours.get(window.base)
    const begin = window.swept
    if (counts !== undefined) {
      if (window.limit === Infinity) window.limit = counts.length
      const end = Math.min(window.limit, begin + budget)
      this.#shrunk++
      for (let entry = begin; entry < end; entry++) this.#takeOff(w, window.base, counts, entry)
      window.swept = end
      if (end < window.limit) return end - begin
    }
    const used = window.swept - begin + 1
    if (w === LONGEST) this.#drop(window.base)
    // Hours without entries cost nothing, so a long silence is skipped at once.
    window.base = counts === undefined ? this.#nextHour(window) : window.base + 1
    window.swept = 0
    window.limit = Infinity
    return used
  }

  #takeOff(w: number, hour: number, counts: HourCounts, entry: number): void {
    const user = counts.userAt(entry)
    const words = this.#users.words
    const at = this.#users.recordOf(user)
    const isCurrent = words[at + HOUR] === hour && words[at + ENTRY] === entry
    words[at + TOTALS + w] -= isCurrent ? words[at + HOUR_COUNT] : counts.countAt(entry)
    if (w === LONGEST && words[at + TOTALS + w] === 0) this.#users.remove(user)
  }

  #nextHour(window: WindowState): number {
    let next = window.target
    for (const hour of this.#hours.keys()) if (hour > window.base && hour < next) next = hour
    return next
  }
}
