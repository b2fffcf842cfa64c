/**
 * A batch's way into the cluster, in two steps. The partition of an event's id says which partition may count it; then the
 * partition of its user deduplicates, counts and logs it in one call. A death between the two counts nothing, and sending
 * again counts once. An id that another user's partition has claimed is a duplicate only if that partition has counted it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Verdict, type Batch } from '../batch.ts'
import type { Engine } from './engine.ts'
import { HASH_BYTES, type BatchHashes, type PartitionHash } from './keys.ts'
import { CALL_BYTES, CALL_CLAIMS, CALL_EVENTS, MINE, UNKNOWN, type EventGroup, type Partition } from './partition.ts'
import { SCRIPTS } from './scripts.ts'

/** Milliseconds in which a batch is judged, one way or the other. [STORE-3] */
const PATIENCE = 1_700

/** Milliseconds after a claim in which its events can still be counted; the scripts know it too. */
const DEADLINE = 10_000

/** Milliseconds between two looks at an id that another request is about to count. */
const LOOKUP_INTERVAL = 25

/** Bytes of events under way before further batches are refused. */
const MAX_BYTES = 64 << 20

/** Sends those of a group that may be counted, and waits for their verdicts. */
type Send = (owners: Uint8Array, deadline: number) => Promise<void>

/** What appending needs. */
export interface AppenderOptions {
  engine: Engine
  partitions: readonly Partition[]
  hash: PartitionHash
  now: () => number
}

/** Appends batches. */
export class Appender {
  readonly #engine: Engine
  readonly #partitions: readonly Partition[]
  readonly #hash: PartitionHash
  readonly #now: () => number
  #bytes = 0

  constructor({ engine, partitions, hash, now }: AppenderOptions) {
    this.#engine = engine
    this.#partitions = partitions
    this.#hash = hash
    this.#now = now
  }

  /** Judges the events of a batch, appends those that count, and writes the verdicts. */
  async append(batch: Batch): Promise<void> {
    const size = sizeOf(batch)
    if (this.#bytes > 0 && this.#bytes + size > MAX_BYTES) {
      batch.verdicts.fill(Verdict.StorageUnavailable, 0, batch.count)
      return
    }
    this.#bytes += size
    try {
      await this.#append(batch)
    } finally {
      this.#bytes -= size
    }
  }

