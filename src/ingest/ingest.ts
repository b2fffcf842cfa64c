/**
 * The one way in: bytes become verdicts, a batch, an append and a receipt. HTTP and WebSocket call the same function, so
 * they give the same verdicts.
 */
import type { Receipt } from '../../schemas/index.ts'
import type { EventStore } from '../backends/backend.ts'
import { Batch } from '../backends/batch.ts'
import { BodyMemory } from './body-memory.ts'
import { readBody, type BodyKind } from './body-reader.ts'
import { Overflow } from './overflow.ts'
import { makeReceipt } from './receipt.ts'
import { Scanner } from './scan.ts'

/** Most empty batches kept for the next requests. */
const MAX_SPARE = 8

/** Batches that have grown larger than this are not kept. */
const MAX_SPARE_EVENTS = 10_000

/** What ingest needs. */
export interface IngestOptions {
  store: EventStore
  /** Most events of one request. */
  maxEvents: number
}

/**
 * Takes a decompressed body and resolves with its receipt. With `validateOnly` the receipt is the same and nothing
 * changes [ING-4]. The body belongs to ingest from the call on.
 * @throws ProblemError for what spoils the whole body; nothing was taken then
 */
export type Ingest = (body: Buffer, kind: BodyKind, options?: { validateOnly?: boolean }) => Promise<Receipt>

/** Makes the ingest function of a store. */
export function createIngest({ store, maxEvents }: IngestOptions): Ingest {
  const scanner = new Scanner()
  const memory = new BodyMemory()
  const spare: Batch[] = []

  return async function ingest(body, kind, options) {
    const batch = spare.pop() ?? new Batch()
    const overflow = new Overflow(body, memory)
    try {
      const { errors } = readBody(body, kind, { scanner, overflow, batch, maxEvents, now: store.now() })
      const judgement = options?.validateOnly === true ? await store.check(batch) : await store.append(batch)
      return makeReceipt(batch, errors, judgement)
    } finally {
      batch.clear()
      overflow.release()
      if (spare.length < MAX_SPARE && batch.types.length <= MAX_SPARE_EVENTS * 2) spare.push(batch)
    }
  }
}
