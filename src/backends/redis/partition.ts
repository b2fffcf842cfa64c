/**
 * One partition as this process sees it: what waits to be sent there, and what is known of its log. Whatever arrives while a
 * call is under way shares the next one, so that a call carries many events. Events leave in the order in which they came.
 */
import { Verdict } from '../batch.ts'
import { isBefore, type LogPosition } from './cursor.ts'
import { EngineFullError, type Engine } from './engine.ts'
import { SCRIPTS } from './scripts.ts'

/** Events and bytes from which on a call is closed: it must not keep the engine for long. */
export const CALL_EVENTS = 256
export const CALL_BYTES = 1 << 20

/** Claims from which on a call is closed. */
export const CALL_CLAIMS = 512

/** What a claim answers where the id may be counted by who asked. */
export const MINE = 255

/** What a claim answers where the engine did not. */
export const UNKNOWN = 254

/** Ids to be claimed for the partitions of their users. */
export interface ClaimGroup {
  /** HASH_BYTES for each. */
  hashes: Buffer
  owners: Uint8Array
  /** Times at which the present owner's partition said that it has not counted the id; 0: none. */
  proofs: Float64Array
  /** Milliseconds of the monotonic clock after which it need not be sent any more. */
  expires: number
  /** Called with MINE, UNKNOWN, or the partition that has the claim, for each. */
  resolve: (owners: Uint8Array) => void
}

/** Events of one batch for the partition of their users. */
export interface EventGroup {
  count: number
  hashes: Buffer
  /** The time after which each may no longer be counted, milliseconds since 1970. */
  deadlines: Float64Array
  types: Uint8Array
  /** Milliseconds since 1970, as text. */
  times: string[]
  lengths: Uint32Array
  bytes: Buffer[]
  users: Buffer[]
  byteLength: number
  expires: number
  /** False until the ids are claimed; what came later waits for it. */
  isReady: boolean
  /** Called with a `Verdict` for each. */
  resolve: (verdicts: Uint8Array) => void
}

const COMMA = Buffer.from(',')
const NOTHING = Buffer.alloc(0)

/** Calls of one partition, one at a time, and the end of its log. */
export class Partition {
  readonly key: string
  readonly #engine: Engine
  readonly #logBytes: number
  readonly #now: () => number
  readonly #onGrowth: () => void
  readonly #onFailure: (error: Error) => void
  #claims: ClaimGroup[] = []
  #events: EventGroup[] = []
  #isCalling = false
  #scheduled: NodeJS.Immediate | undefined
  /** The end of its log, as far as this process knows: where replicas are waited for, of what they have acknowledged. */
  head: LogPosition = { epoch: 1, position: 0 }
  first = 0
  logBytes = 0
  ids = 0
  /** The partition's clock, milliseconds since 1970. */
  clock = 0
  /** Whether its upkeep has more to do at once. */
  isPending = false

  constructor(key: string, { engine, logBytes, now, onGrowth, onFailure }: {
    engine: Engine
    logBytes: number
    now: () => number
    /** Called when its log is known to have grown. */
    onGrowth: () => void
    /** Told of calls that failed, and why. */
    onFailure: (error: Error) => void
  }) {
    this.key = key
    this.#engine = engine
    this.#logBytes = logBytes
    this.#now = now
    this.#onGrowth = onGrowth
    this.#onFailure = onFailure
  }

  claim(group: ClaimGroup): void {
    this.#claims.push(group)
    this.schedule()
  }

  /** Queues a group of events in order; it is sent once it is ready. */
  enqueue(group: EventGroup): void {
    this.#events.push(group)
  }

