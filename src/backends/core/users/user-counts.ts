/** Turns the totals of `UserTable` into the answer to "by whom" of the analytics contract. */
import { TIME_WINDOWS, type TimeWindow, type UserCount, type UserCounts } from '../../../../schemas/index.ts'
import { viewOf } from './keyed-hash.ts'
import { instant, type Bounds } from '../counts/summaries.ts'
import type { RankedUser } from './user-ranking.ts'
import type { UserTable } from './user-table.ts'

/**
 * User counts of one window, whose totals are current.
 * @param wanted the users with the most events, or the ids of users
 */
export function userCounts(users: UserTable, window: TimeWindow, { from, to }: Bounds, wanted: readonly RankedUser[] | readonly string[]): UserCounts {
  const w = TIME_WINDOWS.indexOf(window)
  const count = (user_id: string, user: number): UserCount => {
    const total = user < 0 ? 0 : users.total(user, w)
    return { user_id, total_events: total, last_seen: total === 0 ? null : instant(users.lastSeen(user)) }
  }
  return {
    time_window: window,
    from: instant(from),
    to: instant(to),
    users: wanted.map((one) => typeof one === 'string' ? count(one, numberOf(users, one)) : count(users.name(one.user).toString(), one.user))
  }
}

function numberOf(users: UserTable, name: string): number {
  const bytes = viewOf(Buffer.from(name))
  return users.find(users.hash(bytes, 0, bytes.byteLength), bytes, 0, bytes.byteLength)
}
