/**
 * The journal backend's store, in the main thread: puts batches into the commit queue, answers readers from the core, and
 * understands what the writing thread answers.
 */
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { StoreHealth } from '../../../schemas/index.ts'
import {
  READY, StorageUnavailableError,
  type Allocate, type Clock, type EventStore, type Filter, type Judgement, type Location, type Page, type PageLimits, type Readiness
} from '../backend.ts'
import { Verdict, type Batch } from '../batch.ts'
import { MemoryCore } from '../core/core.ts'
import type { Capacities } from '../core/intake.ts'
import { formatCursor } from '../core/log/cursor.ts'
import { MemoryAggregator, MemoryStore } from '../memory.ts'
import { dropCheckpoint, withImage, type CheckpointHead } from './checkpoint-file.ts'
import { Checkpoints } from './checkpoints.ts'
import { CommitQueue, verdictOf } from './commit-queue.ts'
import { CHECKPOINT_FILE } from './folder.ts'
import type { Found } from './journal-file.ts'
import type { WriterAnswer, WriterRequest } from './messages.ts'
import { Replay } from './replay.ts'
import type { JournalReport } from './report.ts'
import { Retention } from './retention.ts'

/** Where a store's files are, and how much it may hold. */
export interface StoreOptions extends Capacities {
  /** Folder of the journal; made if it does not exist. */
  directory: string
  /** Events from one checkpoint to the next; a test passes fewer. */
  checkpointInterval?: number
}

/** The store of one journal. */
export class JournalStore implements EventStore {
  /** The core's two faces, once it is known what time it was when the journal begins. */
  readonly memory: MemoryStore
  readonly counts: MemoryAggregator
  readonly #core: MemoryCore
  readonly #options: StoreOptions
  readonly #worker: Worker
  readonly #report: (report: JournalReport) => void
  readonly #queue: CommitQueue
  readonly #replay: Replay
  #checkpoints: Checkpoints | undefined
  readonly #exited: Promise<void>
  #retention: Retention
  #isClosed = false

