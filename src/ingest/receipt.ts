/** Receipts: the verdicts of a batch counted up, and the HTTP status that a receipt stands for. */
import { stringify as stringifyUuid } from 'uuid'
import type { EventError, Receipt, UnavailableCode } from '../../schemas/index.ts'
import type { Judgement } from '../backends/backend.ts'
import { Verdict, type Batch } from '../backends/batch.ts'

/** What a verdict that took nothing is called, and what the sender is told. */
const UNAVAILABLE: Partial<Record<number, { code: UnavailableCode, detail: string }>> = {
  [Verdict.UserCapacity]: { code: 'user_capacity', detail: 'no more users can be known just now; send the event again later, with the same id' },
  [Verdict.StorageFull]: { code: 'storage_full', detail: 'the storage is full; send the event again later, with the same id' },
  [Verdict.StorageUnavailable]: { code: 'storage_unavailable', detail: 'the storage cannot be reached; send the event again, with the same id' },
  [Verdict.ClockUnsettled]: { code: 'clock_unsettled', detail: 'the clock of the service has leapt, and whether the event is of this time is known within about a minute; send the event again then, with the same id' }
}

/**
 * Makes the receipt of a judged batch.
 * @param rejections the errors of events that never reached the batch, by index; taken over
 */
export function makeReceipt(batch: Batch, rejections: EventError[], { cursor, verdicts }: Judgement): Receipt {
  let accepted = 0
  let duplicates = 0
  let late = 0
  let errors = rejections
  for (let i = 0; i < batch.count; i++) {
    const verdict = verdicts[i]
    if (verdict === Verdict.Accepted) {
      accepted++
    } else if (verdict === Verdict.Duplicate) {
      duplicates++
    } else if (verdict === Verdict.Late) {
      accepted++
      late++
    } else {
      const unavailable = UNAVAILABLE[verdict]
      if (unavailable === undefined) throw new TypeError(`a backend left verdict ${verdict}`)
      if (errors === rejections) errors = [...rejections]
      errors.push({ index: batch.index[i], event_id: idAt(batch, i), pointer: '', ...unavailable })
    }
  }
  const unavailable = errors.length - rejections.length
  if (unavailable > 0) errors.sort((a, b) => a.index - b.index)
  return { accepted, duplicates, rejected: rejections.length, unavailable, late, cursor, errors }
}

/** The HTTP status of a receipt: 200, 207, 422 or 503. */
export function receiptStatus(receipt: Receipt): 200 | 207 | 422 | 503 {
  if (receipt.errors.length === 0) return 200
  if (receipt.accepted + receipt.duplicates > 0) return 207
  return receipt.unavailable > 0 ? 503 : 422
}

/** The text form of an id. */
function idAt(batch: Batch, i: number): string {
  const words = new DataView(new ArrayBuffer(16))
  for (let word = 0; word < 4; word++) words.setUint32(word * 4, batch.ids[i * 4 + word])
  return stringifyUuid(new Uint8Array(words.buffer))
}
