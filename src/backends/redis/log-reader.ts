/**
 * Reads the partitions' logs as one. Entries are merged by the time at which their partition logged them, so a page is about in
 * order of arrival, and exactly so for each user. A cursor is a position in every partition.
 */
import type { Event } from '../../../schemas/index.ts'
import { LostCursorError, StorageUnavailableError, type Filter, type LostReason, type PageLimits } from '../backend.ts'
import { Verdict } from '../batch.ts'
import { isBefore, type LogPosition } from './cursor.ts'
import type { Engine } from './engine.ts'
import type { Partition } from './partition.ts'
import { SCRIPTS } from './scripts.ts'

/** Bytes that a read asks one partition for at the least and at the most; an entry is never cut. */
const MIN_BYTES = 16 << 10
const MAX_BYTES = 1 << 20

/** Bytes that reading the newest events looks at in one partition. */
const NEWEST_BYTES = 4 << 20

/** One event of the log. */
export interface LoggedEvent {
  partition: number
  /** The partition's position after it. */
  position: number
  /** When its partition logged it, milliseconds since 1970. */
  time: number
  type: number
  bytes: Buffer
}

/** What was found. */
export interface PartitionsRead {
  /** Where it was read from, in the epochs of the servers that were read. */
  start: LogPosition[]
  /** Those that match. */
  events: LoggedEvent[]
  /** Every event that was looked at, in order, so that a position can be told after each. */
  looked: LoggedEvent[]
  /** For each of `events`, how many of `looked` come before its end. */
  ends: number[]
}

/** Reads logs. */
export class LogReader {
  readonly #engine: Engine
  readonly #partitions: readonly Partition[]

  constructor(engine: Engine, partitions: readonly Partition[]) {
    this.#engine = engine
    this.#partitions = partitions
  }

