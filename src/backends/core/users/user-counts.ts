/** Turns the totals of `UserTable` into the answer to "by whom" of the analytics contract. */
import { TIME_WINDOWS, type TimeWindow, type UserCount, type UserCounts } from '../../../../schemas/index.ts'
import { viewOf } from './keyed-hash.ts'
import { instant, type Bounds } from '../counts/summaries.ts'
import { topUsers } from './top-users.ts'
import type { UserTable } from './user-table.ts'

/**
 * User counts of one window, whose totals are settled.
 * @param wanted how many of the users with the most events, or the ids of users
 */
export function userCounts(users: UserTable, window: TimeWindow, { from, to }: Bounds, wanted: number | readonly string[]): UserCounts {
  const w = TIME_WINDOWS.indexOf(window)
  const count = (user_id: string, user: number): UserCount => {
    const total = user < 0 ? 0 : users.total(user, w)
    return { user_id, total_events: total, last_seen: total === 0 ? null : instant(users.lastSeen(user)) }
  }
  return {
    time_window: window,
    from: instant(from),
    to: instant(to),
    users: typeof wanted === 'number'
      ? topUsers(users, w, wanted).map(({ user }) => count(users.name(user).toString(), user))
      : wanted.map((name) => count(name, numberOf(users, name)))
  }
}

function numberOf(users: UserTable, name: string): number {
  const bytes = viewOf(Buffer.from(name))
  return users.find(users.hash(bytes, 0, bytes.byteLength), bytes, 0, bytes.byteLength)
}