  async #append(batch: Batch): Promise<void> {
    const expires = performance.now() + PATIENCE
    const hashes = this.#hash.hash(batch)
    // They are queued before anything is awaited, so that one user's events keep their order. [LIVE-1]
    const sent = groupEvents(batch, hashes.userPartitions, this.#partitions.length)
      .map(({ partition, events }) => this.#enqueue(batch, partition, events, hashes, expires))
    const deadline = this.#now() + DEADLINE
    const owners = await this.#claim(hashes, every(batch.count), new Float64Array(batch.count), expires)
    await Promise.all(sent.map((send) => send(owners, deadline)))
    const conflicts: number[] = []
    for (let i = 0; i < batch.count; i++) {
      if (owners[i] === UNKNOWN) batch.verdicts[i] = Verdict.StorageUnavailable
      else if (owners[i] !== MINE) conflicts.push(i)
    }
    if (conflicts.length > 0) await this.#resolveConflicts(batch, hashes, owners, conflicts, expires)
  }

  /** Asks for the claims of some events; answers by index. */
  async #claim(hashes: BatchHashes, events: readonly number[], proofs: Float64Array, expires: number): Promise<Uint8Array> {
    const { ids, idPartitions, userPartitions } = hashes
    const answers = new Uint8Array(userPartitions.length).fill(MINE)
    const byPartition = groupBy(events, idPartitions, this.#partitions.length, CALL_CLAIMS)
    await Promise.all(byPartition.map(({ partition, events }) => new Promise<void>((resolve) => {
      this.#partitions[partition].claim({
        hashes: hashesOf(ids, events),
        owners: Uint8Array.from(events, (i) => userPartitions[i]),
        proofs: Float64Array.from(events, (i) => proofs[i]),
        expires,
        resolve: (owners) => {
          events.forEach((i, k) => { answers[i] = owners[k] })
          resolve()
        }
      })
    })))
    return answers
  }

  /** Queues events for a partition, so that they keep their order. Returns what sends those that may be counted, and waits for their verdicts. */
  #enqueue(batch: Batch, partition: number, events: readonly number[], { ids }: BatchHashes, expires: number): Send {
    const group: EventGroup = { ...EMPTY_GROUP, expires }
    this.#partitions[partition].enqueue(group)
    return (owners, deadline) => new Promise((resolve) => {
      const mine = events.filter((i) => owners[i] === MINE)
      fill(group, batch, mine, ids, deadline)
      group.resolve = (verdicts) => {
        mine.forEach((i, k) => { batch.verdicts[i] = verdicts[k] })
        resolve()
      }
      group.isReady = true
      this.#partitions[partition].schedule()
    })
  }

  /** Finds out what became of ids that other partitions have claimed. */
  async #resolveConflicts(batch: Batch, hashes: BatchHashes, owners: Uint8Array, conflicts: readonly number[], expires: number): Promise<void> {
    let open = conflicts
    for (;;) {
      const proofs = new Float64Array(batch.count)
      const counted = await this.#lookUp(hashes.ids, open, owners, proofs, true)
      for (const i of open) batch.verdicts[i] = counted[i] === 1 ? Verdict.Duplicate : Verdict.StorageUnavailable
      open = open.filter((i) => counted[i] === 0)
      if (open.length === 0) return
      // A claim that was never used lapses: the proof shows that it can no longer be.
      const again = await this.#claim(hashes, open, proofs, expires)
      const lapsed = open.filter((i) => again[i] === MINE)
      if (lapsed.length > 0) {
        const deadline = this.#now() + DEADLINE
        const sent = groupBy(lapsed, hashes.userPartitions, this.#partitions.length, CALL_EVENTS)
          .map(({ partition, events }) => this.#enqueue(batch, partition, events, hashes, expires))
        await Promise.all(sent.map((send) => send(again, deadline)))
      }
      open = open.filter((i) => again[i] !== MINE && again[i] !== UNKNOWN)
      for (const i of open) owners[i] = again[i]
      if (open.length === 0 || performance.now() + LOOKUP_INTERVAL >= expires) return
      await delay(LOOKUP_INTERVAL)
    }
  }

  /** Whether partitions have counted ids: 1, 0, or 2 where that is not known. Their clocks are written to `proofs`. */
  async #lookUp(ids: Buffer, events: readonly number[], partitions: Uint8Array, proofs: Float64Array, advances: boolean): Promise<Uint8Array> {
    const answers = new Uint8Array(partitions.length)
    await Promise.all(groupBy(events, partitions, this.#partitions.length, CALL_CLAIMS).map(async ({ partition, events }) => {
      try {
        const { key } = this.#partitions[partition]
        const [, counted, clock] = await this.#engine.call(SCRIPTS.lookup, key, [this.#now(), EMPTY, hashesOf(ids, events), advances ? 1 : 0])
        events.forEach((i, k) => {
          answers[i] = (counted as Buffer)[k]
          proofs[i] = Number(clock)
        })
      } catch {
        for (const i of events) answers[i] = 2 // the partition's own calls report what is wrong with it
      }
    }))
    return answers
  }

  /** Writes the verdicts that `append` would, and changes nothing. [ING-4] */
  async check(batch: Batch, reach: number): Promise<void> {
    const { ids, idPartitions } = this.#hash.hash(batch)
    const owners = new Uint8Array(batch.count).fill(UNKNOWN)
    await Promise.all(groupBy(every(batch.count), idPartitions, this.#partitions.length, CALL_CLAIMS).map(async ({ partition, events }) => {
      try {
        const [found] = await this.#engine.call(SCRIPTS.lookup, this.#partitions[partition].key, [this.#now(), hashesOf(ids, events), EMPTY, 0])
        events.forEach((i, k) => { owners[i] = (found as Buffer)[k] })
      } catch {
        // Their verdict is `unavailable`; the partition's own calls report what is wrong with it.
      }
    }))
    const claimed = every(batch.count).filter((i) => owners[i] < this.#partitions.length)
    const counted = await this.#lookUp(ids, claimed, owners, new Float64Array(batch.count), false)
    const fresh = new Set<string>()
    for (let i = 0; i < batch.count; i++) {
      const id = ids.toString('latin1', i * HASH_BYTES, (i + 1) * HASH_BYTES)
      if (owners[i] === UNKNOWN || counted[i] === 2) batch.verdicts[i] = Verdict.StorageUnavailable
      else if (counted[i] === 1 || fresh.has(id)) batch.verdicts[i] = Verdict.Duplicate
      else batch.verdicts[i] = batch.times[i] < reach ? Verdict.Late : Verdict.Accepted
      if (batch.verdicts[i] !== Verdict.StorageUnavailable) fresh.add(id)
    }
  }
}