  /**
   * The next events after a position in each partition.
   * @throws LostCursorError
   */
  async read(after: readonly LogPosition[], filter: Filter, limits: PageLimits): Promise<PartitionsRead> {
    const grown = this.#partitions.map((_, p) => p).filter((p) => isBefore(after[p], this.#partitions[p].head))
    const bytes = Math.min(MAX_BYTES, Math.max(MIN_BYTES, Math.ceil(limits.bytes / Math.max(1, grown.length))))
    const found = await Promise.all(grown.map((p) => this.#readAfter(p, after[p], bytes)))
    const start = [...after]
    grown.forEach((p, i) => { start[p] = { epoch: found[i].epoch, position: after[p].position } })
    // What one partition has beyond what was read of it may be older than what another has.
    const horizon = Math.min(Infinity, ...found.filter(({ hasMore }) => hasMore).map(({ events }) => events.at(-1)!.time))
    const merged = found.flatMap(({ events }) => events).filter(({ time }) => time <= horizon)
    merged.sort((a, b) => a.time - b.time || a.partition - b.partition || a.position - b.position)
    return { start, ...select(merged, filter, limits) }
  }

  /** The newest events, in order; looks back a bounded way. */
  async newest(heads: readonly LogPosition[], filter: Filter, limits: PageLimits): Promise<LoggedEvent[]> {
    const found = await Promise.all(this.#partitions.map((_, p) => this.#readBefore(p, heads[p].position, filter, limits)))
    const merged = found.flat()
    merged.sort((a, b) => b.time - a.time || b.partition - a.partition || b.position - a.position)
    return select(merged, {}, limits).events.reverse()
  }

  /**
   * Why a position can no longer be read on from; undefined where it can.
   * @throws StorageUnavailableError
   */
  async lossOf(positions: readonly LogPosition[]): Promise<LostReason | undefined> {
    const reasons = await Promise.all(positions.map(async (end, p) => (await this.#call(p, end.epoch, end.position, 0)).lost))
    return reasons.find((reason) => reason === 'other_history') ?? reasons.find((reason) => reason !== undefined)
  }

  async #readAfter(p: number, { epoch, position }: LogPosition, bytes: number): Promise<{ epoch: number, events: LoggedEvent[], hasMore: boolean }> {
    const { head } = this.#partitions[p]
    const found = await this.#call(p, epoch, position, bytes)
    if (found.lost !== undefined) throw new LostCursorError(found.lost)
    const end = this.#engine.waits ? head.position : Infinity
    const events = found.entries.flatMap((entry) => eventsOf(p, entry)).filter((event) => event.position > position && event.position <= end)
    return { epoch: found.epoch, events, hasMore: events.length > 0 && events.at(-1)!.position < this.#partitions[p].head.position }
  }

  async #readBefore(p: number, head: number, filter: Filter, limits: PageLimits): Promise<LoggedEvent[]> {
    const events: LoggedEvent[] = []
    let bytes = 0
    for (let position = head; position > 0 && events.length < limits.events && bytes < NEWEST_BYTES;) {
      const { entries } = await this.#call(p, -1, position, MAX_BYTES)
      if (entries.length === 0) break
      for (const entry of entries) {
        const all = eventsOf(p, entry)
        bytes += all.reduce((sum, event) => sum + event.bytes.length, 0)
        position = startOf(entry)
        events.push(...all.reverse().filter((event) => matches(event, filter)))
      }
    }
    return events
  }

  /** Reads entries, and notes the partition's end. */
  async #call(p: number, epoch: number, position: number, bytes: number): Promise<{ epoch: number, lost: LostReason | undefined, entries: StreamEntry[] }> {
    const partition = this.#partitions[p]
    const [status, atEpoch, next, first, entries] = await this.#engine.call(SCRIPTS.read, partition.key, [epoch, position, bytes])
    if (String(status) === 'behind') throw new StorageUnavailableError('a server does not have what was read before')
    const end = { epoch: Number(atEpoch), position: Number(next) }
    partition.first = Number(first)
    partition.see(end)
    return { epoch: end.epoch, lost: String(status) === 'ok' ? undefined : String(status) as LostReason, entries: entries as StreamEntry[] }
  }
}

/** An entry as the engine gives it: its id, and its fields and values in turn. */
type StreamEntry = [Buffer, Buffer[]]

/** Events before an entry. */
function startOf([id]: StreamEntry): number {
  return Number.parseInt(id.toString(), 10) - 1
}

function eventsOf(partition: number, entry: StreamEntry): LoggedEvent[] {
  const [, time, , , , verdicts, , lengths, , types, , bytes] = entry[1]
  const events: LoggedEvent[] = []
  let position = startOf(entry)
  let at = 0
  for (let i = 0; i < verdicts.length; i++) {
    const length = lengths.readUInt32LE(i * 4)
    if (verdicts[i] === Verdict.Accepted || verdicts[i] === Verdict.Late) {
      events.push({ partition, position: ++position, time: Number(time), type: types[i], bytes: bytes.subarray(at, at + length) })
    }
    at += length + 1
  }
  return events
}

function matches(event: LoggedEvent, { types, users }: Filter): boolean {
  if (types !== undefined && !types.has(event.type)) return false
  return users === undefined || users.has((JSON.parse(event.bytes.toString()) as Event).user_id)
}

/** Looks at events in order until a limit is met. */
function select(all: readonly LoggedEvent[], filter: Filter, limits: PageLimits): Omit<PartitionsRead, 'start'> {
  const read: Omit<PartitionsRead, 'start'> = { events: [], looked: [], ends: [] }
  let bytes = 0
  for (const event of all) {
    const isMatch = matches(event, filter)
    if (isMatch && read.events.length > 0 && (read.events.length >= limits.events || bytes + event.bytes.length + 1 > limits.bytes)) break
    read.looked.push(event)
    if (!isMatch) continue
    bytes += event.bytes.length + 1
    read.events.push(event)
    read.ends.push(read.looked.length)
  }
  return read
}
