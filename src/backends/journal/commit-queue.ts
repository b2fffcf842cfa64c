/**
 * Group commit: batches that arrive while a commit runs wait together and share the next one. Ids are reserved when a
 * batch arrives and counted once it is durable, in the order of arrival; a batch that holds only duplicates waits with the
 * others if one of the ids it repeats is not durable yet, and shares its fate. When a commit fails, so does everything
 * that waits after it, and all reservations are aborted together.
 */
import { Verdict, type Batch } from '../batch.ts'
import type { MemoryCore } from '../core/core.ts'
import type { ClockReading } from '../core/clock/clock-reading.ts'
import type { Reservation } from '../core/intake.ts'
import type { WriteFault } from './messages.ts'
import { packRows, type Row } from './rows.ts'

/**
 * Events and bytes from which on a group is closed: counting one does not hold up the event loop for long, and while one
 * is written the senders of the other have time to go on.
 */
const GROUP_EVENTS = 4096
const GROUP_BYTES = 8 << 20

/** Bytes that may wait for commits before further batches are refused: a disk that hangs must not fill the memory. */
const QUEUE_BYTES = 256 << 20

/** Most bytes of memory that are kept from one group for the next. */
const KEPT_BYTES = 16 << 20

const NO_MEMORY = new ArrayBuffer(0)

/** What the queue needs from its surroundings. */
export interface CommitQueueOptions {
  core: MemoryCore
  /** The present time, for the rows. */
  reading: () => ClockReading
  /** Starts to commit rows; `committed` or `failed` is called once it is known what became of them. */
  commit: (rows: Row[]) => void
  /** The cursor after everything counted. */
  cursor: () => string
  /** Called after events have been counted. */
  counted: () => void
}

interface PendingBatch {
  batch: Batch
  reservation: Reservation
  bytes: number
  resolve: (cursor: string) => void
}

/** The verdict of events that cannot be written because of a fault. */
export function verdictOf(code: WriteFault): Verdict {
  return code === 'full' ? Verdict.StorageFull : Verdict.StorageUnavailable
}

/** The queue of one journal; nothing in it has been answered yet. */
export class CommitQueue {
  readonly #options: CommitQueueOptions
  #waiting: PendingBatch[] = []
  /** What is being committed. */
  #group: PendingBatch[] = []
  #bytes = 0
  /** Where the next rows may lie. Fresh memory for each group would cost more than filling it. */
  #memory = NO_MEMORY
  #flush: NodeJS.Immediate | undefined
  #fault: WriteFault | undefined
  /** Told when a commit has ended. */
  #listeners: (() => void)[] = []

  constructor(options: CommitQueueOptions) {
    this.#options = options
  }

  /** Judges a batch, and resolves with the cursor after it once its verdicts are final. */
  append(batch: Batch): Promise<string> | string {
    const { core, cursor } = this.#options
    const bytes = batch.byteLength
    if (this.#fault !== undefined || (this.#bytes + bytes > QUEUE_BYTES && this.#bytes > 0)) {
      core.refuse(batch, verdictOf(this.#fault ?? 'unavailable'))
      return cursor()
    }
    const reservation = core.reserve(batch)
    if (reservation.count === 0 && !reservation.waits) return cursor()
    return new Promise((resolve) => {
      this.#bytes += bytes
      this.#waiting.push({ batch, reservation, bytes, resolve })
      // Whatever else arrives in this turn of the event loop shares the commit.
      if (this.#group.length === 0) this.#flush ??= setImmediate(this.#begin)
    })
  }

  /** Why nothing can be written at present. */
  get fault(): WriteFault | undefined {
    return this.#fault
  }

  /** Whether anything waits for a commit. */
  get isBusy(): boolean {
    return this.#waiting.length + this.#group.length > 0
  }

  /** Resolves when the next commit has succeeded or failed. */
  commitEnded(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve))
  }

  /** The rows that were handed out last are durable; they lay in this memory, which is free again. */
  committed(memory: ArrayBuffer): void {
    if (memory.byteLength <= KEPT_BYTES) this.#memory = memory
    this.#countGroup()
  }

  /** Counts the group, which is durable, and begins with the next one. */
  #countGroup(): void {
    const { core, cursor, counted } = this.#options
    const group = this.#group
    this.#group = []
    // The disk goes on while these are counted.
    const isCommitting = this.#waiting.length > 0 && this.#commit(group.reduce((sum, { reservation }) => sum + reservation.count, 0))
    const cursors: string[] = []
    for (const { batch, reservation, bytes } of group) {
      core.commit(batch, reservation)
      cursors.push(cursor())
      this.#bytes -= bytes
    }
    counted()
    group.forEach(({ resolve }, i) => resolve(cursors[i]))
    this.#notify()
    if (this.#group.length > 0 && !isCommitting) this.#countGroup()
  }

  /** Nothing that waits will become durable, and nothing further will until `recovered`. */
  failed(code: WriteFault): void {
    const { core, cursor } = this.#options
    this.#fault = code
    clearImmediate(this.#flush)
    this.#flush = undefined
    const entries = [...this.#group, ...this.#waiting]
    this.#group = []
    this.#waiting = []
    this.#bytes = 0
    core.abort(entries)
    for (const { batch, resolve } of entries) {
      core.refuse(batch, verdictOf(code))
      resolve(cursor())
    }
    this.#notify()
  }

  /** Writing works again. */
  recovered(): void {
    this.#fault = undefined
  }

  readonly #begin = (): void => {
    if (!this.#commit(0)) this.#countGroup()
  }

  /**
   * Makes a group of what waits and hands out its rows. Returns false where there are none, as it holds duplicates only.
   * @param ahead events that are durable and not counted yet
   */
  #commit(ahead: number): boolean {
    this.#flush = undefined
    const { core, reading, commit } = this.#options
    let count = 0
    let events = 0
    let bytes = 0
    for (; count < this.#waiting.length && events < GROUP_EVENTS && bytes < GROUP_BYTES; count++) {
      events += this.#waiting[count].reservation.count
      bytes += this.#waiting[count].bytes
    }
    this.#group = this.#waiting.splice(0, count)
    const rows = packRows(this.#group.map(({ batch }) => batch), core.log.next + ahead, reading(), this.#memory)
    if (rows.length === 0) return false
    this.#memory = NO_MEMORY
    commit(rows)
    return true
  }

  #notify(): void {
    for (const resolve of this.#listeners.splice(0)) resolve()
  }
}
