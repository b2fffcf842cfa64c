/**
 * A folder on a disk that is recorded: processes that are started with `env` write what they do to it into a log, and
 * meet the faults that are set here, from one moment to the next. See disk.c.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Random } from '../../demo/random.ts'
import { appendRecord, readRecords, RecordType, type DiskRecord } from './disk-log.ts'
import { PAGE, type DiskModel } from './disk-model.ts'

/** How long a sync takes, in microseconds: time enough for an answer that did not wait for it to be noted before it. */
const SYNC_MICROSECONDS = 1000

/** The share of calls that fail, from 0 to 1, with EIO, ENOSPC or EDQUOT. */
export interface DiskFaults {
  syncs?: number
  writes?: number
  truncates?: number
  /** Reads of the database. */
  reads?: number
  /** The only error that they fail with. */
  error?: number
}

/** A folder, the log of what happens in it, and a model that follows the log. */
export class RecordedDisk {
  readonly root: string
  readonly log: string
  readonly env: Readonly<Record<string, string>>
  readonly model: DiskModel
  readonly #control: number
  #records = 0

  /**
   * @param library the compiled disk.c
   * @param folder where everything of this disk lies; the caller deletes it
   * @param initial content of the files that are there from the beginning, by their paths in `root`
   * @param makeModel makes a model with these files
   */
  constructor(library: string, folder: string, initial: ReadonlyMap<string, Buffer>, makeModel: (root: string) => DiskModel) {
    this.root = join(folder, 'root')
    this.log = join(folder, 'log')
    mkdirSync(this.root, { recursive: true })
    for (const [name, content] of initial) {
      mkdirSync(dirname(join(this.root, name)), { recursive: true })
      writeFileSync(join(this.root, name), content)
    }
    writeFileSync(this.log, '')
    const control = join(folder, 'control')
    this.#control = openSync(control, 'w')
    this.env = { LD_PRELOAD: library, DISK_FOLDER: this.root, DISK_LOG: this.log, DISK_CONTROL: control }
    this.model = makeModel(this.root)
    this.#set(1, 0, 0, 0, SYNC_MICROSECONDS, 0, 0, 0)
  }

  /** Sets what chance is drawn from in the processes started from now on. */
  seed(seed: number): void {
    this.#set(0, seed)
  }

  /** From now on calls fail so often; those that are not named do not. */
  setFaults({ syncs = 0, writes = 0, truncates = 0, reads = 0, error = 0 }: DiskFaults): void {
    this.#set(6, Math.round(reads * 1e6), error)
    this.#set(1, ...[syncs, writes, truncates].map((share) => Math.round(share * 1e6)))
  }

  /** The process that makes the next steps on this disk dies by SIGKILL right after so many of them. */
  killAfter(steps: number): void {
    this.#set(5, steps)
  }

  /** Something was promised: what is noted here must be so whatever happens from now on. */
  promise(text: string): void {
    appendRecord(this.log, RecordType.Promise, text)
  }

  /** Notes what happened, for the tables. */
  mark(text: string): void {
    appendRecord(this.log, RecordType.Mark, text)
  }

  /** Everything that was noted. */
  records(): DiskRecord[] {
    return readRecords(this.log)
  }

  /**
   * Lets the model follow, and compares it with the files; no process may run meanwhile.
   * @throws Error where something was done to the files that the log does not tell
   */
  follow(): void {
    const records = this.records()
    for (; this.#records < records.length; this.#records++) this.model.apply(records[this.#records])
    for (const [path, content] of this.model.files()) {
      if (!content.equals(readFileSync(path))) throw new Error(`the log does not tell everything about ${path}`)
    }
  }

  /** The system lets go of some pages that a failed sync has lost, and reads them again; call `follow` before. */
  evict(random: Random): void {
    const share = random()
    for (const { path, page } of this.model.droppedPages()) {
      if (random() > share) continue
      appendRecord(this.log, RecordType.Evict, path, page)
      const content = this.model.evict(path, page)
      const file = openSync(path, 'r+')
      writeSync(file, content, 0, content.length, page * PAGE)
      closeSync(file)
      this.#records++
    }
    this.follow()
  }

  close(): void {
    closeSync(this.#control)
  }

  #set(index: number, ...values: number[]): void {
    const words = new BigInt64Array(values.map(BigInt))
    writeSync(this.#control, words, 0, words.byteLength, 8 * index)
  }
}
