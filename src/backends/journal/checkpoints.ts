/**
 * When checkpoints are made: whenever so many events have come since the newest one, one at a time, by a thread of its own that is
 * started for it. That holds about as much as the service itself meanwhile, so none is made where there is no room for it.
 */
import { statfsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { CheckpointTask } from './checkpoint-thread.ts'
import type { JournalReport } from './report.ts'

/**
 * Events after which there is to be another one, at the least: a start reads these in some seconds. Where many ids are held it comes
 * when an eighth as many events have, since each is written as a whole.
 */
const INTERVAL_EVENTS = 4_000_000
const IDS_SHARE = 8

/** The checkpoints of one journal. */
export class Checkpoints {
  readonly #task: Omit<CheckpointTask, 'position'>
  readonly #report: (report: JournalReport) => void
  readonly #interval: number
  /** Position that the newest one counts up to, or that could not be had. */
  #position: number
  #worker: Worker | undefined

  /**
   * @param position that the newest one counts up to; 0 where there is none
   * @param interval events from one to the next; a test passes fewer
   */
  constructor(task: Omit<CheckpointTask, 'position'>, position: number, report: (report: JournalReport) => void, interval = INTERVAL_EVENTS) {
    this.#task = task
    this.#position = position
    this.#report = report
    this.#interval = interval
  }

  /**
   * Makes one, if it is due.
   * @param position after the newest row
   * @param ids that are held
   */
  maintain(position: number, ids: number): void {
    if (this.#worker !== undefined || position - this.#position < Math.max(this.#interval, ids / IDS_SHARE)) return
    const before = this.#position
    this.#position = position
    const obstacle = this.#obstacle()
    if (obstacle !== undefined) return this.#warn(obstacle)
    const started = performance.now()
    const worker = this.#worker = new Worker(new URL('checkpoint-thread.ts', import.meta.url), { workerData: { ...this.#task, position } satisfies CheckpointTask, execArgv: [] })
    worker.on('message', (size: number | undefined) => {
      this.#worker = undefined
      if (size === undefined) this.#warn('an id has come twice, or an event from the future')
      else this.#report({ type: 'checkpoint', events: position - before, bytes: size, seconds: (performance.now() - started) / 1000 })
    })
    worker.on('error', (error) => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#warn((error as Error).message)
    })
  }

  /** Ends the one that is being made. */
  async stop(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  /** What is in the way of one, if anything. */
  #obstacle(): string | undefined {
    const { bavail, bsize } = statfsSync(this.#task.directory)
    const taken = process.memoryUsage.rss()
    if (process.availableMemory() < taken) return 'there is not as much memory free as it takes'
    return bavail * bsize < 2 * taken ? 'there is not enough room on the disk' : undefined
  }

  #warn(detail: string): void {
    this.#report({ type: 'warning', detail: `there is no new checkpoint, so the next start takes longer: ${detail}` })
  }
}
