/**
 * The pages of a database that may be damaged, read without SQLite and without changing anything: of each page the image that
 * counts, and all others that the file and its write-ahead log still hold (https://sqlite.org/fileformat2.html).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { PAGE_SIZE } from '../layout.ts'
import { framesOf, type Frame } from '../log-frames.ts'

const MAGIC = 'SQLite format 3\0'

/** Bytes that are read at a time; where the disk fails, so many are taken for zeros. */
const CHUNK = 4096

/** All images of the pages of one database; nothing is changed. */
export class PageImages {
  readonly pageSize: number
  /** Numbers of pages begin with 1. */
  readonly highest: number
  /** Pages that the database had after its last commit. */
  readonly #count: number
  readonly #descriptor: number
  readonly #log: Buffer
  /** By page, newest first. */
  readonly #frames = new Map<number, Frame[]>()
  readonly #free: ReadonlySet<number>

  /** @param file the database; its write-ahead log lies beside it, or is not there */
  constructor(file: string) {
    this.#descriptor = openSync(file, 'r')
    this.#log = readWhole(`${file}-wal`)
    const head = this.#read(0, 100)
    this.pageSize = pageSizeOf(head) ?? PAGE_SIZE
    let count = isHeader(head) ? head.readUInt32BE(28) : 0
    let highest = Math.ceil(fstatSync(this.#descriptor).size / this.pageSize)
    for (const frame of framesOf(this.#log, this.pageSize)) {
      if (frame.isIntact && frame.commit !== 0) count = frame.commit
      if (frame.isIntact) highest = Math.max(highest, frame.page)
      const frames = this.#frames.get(frame.page)
      if (frames === undefined) this.#frames.set(frame.page, [frame])
      else frames.unshift(frame)
    }
    this.highest = highest
    this.#count = count === 0 ? highest : count
    this.#free = this.#freePages()
  }

  /** Whether a page belongs to the database as it was last, as far as that can be told. */
  isInUse(page: number): boolean {
    return page <= this.#count && !this.#free.has(page)
  }

  /** The image that counts: the newest that can be proved, else the one in the file; undefined where there is none. */
  newest(page: number): Buffer | undefined {
    const frame = this.#frames.get(page)?.find(({ isIntact }) => isIntact)
    return frame === undefined ? this.#inFile(page) : this.#inLog(frame)
  }

  /** Every image of a page, newest first, also those that cannot be proved. */
  images(page: number): Buffer[] {
    const images = (this.#frames.get(page) ?? []).map((frame) => this.#inLog(frame))
    const inFile = this.#inFile(page)
    return inFile === undefined ? images : [...images, inFile]
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #inLog({ at }: Frame): Buffer {
    return this.#log.subarray(at, at + this.pageSize)
  }

  #inFile(page: number): Buffer | undefined {
    const image = this.#read((page - 1) * this.pageSize, this.pageSize)
    return image.length === this.pageSize ? image : undefined
  }

  /** The pages that hold nothing any more, whatever they still show. */
  #freePages(): Set<number> {
    const free = new Set<number>()
    const head = this.newest(1)
    if (head === undefined || !isHeader(head)) return free
    for (let trunk = head.readUInt32BE(32); trunk > 1 && trunk <= this.highest && !free.has(trunk);) {
      const page = this.newest(trunk)
      if (page === undefined) break
      free.add(trunk)
      const leaves = page.readUInt32BE(4)
      for (let i = 0; i < leaves && 8 + 4 * i < this.pageSize; i++) free.add(page.readUInt32BE(8 + 4 * i))
      trunk = page.readUInt32BE(0)
    }
    return free
  }

  #read(at: number, length: number): Buffer {
    return readPart(this.#descriptor, at, length)
  }
}

function isHeader(head: Buffer): boolean {
  return head.length >= 100 && head.toString('latin1', 0, 16) === MAGIC
}

function pageSizeOf(head: Buffer): number | undefined {
  if (!isHeader(head)) return undefined
  const size = head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16)
  return size >= 512 && (size & (size - 1)) === 0 ? size : undefined
}

/** A file's content; nothing where there is no such file. */
function readWhole(file: string): Buffer {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
  try {
    return readPart(descriptor, 0, fstatSync(descriptor).size)
  } finally {
    closeSync(descriptor)
  }
}

/** Bytes of a file, fewer at its end; zeros where the disk cannot read them. */
function readPart(descriptor: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length;) {
    let got: number
    try {
      got = readSync(descriptor, bytes, at, length - at, from + at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      try {
        got = readSync(descriptor, bytes, at, Math.min(CHUNK, length - at), from + at)
      } catch {
        got = Math.min(CHUNK, length - at)
      }
    }
    if (got === 0) return bytes.subarray(0, at)
    at += got
  }
  return bytes
}
