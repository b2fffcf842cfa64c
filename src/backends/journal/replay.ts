/**
 * The replay of a journal into the core: asks the writing thread for one slice after the other, restores each, and says how far it
 * is. A second replay follows where the newest rows were from the future and have got the present time. [TIME-4]
 */
import { RefusedError } from '../backend.ts'
import { Batch } from '../batch.ts'
import type { MemoryCore } from '../core/core.ts'
import type { CheckpointHead } from './checkpoint-file.ts'
import type { Found } from './journal-file.ts'
import type { WriterRequest } from './messages.ts'
import type { JournalReport } from './report.ts'
import type { Slice } from './slices.ts'

/** Slices that are under way at a time: one is read while another is restored. */
const SLICES_AHEAD = 2

/** The replays of one journal. */
export class Replay {
  /**
   * Resolves when everything has been read again for the first time, or when the replay was stopped before.
   * @throws RefusedError where the journal is damaged
   */
  readonly done: Promise<void>
  readonly #core: MemoryCore
  readonly #ask: (request: WriterRequest) => void
  readonly #report: (report: JournalReport) => void
  readonly #takeCheckpoint: (head: CheckpointHead) => Promise<boolean>
  #found: Found
  #isRunning = true
  #end!: { resolve: () => void, reject: (error: Error) => void }
  #isFirst = true
  #startedAt = 0
  /** Position up to which a checkpoint counts the events, and what was read since. */
  #countedTo = 0
  #events = 0
  #reportedTenths = 0
  /** Slices that have come and are not restored, and whether there are no more. */
  readonly #received: Slice[] = []
  #hasEnded = false
  #immediate: NodeJS.Immediate | undefined
  /** The present time, which the newest rows get where they are from the future. */
  #openingTime: number | undefined

  /**
   * @param ask hands a request to the writing thread
   * @param takeCheckpoint makes the core what a checkpoint says; false where it is of no use
   */
  constructor(
    core: MemoryCore,
    found: Found,
    ask: (request: WriterRequest) => void,
    report: (report: JournalReport) => void,
    takeCheckpoint: (head: CheckpointHead) => Promise<boolean>
  ) {
    this.#takeCheckpoint = takeCheckpoint
    this.#core = core
    this.#found = found
    this.#ask = ask
    this.#report = report
    this.done = new Promise((resolve, reject) => { this.#end = { resolve, reject } })
  }

  /** What the file holds that is read again. */
  get found(): Found {
    return this.#found
  }

  /** Whether the core does not hold everything yet. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Events that have been read again. */
  get events(): number {
    return this.#events
  }

  /** Events that there are to be read again. */
  get total(): number {
    return this.#found.end - (this.#found.oldest?.position ?? this.#found.end)
  }

  /** Position up to which a checkpoint counts the events; 0 where none does. */
  get countedTo(): number {
    return this.#countedTo
  }

  /** Takes a checkpoint over, if there is one, and asks for the first slices. */
  async start(): Promise<void> {
    const { checkpoint } = this.#found
    this.#countedTo = this.#events = this.#reportedTenths = 0
    this.#hasEnded = false
    this.#startedAt = performance.now()
    if (checkpoint !== undefined && await this.#takeCheckpoint(checkpoint)) this.#countedTo = checkpoint.position
    if (!this.#isRunning) return
    for (let i = 0; i < SLICES_AHEAD; i++) this.#ask({ type: 'replay', countedTo: this.#countedTo })
  }

  /**
   * A slice has come. It is restored in a turn of its own, since the messages of a thread that answers at once would else leave no time
   * for anybody who asks how far it is.
   */
  receive(slice: Slice): void {
    this.#received.push(slice)
    this.#schedule()
  }

  /** All slices have come. */
  end(): void {
    this.#hasEnded = true
    this.#schedule()
  }

  #schedule(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined
      const slice = this.#received.shift()
      if (slice !== undefined) this.#restore(slice)
      if (this.#received.length > 0) this.#schedule()
      else if (this.#hasEnded) this.#finish()
    })
  }

  /** Restores a slice, and asks for a further one. */
  #restore({ position, wall, elapsed, logged, isCounted, batch: columns }: Slice): void {
    if (!this.#isRunning) return
    this.#ask({ type: 'replay', countedTo: this.#countedTo })
    if (logged && this.#core.log.next === 0) this.#core.log.startAt(position)
    const batch = Batch.from(columns)
    if (isCounted) this.#core.restoreLog(batch, { wall, elapsed })
    else this.#core.restore(batch, { wall, elapsed }, logged)
    this.#events = position + batch.count - this.#found.oldest!.position
    const tenths = Math.floor(10 * this.#events / this.total)
    if (tenths === this.#reportedTenths) return
    this.#reportedTenths = tenths
    this.#report({ type: 'replaying', events: this.#events, total: this.total })
  }

  /** The last slice has been restored. */
  #finish(): void {
    if (!this.#isRunning) return
    this.#core.restored()
    this.#isRunning = false
    this.#end.resolve()
    if (!this.#core.mayForget) this.#report({ type: 'cautious' })
    const checkpointed = Math.max(0, this.#countedTo - (this.#found.oldest?.position ?? 0))
    this.#report({ type: 'replayed', events: this.total - checkpointed, checkpointed, seconds: (performance.now() - this.#startedAt) / 1000 })
  }

  /** The newest rows are of a time that has not come; until they have got the present one and all is read again, the past is not known. */
  suspend(openingTime: number): void {
    this.#isRunning = true
    this.#openingTime = openingTime
  }

  /** Asks that the rows from the future get the present time, once more after a failure; does nothing where there are none. */
  askForRetiming(): void {
    if (this.#isRunning && this.#openingTime !== undefined) this.#ask({ type: 'retime', wall: this.#openingTime })
  }

  /** The rows have got the present time: reads everything again. */
  restart(found: Found): void {
    if (!this.#isRunning) return
    this.#found = found
    this.#isFirst = false
    this.#core.restart(this.#openingTime!)
    this.start()
  }

  /** The journal cannot be read. */
  refuse(message: string): void {
    this.#end.reject(new RefusedError(message))
    if (!this.#isFirst) this.#report({ type: 'failed', detail: message })
  }

  /** The writing thread is gone. */
  fail(error: Error): void {
    this.#end.reject(error)
  }

  /** Restores nothing further. */
  stop(): void {
    this.#isRunning = false
    this.#end.resolve()
  }
}
