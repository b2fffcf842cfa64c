/**
 * The fold of one hour: joins the entries of each user into its first one, so that memory follows the number of users and
 * not of events. It goes over the list a few entries at a time, while events go on being counted in the same hour.
 */
import type { HourCounts } from './hour-counts.ts'
import { ENTRY, HOUR, HOUR_COUNT, type UserTable } from '../users/user-table.ts'

/** Folds one hour, step by step. From its beginning to its end no window takes off entries of the hour. */
export class HourFold {
  readonly #hour: number
  readonly #counts: HourCounts
  readonly #users: UserTable
  /** Of each user that there was at the beginning, its first entry + 1. */
  readonly #places: Uint32Array
  /** Entries that were looked at, … */
  #read = 0
  /** … and entries that were kept of them. What lies between has no meaning. */
  #kept = 0

  constructor(hour: number, counts: HourCounts, users: UserTable) {
    this.#hour = hour
    this.#counts = counts
    this.#users = users
    this.#places = new Uint32Array(users.limit)
  }

  /** Looks at the next entries, at most so many; returns how many. */
  advance(budget: number): number {
    const end = Math.min(this.#counts.length, this.#read + budget)
    const used = end - this.#read
    while (this.#read < end) this.#foldEntry(this.#read++)
    return used
  }

  /** Ends the fold if there is nothing left to look at; says whether it did. */
  finish(): boolean {
    if (this.#read < this.#counts.length) return false
    this.#counts.truncate(this.#kept)
    return true
  }

  #foldEntry(entry: number): void {
    const counts = this.#counts
    const user = counts.userAt(entry)
    const words = this.#users.words
    const at = this.#users.recordOf(user)
    // The count of an entry that is being counted in is still with the user.
    const isCurrent = words[at + HOUR] === this.#hour && words[at + ENTRY] === entry
    const first = user < this.#places.length ? this.#places[user] - 1 : -1
    if (first < 0) {
      if (user < this.#places.length) this.#places[user] = this.#kept + 1
      if (isCurrent) words[at + ENTRY] = this.#kept
      counts.move(entry, this.#kept++)
    } else if (isCurrent) {
      words[at + ENTRY] = first
      words[at + HOUR_COUNT] += counts.countAt(first)
    } else {
      counts.set(first, counts.countAt(first) + counts.countAt(entry))
    }
  }
}
