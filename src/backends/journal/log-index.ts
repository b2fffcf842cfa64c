/** How long the write-ahead log is while it is in use, by the index that all connections share; in the byte order of the machine. */
import { closeSync, openSync, readSync } from 'node:fs'

/** Where the index has the number of frames that are in the log. */
const MAX_FRAME_OFFSET = 16

/** Frames from which on the log is copied into the database: 8 MiB. */
const CHECKPOINT_FRAMES = 512

/** The log's index in shared memory: says when the log is to be copied. */
export class LogIndex {
  readonly #file: string
  readonly #word = new Uint32Array(1)
  #descriptor: number | undefined
  /** Frames when the log was copied last. */
  #copied = 0

  /** @param file the database */
  constructor(file: string) {
    this.#file = `${file}-shm`
  }

  /** Whether so much was written since the log was copied last that it is to be copied; the caller then does so. One small read. */
  isLong(): boolean {
    this.#descriptor ??= openSync(this.#file, 'r')
    readSync(this.#descriptor, this.#word, 0, 4, MAX_FRAME_OFFSET)
    const [frames] = this.#word
    if (frames < this.#copied) this.#copied = 0 // it has been begun anew
    if (frames - this.#copied < CHECKPOINT_FRAMES) return false
    this.#copied = frames
    return true
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
    this.#copied = 0
  }
}
