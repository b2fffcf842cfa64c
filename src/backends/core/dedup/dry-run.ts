/** What a batch's verdicts would be if it were sent, found without keeping anything of it. [ING-4] */
import { Verdict, type Batch } from '../../batch.ts'
import type { ClockDispute } from '../clock/clock-dispute.ts'
import type { MinuteWindows } from '../counts/minute-windows.ts'
import type { DedupIndex } from './dedup-index.ts'
import { viewOf } from '../users/keyed-hash.ts'
import type { UserTable } from '../users/user-table.ts'

/**
 * Writes the verdicts that an append would. The structures that would take the batch are asked and not changed.
 * @param windows says what is late [TIME-2]
 * @param dispute what else the time may be [TIME-4]
 */
export function dryRun(batch: Batch, ids: DedupIndex, users: UserTable, windows: MinuteWindows, dispute: ClockDispute | undefined): void {
  const newIds = new Set<string>()
  const newUsers = new NewUsers(batch, users)
  for (let i = 0; i < batch.count; i++) {
    const id = batch.ids.subarray(i * 4, i * 4 + 4).join()
    const isKnown = newIds.has(id) || ids.has(batch.ids, i * 4)
    if (dispute?.concerns(batch.times[i], isKnown) === true) {
      batch.verdicts[i] = Verdict.ClockUnsettled
      continue
    }
    if (isKnown) {
      batch.verdicts[i] = Verdict.Duplicate
      continue
    }
    const isLate = !windows.holds(batch.times[i])
    if (!isLate && !newUsers.enter(i)) {
      batch.verdicts[i] = Verdict.UserCapacity
      continue
    }
    batch.verdicts[i] = isLate ? Verdict.Late : Verdict.Accepted
    newIds.add(id)
  }
}

/** The users that a batch would bring in. */
class NewUsers {
  readonly #batch: Batch
  readonly #bytes: DataView
  readonly #users: UserTable
  readonly #names = new Set<string>()

  constructor(batch: Batch, users: UserTable) {
    this.#batch = batch
    this.#bytes = viewOf(batch.bytes)
    this.#users = users
  }

  /** Whether the user of event `i` is known, or could come. */
  enter(i: number): boolean {
    const start = this.#batch.userStart[i]
    const end = this.#batch.userEnd[i]
    if (this.#users.find(this.#users.hash(this.#bytes, start, end), this.#bytes, start, end) >= 0) return true
    const name = this.#batch.bytes.toString('utf8', start, end)
    if (!this.#names.has(name) && this.#users.size + this.#names.size >= this.#users.capacity) return false
    this.#names.add(name)
    return true
  }
}