  /** @param worker the writing thread, which has found this in the file */
  constructor(clock: Clock, options: StoreOptions, report: (report: JournalReport) => void, worker: Worker, found: Found) {
    this.#options = options
    this.#worker = worker
    this.#report = report
    this.#retention = new Retention(found.oldest)
    this.#core = new MemoryCore(clock, options, found.oldest && found.newest)
    this.memory = new MemoryStore(this.#core, found.epoch)
    this.counts = new MemoryAggregator(this.#core, this.memory)
    this.#queue = new CommitQueue({
      core: this.#core,
      reading: () => this.#core.reading(),
      commit: (rows) => {
        this.#retention.adds(rows[0])
        this.#ask({ type: 'commit', rows }, [rows[0].columns.buffer as ArrayBuffer])
      },
      cursor: () => this.memory.head,
      counted: () => this.memory.announce()
    })
    this.#replay = new Replay(this.#core, found, (request) => this.#ask(request), report, (head) => this.#takeCheckpoint(head))
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    worker.on('message', (answer: WriterAnswer) => this.#receive(answer))
    worker.on('error', (error) => this.#loseWriter(`the writing thread failed: ${(error as Error).message}`))
    worker.on('exit', () => this.#loseWriter('the writing thread ended'))
    if (found.notice !== undefined) this.#report({ type: 'warning', detail: `a new history begins, and cursors of the old one are answered as lost: ${found.notice}` })
    this.#replay.start()
  }

  /** Resolves when the first replay is over; rejects where the journal cannot be read. */
  get replayed(): Promise<void> {
    return this.#replay.done
  }

  now(): number {
    return this.#core.now()
  }

  latestNow(): number {
    return this.#core.latestNow()
  }

  async append(batch: Batch): Promise<Judgement> {
    if (this.#isOpen) return { cursor: await this.#queue.append(batch), verdicts: batch.verdicts }
    batch.verdicts.fill(Verdict.StorageUnavailable, 0, batch.count)
    return { cursor: this.#head, verdicts: batch.verdicts }
  }

  async check(batch: Batch): Promise<Judgement> {
    // An event whose id is in a commit under way is judged when that is over.
    while (this.#isOpen && this.#hasPending(batch)) await this.#queue.commitEnded()
    if (!this.#isOpen) batch.verdicts.fill(Verdict.StorageUnavailable, 0, batch.count)
    else if (this.#queue.fault !== undefined) this.#core.refuse(batch, verdictOf(this.#queue.fault))
    else this.#core.check(batch)
    return { cursor: this.#head, verdicts: batch.verdicts }
  }

  async locate(after?: string): Promise<Location> {
    if (after === undefined) return { cursor: this.#head }
    this.assertReplayed()
    return this.memory.locate(after)
  }

  async read(after: string, filter: Filter, limits: PageLimits, allocate?: Allocate): Promise<Page> {
    this.assertReplayed()
    return this.memory.read(after, filter, limits, allocate)
  }

  async newest(filter: Filter, limits: PageLimits): Promise<Page> {
    this.assertReplayed()
    return this.memory.newest(filter, limits)
  }

  onAppend(listener: () => void): () => void {
    return this.memory.onAppend(listener)
  }

  readiness(): Readiness {
    if (this.#isClosed) return { ready: false, detail: 'the journal is closed' }
    if (this.#replay.isRunning) return { ready: false, detail: `the journal is being read: ${this.#replay.events} of ${this.#replay.total} events` }
    if (this.#queue.fault === undefined) return READY
    return { ready: false, detail: this.#queue.fault === 'full' ? 'the disk of the journal is full' : 'the journal cannot be written' }
  }

  health(): StoreHealth {
    return { ...this.memory.health(), kind: 'journal' }
  }

  maintain(): void {
    if (!this.#isOpen) return
    this.memory.maintain()
    if (this.#queue.fault !== undefined) return
    const { openingTime } = this.#core
    if (openingTime !== undefined) {
      this.#replay.suspend(openingTime)
      this.#retime()
      return
    }
    this.#checkpoints ??= this.#startCheckpoints()
    this.#checkpoints.maintain(this.#core.log.next, this.#core.idCount)
    if (!this.#core.mayForget) return
    const request = this.#retention.next(this.#core.reading(), this.#core.log.first)
    if (request !== undefined) this.#ask(request)
  }

  async close(): Promise<void> {
    const wasClosed = this.#isClosed
    this.#isClosed = true
    this.#replay.stop()
    await this.#checkpoints?.stop()
    if (!wasClosed) {
      while (this.#queue.isBusy) await this.#queue.commitEnded()
      this.#ask({ type: 'close' })
    }
    await this.#exited
    await this.memory.close()
  }

  /** @throws StorageUnavailableError while the past is not known yet */
  assertReplayed(): void {
    if (this.#replay.isRunning) throw new StorageUnavailableError('the journal is being read')
  }

  get #isOpen(): boolean {
    return !this.#isClosed && !this.#replay.isRunning
  }

  /** The cursor after the newest event, known before the replay is over. */
  get #head(): string {
    const { isRunning, found } = this.#replay
    return isRunning ? formatCursor(found.epoch, found.end) : this.memory.head
  }

  #ask(request: WriterRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer)
  }

  #receive(answer: WriterAnswer): void {
    switch (answer.type) {
      case 'slice': return this.#replay.receive(answer.slice)
      case 'replayed': return this.#replay.end()
      case 'committed': return this.#queue.committed(answer.memory)
      case 'failed':
        this.#queue.failed(answer.code)
        this.#retention.dropped()
        this.#report({ type: 'failed', detail: answer.detail })
        return this.#ask({ type: 'recover' })
      case 'recovered':
        this.#queue.recovered()
        this.#replay.askForRetiming()
        return this.#report({ type: 'recovered' })
      case 'trimmed':
        this.#retention.trimmed(answer)
        if (answer.failed !== undefined) this.#report({ type: 'warning', detail: `old events could not be deleted: ${answer.failed}` })
        return
      case 'warning': return this.#report(answer)
      case 'retimed':
        this.#retention = new Retention(answer.found.oldest)
        return this.#replay.restart(answer.found)
      case 'refused': return this.#replay.refuse(answer.message)
    }
  }

  #startCheckpoints(): Checkpoints {
    const { directory, dedupCapacity, userCapacity, logBytes, checkpointInterval } = this.#options
    const task = { directory, dedupCapacity, userCapacity, logBytes, epoch: this.#replay.found.epoch }
    return new Checkpoints(task, this.#replay.countedTo, this.#report, checkpointInterval)
  }

  /**
   * Makes the core what a checkpoint says; false where that is not to be relied upon. Where it is damaged it is deleted. A clock that is
   * behind the newest row may still turn out to be right, and then older events count than those of the checkpoint. [TIME-4]
   */
  async #takeCheckpoint({ layout }: CheckpointHead): Promise<boolean> {
    if (this.#core.isBehind) return false
    const file = join(this.#options.directory, CHECKPOINT_FILE)
    try {
      await withImage(file, (image) => this.#core.readImage(layout, image))
      return true
    } catch (error) {
      dropCheckpoint(file)
      this.#report({ type: 'warning', detail: `the checkpoint is of no use, and all rows are read: ${(error as Error).message}` })
      return false
    }
  }

  /** The newest rows are of a time that has not come: they get the present one, and all is read again by that. [TIME-4] */
  async #retime(): Promise<void> {
    await this.#checkpoints?.stop()
    this.#checkpoints = undefined
    while (this.#queue.isBusy) await this.#queue.commitEnded()
    this.#report({ type: 'warning', detail: 'the newest events are from the future by a clock that has been the same for a minute: they get the present time, and the journal is read again' })
    this.#replay.askForRetiming()
  }

  /** The writing thread is gone: nothing can be written any more, what is known can still be read. */
  #loseWriter(detail: string): void {
    this.#queue.failed('unavailable')
    if (this.#isClosed) return
    this.#replay.fail(new Error(detail))
    this.#report({ type: 'failed', detail })
  }

  #hasPending(batch: Batch): boolean {
    for (let i = 0; i < batch.count; i++) if (this.#core.isPending(batch, i)) return true
    return false
  }
}
