/**
 * The users of the batch at hand: finds them, enters those that are new, and makes sure that users who are due to be forgotten
 * keep none of them out.
 */
import type { Batch } from '../../batch.ts'
import type { UserActivity } from './user-activity.ts'
import { UserColumns } from './user-columns.ts'
import type { UserTable } from './user-table.ts'

/** Hour entries that one batch takes off where users that are due to be forgotten keep others out: a few milliseconds. [LIMIT-3] */
const EVICTION = 1 << 16

/** The users of one batch after the other. */
export class BatchUsers {
  /** The user and the hash of each event, once `prefetch` has found them. */
  readonly columns = new UserColumns()
  readonly #table: UserTable
  readonly #activity: UserActivity
  /** Hour entries that the batch at hand may still take off. */
  #evictable = 0

  constructor(table: UserTable, activity: UserActivity) {
    this.#table = table
    this.#activity = activity
  }

  /** The next batch. */
  begin({ count }: Batch): void {
    this.columns.reserve(count)
    this.#evictable = EVICTION
  }

  /** Finds the users of the events `from .. to - 1` as far as they are known. */
  prefetch(batch: Batch, bytes: DataView, from: number, to: number): void {
    this.#table.prefetch(batch, bytes, this.columns, from, to)
  }

  /** The number of a user whom prefetching did not find, known by now or new; -1 where no more can be. */
  enter(batch: Batch, bytes: DataView, i: number, capacity: number): number {
    const hash = this.columns.hashes[i]
    const start = batch.userStart[i]
    const end = batch.userEnd[i]
    const known = this.#table.find(hash, bytes, start, end)
    return known >= 0 ? known : this.#table.add(hash, bytes, start, end, capacity)
  }

  /** Forgets those of these users of whom no event was counted. */
  forgetUncounted(users: readonly number[]): void {
    for (const user of users) if (this.#table.lastSeen(user) < 0) this.#table.remove(user)
  }

  /**
   * Says whether so many new users can come without the capacity being asked. Where not all can, users that are due to be
   * forgotten should not keep them out: some go now, since nobody may go between finding users and counting for them. Of
   * millions that are due at once, the rest go in later calls; who finds no room until then may come again.
   */
  hasRoom(users: number, now: number): boolean {
    const table = this.#table
    while (table.size + users > table.capacity && !this.#activity.isCurrent && this.#evictable > 0) {
      const part = Math.min(this.#evictable, EVICTION / 16)
      this.#evictable -= part
      this.#activity.advance(now, part)
    }
    return table.size + users <= table.capacity
  }
}