const EMPTY = Buffer.alloc(0)

/** A group before it is known which of its events may be counted. */
const EMPTY_GROUP: EventGroup = {
  count: 0,
  hashes: EMPTY,
  deadlines: new Float64Array(0),
  types: new Uint8Array(0),
  times: [],
  lengths: new Uint32Array(0),
  bytes: [],
  users: [],
  byteLength: 0,
  expires: 0,
  isReady: false,
  resolve: () => {}
}

/** Bytes of a batch's events. */
function sizeOf(batch: Batch): number {
  let size = 0
  for (let i = 0; i < batch.count; i++) size += batch.end[i] - batch.start[i]
  return size
}

function every(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

interface PartitionEvents {
  partition: number
  events: number[]
}

/** Events by partition, in order, at most so many a group. */
function groupBy(events: readonly number[], partitions: Uint8Array, count: number, most: number): PartitionEvents[] {
  const open: (PartitionEvents | undefined)[] = new Array(count).fill(undefined)
  const groups: PartitionEvents[] = []
  for (const i of events) {
    const partition = partitions[i]
    let group = open[partition]
    if (group === undefined || group.events.length >= most) {
      open[partition] = group = { partition, events: [] }
      groups.push(group)
    }
    group.events.push(i)
  }
  return groups
}

/** The same, with at most CALL_BYTES a group. */
function groupEvents(batch: Batch, partitions: Uint8Array, count: number): PartitionEvents[] {
  return groupBy(every(batch.count), partitions, count, CALL_EVENTS).flatMap(({ partition, events }) => {
    const parts: PartitionEvents[] = []
    let bytes = Infinity
    for (const i of events) {
      const length = batch.end[i] - batch.start[i]
      if (bytes + length > CALL_BYTES) {
        parts.push({ partition, events: [] })
        bytes = 0
      }
      parts.at(-1)!.events.push(i)
      bytes += length
    }
    return parts
  })
}

function hashesOf(ids: Buffer, events: readonly number[]): Buffer {
  const hashes = Buffer.allocUnsafe(events.length * HASH_BYTES)
  events.forEach((i, k) => ids.copy(hashes, k * HASH_BYTES, i * HASH_BYTES, (i + 1) * HASH_BYTES))
  return hashes
}

function fill(group: EventGroup, batch: Batch, events: readonly number[], ids: Buffer, deadline: number): void {
  group.count = events.length
  group.hashes = hashesOf(ids, events)
  group.deadlines = new Float64Array(events.length).fill(deadline)
  group.types = Uint8Array.from(events, (i) => batch.types[i])
  group.times = events.map((i) => String(batch.times[i]))
  group.lengths = Uint32Array.from(events, (i) => batch.end[i] - batch.start[i])
  // Copies: a call that is late goes on after `append` has resolved and the batch belongs to another request.
  group.bytes = events.map((i) => Buffer.from(batch.bytes.subarray(batch.start[i], batch.end[i])))
  group.users = events.map((i) => Buffer.from(batch.bytes.subarray(batch.userStart[i], batch.userEnd[i])))
  group.byteLength = group.lengths.reduce((sum, length) => sum + length, 0)
}
