/**
 * Picks the users with the most events out of the totals of one window, a part of the table at a time: millions of users take
 * longer than the event loop may be held up [LIMIT-3]. Events go on being counted in between, and the answer is exact as of
 * its end: totals only grow meanwhile, so the best of the end are among the best that were seen and those that have grown. Where
 * totals have shrunk, as hours leave a window, it begins anew.
 */
import type { UserActivity } from './user-activity.ts'
import type { UserTable } from './user-table.ts'

/** A user's number and its events. */
export interface RankedUser {
  user: number
  total: number
}

/** Users that are looked at in one go: a millisecond or two. */
const PART = 1 << 15

/** Ties are in the order of their ids' bytes. O(users + limit log users) in all. */
export class UserRanking {
  readonly #table: UserTable
  readonly #activity: UserActivity
  /** Index into TIME_WINDOWS. */
  readonly #window: number
  readonly #limit: number
  readonly #part: number
  #heap!: WorstFirst
  #next = 0
  #shrunk = -1

  /** @param part users of one step; a test passes its own */
  constructor(table: UserTable, activity: UserActivity, window: number, limit: number, part = PART) {
    this.#table = table
    this.#activity = activity
    this.#window = window
    this.#limit = limit
    this.#part = part
    activity.watch()
  }

  /** Looks at some more users. Returns the best, in order, once it has seen all; nothing is to be counted between that and their use. */
  step(): RankedUser[] | undefined {
    if (this.#shrunk !== this.#activity.shrunk) this.#begin()
    const end = Math.min(this.#table.limit, this.#next + this.#part)
    for (; this.#next < end; this.#next++) this.#heap.offer(this.#next, this.#table.total(this.#next, this.#window))
    return this.#next < this.#table.limit ? undefined : this.#finish()
  }

  /** It is not needed any more. */
  end(): void {
    this.#activity.unwatch()
  }

  #begin(): void {
    this.#heap = new WorstFirst(this.#table, this.#limit)
    this.#next = 0
    this.#shrunk = this.#activity.shrunk
  }

  /** Ranks once more those that were found best and those that were counted since the watch began. */
  #finish(): RankedUser[] {
    const best = new WorstFirst(this.#table, this.#limit)
    const candidates = new Set(this.#activity.counted)
    for (const { user } of this.#heap.entries) candidates.add(user)
    for (const user of candidates) best.offer(user, this.#table.total(user, this.#window))
    return best.sorted()
  }
}

/** A binary heap with the worst of the best at its root. */
class WorstFirst {
  readonly #table: UserTable
  readonly #limit: number
  readonly #heap: RankedUser[] = []
  /** Fewer events than this cannot get in. */
  #threshold = 1

  constructor(table: UserTable, limit: number) {
    this.#table = table
    this.#limit = limit
  }

  get entries(): readonly RankedUser[] {
    return this.#heap
  }

  offer(user: number, total: number): void {
    if (total < this.#threshold) return
    const heap = this.#heap
    if (heap.length < this.#limit) {
      heap.push({ user, total })
      this.#up(heap.length - 1)
    } else if (this.#isBetter(user, total, heap[0])) {
      heap[0] = { user, total }
      this.#down(0)
    }
    if (heap.length === this.#limit) this.#threshold = heap[0].total
  }

  sorted(): RankedUser[] {
    return this.#heap.sort((a, b) => this.#isBetter(a.user, a.total, b) ? -1 : 1)
  }

  #isBetter(user: number, total: number, than: RankedUser): boolean {
    return total > than.total || (total === than.total && this.#table.compareNames(user, than.user) < 0)
  }

  #up(i: number): void {
    const heap = this.#heap
    for (let parent = (i - 1) >> 1; i > 0 && this.#isBetter(heap[parent].user, heap[parent].total, heap[i]); i = parent, parent = (i - 1) >> 1) {
      [heap[parent], heap[i]] = [heap[i], heap[parent]]
    }
  }

  #down(i: number): void {
    const heap = this.#heap
    for (;;) {
      let worst = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && this.#isBetter(heap[worst].user, heap[worst].total, heap[child])) worst = child
      }
      if (worst === i) return
      ;[heap[worst], heap[i]] = [heap[i], heap[worst]]
      i = worst
    }
  }
}
