/** Picks the users with the most events out of the totals of one window: one pass, a short sorted list. */
import type { UserTable } from './user-table.ts'

/** A user's number and its events. */
export interface RankedUser {
  user: number
  total: number
}

/**
 * The users with the most events, ties in the order of their ids' bytes. O(users + limit log users) expected.
 * @param window index into TIME_WINDOWS
 */
export function topUsers(table: UserTable, window: number, limit: number): RankedUser[] {
  const heap = new WorstFirst(table, limit)
  for (let user = 0; user < table.limit; user++) {
    const total = table.total(user, window)
    if (total >= heap.threshold) heap.offer(user, total)
  }
  return heap.sorted()
}

/** A binary heap with the worst of the best at its root. */
class WorstFirst {
  readonly #table: UserTable
  readonly #limit: number
  readonly #heap: RankedUser[] = []

  constructor(table: UserTable, limit: number) {
    this.#table = table
    this.#limit = limit
  }

  /** Fewer events than this cannot get in. */
  threshold = 1

  offer(user: number, total: number): void {
    const candidate = { user, total }
    if (this.#heap.length < this.#limit) {
      this.#heap.push(candidate)
      this.#up(this.#heap.length - 1)
    } else if (this.#isBetter(candidate, this.#heap[0])) {
      this.#heap[0] = candidate
      this.#down(0)
    }
    if (this.#heap.length === this.#limit) this.threshold = this.#heap[0].total
  }

  sorted(): RankedUser[] {
    return this.#heap.sort((a, b) => this.#isBetter(a, b) ? -1 : 1)
  }

  #isBetter(a: RankedUser, b: RankedUser): boolean {
    return a.total > b.total || (a.total === b.total && Buffer.compare(this.#table.name(a.user), this.#table.name(b.user)) < 0)
  }

  #up(i: number): void {
    const heap = this.#heap
    for (let parent = (i - 1) >> 1; i > 0 && this.#isBetter(heap[parent], heap[i]); i = parent, parent = (i - 1) >> 1) {
      [heap[parent], heap[i]] = [heap[i], heap[parent]]
    }
  }

  #down(i: number): void {
    const heap = this.#heap
    for (;;) {
      let worst = i
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && this.#isBetter(heap[worst], heap[child])) worst = child
      if (worst === i) return
      ;[heap[worst], heap[i]] = [heap[i], heap[worst]]
      i = worst
    }
  }
}
