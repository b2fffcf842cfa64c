/**
 * Takes events into a core once more that were taken in an earlier run, as long as its history is read again. An id counts in windows once,
 * however often the rows hold it: the first event that counts wins, further ones keep their positions in the log and are in no
 * page. [TIME-4]
 */
import { Verdict, type Batch } from '../batch.ts'
import type { ClockReading } from './clock/clock-reading.ts'
import { IdSet } from './dedup/id-set.ts'
import { STRIDE } from './dedup/id-shard.ts'
import type { Intake } from './intake.ts'
import { HIDDEN } from './log/segment.ts'

/** One restoration, from an empty core to the last row. */
export class Restoration {
  readonly #intake: Intake
  /** Restored ids none of whose events counts in a window; undefined until the first is. */
  #late: IdSet | undefined
  #isPlain = true

  constructor(intake: Intake) {
    this.#intake = intake
  }

  /** See `#late`. */
  get late(): IdSet | undefined {
    return this.#late
  }

  /** The same, to be filled. */
  get lateToFill(): IdSet {
    this.#late ??= new IdSet()
    return this.#late
  }

  /** Whether no id has come twice, and no event that is too far ahead of the time; an image of the core tells nothing of either. */
  get isPlain(): boolean {
    return this.#isPlain
  }

  /**
   * Takes the events of a batch, whatever the capacities are now.
   * @param arrival when they were taken
   * @param logged whether the batch has the events' bytes, for the log
   */
  restore(batch: Batch, arrival: ClockReading, logged: boolean): void {
    const { dedup } = this.#intake
    dedup.setTime(arrival)
    dedup.expire() // an image may know ids that were forgotten when these events came, and may be among them again
    for (let from = 0; from < batch.count; from += STRIDE) this.#restoreStride(batch, from, Math.min(from + STRIDE, batch.count))
    this.#intake.count(batch)
    if (!logged) return
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdicts[i] !== Verdict.Duplicate) continue
      batch.verdicts[i] = Verdict.Accepted
      batch.types[i] = HIDDEN
    }
    this.#intake.logBatch(batch, arrival.wall)
  }

  /** Takes the events of a batch into the log alone; an image counts them already. */
  restoreLog(batch: Batch, arrival: ClockReading): void {
    batch.verdicts.fill(Verdict.Accepted, 0, batch.count)
    this.#intake.findUsers(batch)
    this.#intake.logBatch(batch, arrival.wall)
  }

  /** Claims the ids of the events `from .. to - 1`; Accepted is what then is to be counted. */
  #restoreStride(batch: Batch, from: number, to: number): void {
    const { dedup, windows, now } = this.#intake
    const { ids, verdicts, times } = batch
    dedup.claim(batch, from, to)
    let late: IdSet | undefined
    for (let i = from; i < to; i++) {
      const isLate = !windows.holds(times[i])
      // Most are new and count, and are not asked about; but one that was late and then forgotten may come again.
      if (verdicts[i] === Verdict.Accepted && !isLate && !dedup.hasForgotten) continue
      if (verdicts[i] === Verdict.Duplicate || (isLate && times[i] > now)) this.#isPlain = false
      if (late === undefined) {
        late = this.lateToFill
        late.take(ids, from, to)
      }
      if (verdicts[i] === Verdict.Duplicate) {
        dedup.refresh(ids, i * 4) // it is remembered from its last arrival on [DEDUP-2]
        if (!late.has(i)) continue
        verdicts[i] = Verdict.Accepted
      }
      if (isLate) late.add(i)
      else late.delete(i)
    }
  }
}
