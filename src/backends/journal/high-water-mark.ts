/**
 * The high-water mark: how far the journal had come, in a small file of its own, written before each acknowledgement and not
 * synced with it. After the end of the process alone it is exact. After the end of the system it may be older than the
 * journal; what it was synced with still tells whether the journal is the same file.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/** How far a journal had come, and what shows that it still is the same one. */
export interface Mark {
  epoch: string
  /** Position after the newest acknowledged event. */
  end: number
  /** Checksum of the row that ends there; 0 where there is none. */
  checksum: number
  /** Which file the database was. */
  identity: string
  /** The run of the operating system; empty where that cannot be told. */
  boot: string
  /** Whether the database was in use, and not closed. */
  isOpen: boolean
  /** Whether rows after `end` are what a failed commit has left. */
  isExact: boolean
}

/** Bytes of the file; a line of JSON, its checksum, and spaces. */
const MARK_BYTES = 512

/** Whether a mark is as new as the journal: after the end of the system it may be older, unless the stop was an orderly one. */
export function isCurrent({ isOpen, boot }: Mark, present: string | undefined): boolean {
  return !isOpen || (present !== undefined && boot === present)
}

/** The mark of one journal. */
export class HighWaterMark {
  readonly #descriptor: number
  #isClosed = false
  /** What the last process wrote; undefined where there is nothing that can be read. */
  readonly found: Mark | undefined

  /** Opens the file, and makes it where it is missing. */
  constructor(file: string) {
    this.found = readMark(file)
    this.#descriptor = openSync(file, this.found === undefined ? 'w+' : 'r+')
  }

  /** Writes the mark: one small write, synced only if asked for. */
  write(mark: Mark, synced = false): void {
    const text = JSON.stringify(mark)
    const line = `${text} ${crc32(text)}\n`
    writeSync(this.#descriptor, line.padEnd(MARK_BYTES), 0)
    if (synced) {
      ftruncateSync(this.#descriptor, MARK_BYTES)
      fsyncSync(this.#descriptor)
    }
  }

  /** Closes the file; once is enough, and more do no harm. */
  close(): void {
    if (!this.#isClosed) closeSync(this.#descriptor)
    this.#isClosed = true
  }
}

/** Reads a mark, and changes nothing; undefined where there is none that can be read. */
export function readMark(file: string): Mark | undefined {
  let content: string
  try {
    content = readFileSync(file, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const match = /^(\{.*\}) (\d+)\n/.exec(content)
  return match === null || crc32(match[1]) !== Number(match[2]) ? undefined : JSON.parse(match[1]) as Mark
}
