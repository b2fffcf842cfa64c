import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { parse as parseUuid, v4 } from 'uuid'
import { UNAVAILABLE_CODES, type EventError, type Receipt } from '../../schemas/index.ts'
import { Batch, Verdict } from '../../src/backends/batch.ts'
import { makeReceipt, receiptStatus } from '../../src/ingest/receipt.ts'

const { Accepted, Late, Duplicate, UserCapacity, StorageFull, StorageUnavailable, ClockUnsettled } = Verdict
const JUDGED = [Accepted, Late, Duplicate, UserCapacity, StorageFull, StorageUnavailable, ClockUnsettled]
const UNAVAILABLE: Partial<Record<Verdict, string>> = { [UserCapacity]: 'user_capacity', [StorageFull]: 'storage_full', [StorageUnavailable]: 'storage_unavailable', [ClockUnsettled]: 'clock_unsettled' }

/** What was sent, in order: a verdict for an event of the batch, or `rejected` for one that never reached it. */
type Sent = readonly (Verdict | 'rejected')[]

interface Judged { receipt: Receipt, ids: (string | undefined)[] }

/** The receipt of so many events, and their ids. */
function judge(sent: Sent): Judged {
  const batch = new Batch(2)
  const errors: EventError[] = []
  const ids = sent.map((verdict, index) => {
    if (verdict === 'rejected') {
      errors.push({ index, code: 'invalid_event', pointer: '', detail: 'x' })
      return undefined
    }
    batch.reserve()
    const i = batch.count++
    const id = v4()
    const words = new DataView(parseUuid(id).buffer)
    for (let word = 0; word < 4; word++) batch.ids[i * 4 + word] = words.getUint32(word * 4)
    batch.index[i] = index
    batch.verdicts[i] = verdict
    return id
  })
  return { receipt: makeReceipt(batch, errors, { cursor: 'here', verdicts: batch.verdicts }), ids }
}

t.test('any mix of verdicts', async (t) => {
  const sent = fc.array(fc.constantFrom(...JUDGED, 'rejected' as const), { maxLength: 40 })
  fc.assert(fc.property(sent, (list) => {
    const { receipt, ids } = judge(list)
    const count = (...wanted: Sent): number => list.filter((verdict) => wanted.includes(verdict)).length
    const { errors, ...sums } = receipt
    assert.deepEqual(sums, {
      accepted: count(Accepted, Late),
      late: count(Late),
      duplicates: count(Duplicate),
      rejected: count('rejected'),
      unavailable: count(UserCapacity, StorageFull, StorageUnavailable, ClockUnsettled),
      cursor: 'here'
    })
    assert.equal(receipt.accepted + receipt.duplicates + receipt.rejected + receipt.unavailable, list.length)
    assert.deepEqual(errors.map(({ index, code, event_id }) => [index, code, event_id]), list.flatMap((verdict, index) => {
      if (verdict === 'rejected') return [[index, 'invalid_event', undefined]]
      return UNAVAILABLE[verdict] === undefined ? [] : [[index, UNAVAILABLE[verdict], ids[index]]]
    }))
  }), { numRuns: 500 })
  t.pass('is summed up, and each error told, by index')
})

t.test('the status', async (t) => {
  const cases: [sent: Sent, status: number][] = [
    [[Accepted], 200], [[Duplicate], 200], [[Late], 200], [[Accepted, Duplicate, Late], 200],
    [['rejected', Accepted], 207], [['rejected', Duplicate], 207], [['rejected', Late], 207], [[UserCapacity, Accepted], 207], [[StorageFull, Duplicate], 207],
    [['rejected', UserCapacity, Accepted], 207],
    [['rejected'], 422], [['rejected', 'rejected'], 422],
    [[UserCapacity], 503], [[StorageFull], 503], [[StorageUnavailable, StorageUnavailable], 503], [['rejected', StorageUnavailable], 503]
  ]
  for (const [sent, status] of cases) t.equal(receiptStatus(judge(sent).receipt), status, sent.join(', '))
})

t.test('every reason to be unavailable is a verdict, and says to send the event again', async (t) => {
  const { receipt } = judge([UserCapacity, StorageFull, StorageUnavailable, ClockUnsettled])
  t.same(receipt.errors.map(({ code }) => code), UNAVAILABLE_CODES)
  for (const { detail, pointer } of receipt.errors) {
    t.match(detail, /send the event again.* same id/)
    t.equal(pointer, '')
  }
})

t.test('a backend that leaves an event unjudged is found out', async (t) => {
  t.throws(() => judge([Accepted, Verdict.Pending]), TypeError)
  t.throws(() => judge([99 as Verdict]), TypeError)
})