  /** Notes an end of its log that was read: what replicas have not acknowledged may still be lost, and is not shown. */
  see(end: LogPosition): void {
    if (!this.#engine.waits) this.#moveHead(end)
  }

  /** Learns where its log ends. */
  async refresh(): Promise<void> {
    const [epoch, next, first, isCurrentRun] = await this.#engine.call(SCRIPTS.end, this.key, [])
    this.first = Number(first)
    const end = { epoch: Number(epoch), position: Number(next) }
    if (isCurrentRun !== 1 || (this.#engine.waits && isBefore(this.head, end))) await this.confirm()
    else this.#moveHead(end)
  }

  /** Has replicas acknowledge what was written to it so far, and begins a new epoch where one is due. */
  async confirm(): Promise<void> {
    const [epoch, next, first] = await this.#engine.call(SCRIPTS.confirm, this.key, [this.head.epoch, this.head.position], true)
    this.first = Number(first)
    this.#moveHead({ epoch: Number(epoch), position: Number(next) })
  }

  #moveHead(end: LogPosition): void {
    if (!isBefore(this.head, end)) return
    this.head = end
    this.#onGrowth()
  }

  /** Has what is ready sent soon, together with whatever else comes in this turn of the event loop. */
  schedule(): void {
    if (!this.#isCalling) this.#scheduled ??= setImmediate(this.#send)
  }

  readonly #send = (): void => {
    this.#scheduled = undefined
    const claims = this.#nextClaims()
    const events = this.#nextEvents()
    if (claims.length === 0 && events.length === 0) return
    this.#isCalling = true
    this.#append(claims, events).then(undefined, (error) => {
      this.#onFailure(error as Error)
      const verdict = error instanceof EngineFullError ? Verdict.StorageFull : Verdict.StorageUnavailable
      for (const { owners, resolve } of claims) resolve(new Uint8Array(owners.length).fill(UNKNOWN))
      for (const { count, resolve } of events) resolve(new Uint8Array(count).fill(verdict))
    }).finally(() => {
      this.#isCalling = false
      this.schedule()
    })
  }

  #nextClaims(): ClaimGroup[] {
    const now = performance.now()
    let count = 0
    let ids = 0
    while (count < this.#claims.length && (count === 0 || ids + this.#claims[count].owners.length <= CALL_CLAIMS)) ids += this.#claims[count++].owners.length
    return this.#claims.splice(0, count).filter(({ expires, owners, resolve }) => {
      if (expires >= now) return true
      resolve(new Uint8Array(owners.length).fill(UNKNOWN))
      return false
    })
  }

  #nextEvents(): EventGroup[] {
    const now = performance.now()
    let count = 0
    let events = 0
    let bytes = 0
    for (; count < this.#events.length && this.#events[count].isReady; count++) {
      const group = this.#events[count]
      if (count > 0 && (events + group.count > CALL_EVENTS || bytes + group.byteLength > CALL_BYTES)) break
      events += group.count
      bytes += group.byteLength
    }
    return this.#events.splice(0, count).filter(({ count, expires, resolve }) => {
      if (count > 0 && expires >= now) return true
      resolve(new Uint8Array(count).fill(Verdict.StorageUnavailable))
      return false
    })
  }

  async #append(claims: readonly ClaimGroup[], events: readonly EventGroup[]): Promise<void> {
    const reply = await this.#engine.call(SCRIPTS.append, this.key, [
      this.#now(), this.head.epoch, this.head.position, this.#logBytes,
      Buffer.concat(claims.map(({ hashes }) => hashes)),
      Buffer.concat(claims.map(({ owners }) => owners)),
      Buffer.concat(claims.map(({ proofs }) => bytesOf(proofs))),
      Buffer.concat(events.map(({ hashes }) => hashes)),
      Buffer.concat(events.map(({ deadlines }) => bytesOf(deadlines))),
      Buffer.concat(events.map(({ types }) => types)),
      Buffer.concat(events.map(({ lengths }) => bytesOf(lengths))),
      joinBytes(events),
      ...events.flatMap(({ times }) => times),
      ...events.flatMap(({ users }) => users)
    ], true)
    const [owners, verdicts, epoch, next, first, logBytes, clock, ids] = reply as [Buffer, Buffer, ...unknown[]]
    this.first = Number(first)
    this.logBytes = Number(logBytes)
    this.clock = Math.max(this.clock, Number(clock))
    this.ids = Number(ids)
    this.#moveHead({ epoch: Number(epoch), position: Number(next) })
    let at = 0
    for (const group of claims) group.resolve(owners.subarray(at, at += group.owners.length))
    at = 0
    for (const group of events) group.resolve(verdicts.subarray(at, at += group.count))
  }

  /** Ends what waits. */
  close(): void {
    clearImmediate(this.#scheduled)
    this.#isCalling = true
    for (const { owners, resolve } of this.#claims.splice(0)) resolve(new Uint8Array(owners.length).fill(UNKNOWN))
    for (const { count, resolve } of this.#events.splice(0)) resolve(new Uint8Array(count).fill(Verdict.StorageUnavailable))
  }
}

function bytesOf(array: Float64Array | Uint32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

function joinBytes(events: readonly EventGroup[]): Buffer {
  const parts: Buffer[] = []
  for (const { bytes } of events) {
    for (const event of bytes) {
      if (parts.length > 0) parts.push(COMMA)
      parts.push(event)
    }
  }
  return parts.length === 0 ? NOTHING : Buffer.concat(parts)
}
