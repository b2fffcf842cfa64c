/** What every client in TypeScript is put through; each generator's driver says how its client does each step. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

export interface SentEvent {
  event_id: string
  user_id: string
  event_type: 'page_view' | 'click' | 'purchase' | 'signup'
  timestamp: string
  properties?: { amount?: number }
}

/** A status, and what was read from the body. */
export interface Answer<T> {
  status: number
  data: T
}

export interface Receipt { accepted: number, duplicates: number, rejected: number, errors: { code: string }[] }

/** What a generator made, with a key for writing and one for reading. */
export interface Adapter {
  send(events: SentEvent[]): Promise<Answer<Receipt>>
  total(): Promise<Answer<number>>
  users(): Promise<Answer<string[]>>
  series(): Promise<Answer<number>>
  page(after: string, limit: number): Promise<Answer<{ amounts: (number | undefined)[], cursor: string, more: boolean }>>
  logBytes(): Promise<Answer<number>>
}

const event = (amount: number, timestamp = new Date().toISOString()): SentEvent =>
  ({ event_id: randomUUID(), user_id: 'ada', event_type: 'purchase', timestamp, properties: { amount } })

/** Runs the scenario. The service and its stub are named by the environment. */
export async function drive(connect: (baseUrl: string, writeKey?: string, readKey?: string) => Adapter): Promise<void> {
  const { BASE_URL = '', STUB_URL = '' } = process.env
  const client = connect(BASE_URL, 'writer', 'reader')

  const good = [event(1234567.89), event(0.1)]
  const bad = event(1, '2099-01-01T00:00:00.000Z')
  const mixed = await client.send([...good, bad])
  assert.equal(mixed.status, 207)
  assert.deepEqual([mixed.data.accepted, mixed.data.rejected, mixed.data.errors[0].code], [2, 1, 'timestamp_in_future'])
  assert.equal((await client.send([good[0]])).data.duplicates, 1)
  assert.equal((await client.send([bad])).status, 422)

  assert.equal((await client.total()).data, 2)
  assert.deepEqual((await client.users()).data, ['ada'])
  assert.equal((await client.series()).data, 2)

  const amounts = []
  for (let after = 'earliest', more = true; more;) {
    const { data } = await client.page(after, 1)
    amounts.push(...data.amounts)
    ;({ cursor: after, more } = data)
  }
  assert.deepEqual(amounts, [1234567.89, 0.1])
  assert.ok((await client.logBytes()).data > 0)
  assert.equal((await client.page('nonsense', 1)).status, 400)
  assert.equal((await connect(BASE_URL).total()).status, 401)
  assert.equal((await connect(BASE_URL, 'other', 'other').total()).status, 401)
  assert.equal((await connect(BASE_URL, 'reader').send(good)).status, 403)

  const newer = await connect(STUB_URL, 'writer').send(good)
  assert.deepEqual([newer.status, newer.data.errors[0].code], [207, 'a_code_of_tomorrow'])
  assert.equal((await connect(STUB_URL).logBytes()).data, 3_000_000_000)
}
