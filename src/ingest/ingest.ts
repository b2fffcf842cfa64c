/**
 * The one way in: bytes become verdicts, a batch, an append and a receipt. HTTP and WebSocket call the same function, so
 * they give the same verdicts.
 */
import type { Receipt } from '../../schemas/index.ts'
import type { EventStore } from '../backends/backend.ts'
import { Batch } from '../backends/batch.ts'
import { readBody, type BodyKind } from './body-reader.ts'
import { SLICE_BYTES } from './json.ts'
import { makeReceipt } from './receipt.ts'
import { Scanner } from './scan.ts'
import { TURNS, type Turns } from './turns.ts'

/** Bodies that are read in less time than it takes to ask for it: they never wait. */
const SHORT_BYTES = 4 << 10

/** Most empty batches kept for the next requests. */
const MAX_SPARE = 8

/** Batches that have grown larger than this are not kept. */
const MAX_SPARE_EVENTS = 20_000

/** Most bytes of events that all spare batches together have room for. */
const MAX_SPARE_BYTES = 32 << 20

/** What ingest needs. */
export interface IngestOptions {
  store: EventStore
  /** Most events of one request. */
  maxEvents: number
  /** Is handed every receipt but those of `validateOnly`. */
  onReceipt?: (receipt: Receipt, sender: Sender) => void
  /** Whether events may take the fast path, which changes nothing but the speed; by default they do. */
  fastPath?: boolean
  /** Where long bodies wait for their next turn; a test passes its own. */
  turns?: Turns
}

/** Who sent events, as far as it is told; nothing here depends on it. */
export interface Sender {
  /** What the key is known as; never the key. */
  key?: string
  /** The origin of the page, as the client says. */
  origin?: string
}

const UNKNOWN: Sender = {}

/** How events are to be read and judged. */
export interface IngestRequest {
  /** The receipt is the same and nothing changes. [ING-4] */
  validateOnly?: boolean
  sender?: Sender
  /**
   * Called when the body has been read and its events are before the store, or never if it cannot be read: whoever waits
   * for it before handing in the next body has them judged in order.
   */
  onRead?: () => void
}

/**
 * Reads a decompressed body, which nobody writes to meanwhile, and resolves with its receipt. A long body is read over
 * many turns of the event loop, between others; a short one before the call returns. [LIMIT-3]
 * @throws ProblemError for what spoils the whole body; no event was accepted then
 */
export type Ingest = (body: Buffer, kind: BodyKind, request?: IngestRequest) => Promise<Receipt>

/** Makes the ingest function of a store. */
export function createIngest({ store, maxEvents, onReceipt, fastPath = true, turns = TURNS }: IngestOptions): Ingest {
  const scanner = fastPath ? new Scanner() : undefined
  const spare: Batch[] = []
  let spareBytes = 0

  function acquireBatch(): Batch {
    const batch = spare.pop()
    spareBytes -= batch?.bytes.length ?? 0
    return batch ?? new Batch()
  }

  function releaseBatch(batch: Batch): void {
    batch.clear()
    const { length } = batch.bytes
    if (spare.length === MAX_SPARE || batch.types.length > MAX_SPARE_EVENTS || spareBytes + length > MAX_SPARE_BYTES) return
    spare.push(batch)
    spareBytes += length
  }

  return async function ingest(body, kind, { validateOnly = false, sender = UNKNOWN, onRead } = {}) {
    const mayWait = body.length > SHORT_BYTES
    if (body.length > SLICE_BYTES && turns.isOver) await turns.next()
    const batch = acquireBatch()
    try {
      batch.reserveBytes(body.length)
      const work = readBody(body, kind, { scanner, batch, maxEvents, now: store.latestNow() })
      let step = work.next()
      for (; step.done !== true; step = work.next()) if (mayWait && turns.isOver) await turns.next()
      const judging = validateOnly ? store.check(batch) : store.append(batch)
      onRead?.()
      const judgement = await judging
      if (mayWait && turns.isOver) await turns.next()
      const receipt = makeReceipt(batch, step.value.errors, judgement)
      if (!validateOnly) onReceipt?.(receipt, sender)
      return receipt
    } finally {
      releaseBatch(batch)
    }
  }
}
