/**
 * A checkpoint: the image of a core that has counted all rows up to a position, in a file beside the journal, so that a start need
 * not read those rows again. It may be thrown away at any time, and is where there is any doubt. The image comes first, then what
 * it is of, as JSON, then the lengths and checksums of both.
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { ImageLayout, ImageSource } from '../core/core-image.ts'
import { syncFolder } from './folder.ts'

/** Another one with every change of what an image holds or means; the table of ids is told by its program. */
const VERSION = `2-${crc32(readFileSync(new URL('../core/dedup/id-table.wasm', import.meta.url)))}`

/** Bytes after the JSON: length of the image, its checksum, length of the JSON, its checksum, and a word by which the file is known. */
const TRAILER_BYTES = 24
const MAGIC = 0x45767443 // "EvtC"

/** Bytes that are read at a time: a millisecond. */
const PIECE_BYTES = 1 << 20

/** What a checkpoint is of. */
export interface CheckpointHead {
  version: string
  epoch: string
  /** Position after the newest event that it counts. */
  position: number
  /** Checksum of the row that ends there. */
  checksum: number
  layout: ImageLayout
}

/** A checkpoint that cannot be used. */
export class CheckpointError extends Error {
  override name = 'CheckpointError'
}

/**
 * Writes the image and then its head; the file has its name once all of it is synced. Returns its bytes.
 * @param fill writes the image, and says of what it is; undefined, and there is no file, where there is to be none
 */
export function writeCheckpoint(file: string, fill: (write: (bytes: Uint8Array) => void) => Omit<CheckpointHead, 'version'> | undefined): number | undefined {
  const part = `${file}.part`
  // It holds the key by which ids are hashed, which nobody who sends events may know.
  const descriptor = openSync(part, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600)
  try {
    let length = 0
    let checksum = 0
    const write = (bytes: Uint8Array): void => {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
    }
    const head = fill((bytes) => {
      write(bytes)
      length += bytes.length
      checksum = crc32(bytes, checksum)
    })
    if (head === undefined) {
      rmSync(part)
      return undefined
    }
    const json = Buffer.from(JSON.stringify({ version: VERSION, ...head } satisfies CheckpointHead))
    write(json)
    const trailer = Buffer.alloc(TRAILER_BYTES)
    trailer.writeUIntBE(length, 2, 6)
    trailer.writeUInt32BE(checksum, 8)
    trailer.writeUInt32BE(json.length, 12)
    trailer.writeUInt32BE(crc32(trailer.subarray(0, 16), crc32(json)), 16)
    trailer.writeUInt32BE(MAGIC, 20)
    write(trailer)
    fsyncSync(descriptor)
    renameSync(part, file)
    syncFolder(dirname(file))
    return length + json.length + TRAILER_BYTES
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  } finally {
    closeSync(descriptor)
  }
}

/** Deletes a checkpoint, and what an ended process has left of one. */
export function dropCheckpoint(file: string): void {
  for (const each of [file, `${file}.part`]) rmSync(each, { force: true })
}

/** What a checkpoint is of, where its head is what was written; its image has not been looked at. */
export function readHead(file: string): CheckpointHead | undefined {
  try {
    const descriptor = openSync(file, 'r')
    try {
      const { size } = statSync(file)
      const trailer = Buffer.alloc(TRAILER_BYTES)
      readSync(descriptor, trailer, 0, TRAILER_BYTES, size - TRAILER_BYTES)
      const length = trailer.readUIntBE(2, 6)
      const jsonLength = trailer.readUInt32BE(12)
      if (trailer.readUInt32BE(20) !== MAGIC || size !== length + jsonLength + TRAILER_BYTES) return undefined
      const json = Buffer.alloc(jsonLength)
      readSync(descriptor, json, 0, jsonLength, length)
      if (trailer.readUInt32BE(16) !== crc32(trailer.subarray(0, 16), crc32(json))) return undefined
      const head = JSON.parse(json.toString()) as CheckpointHead
      return head.version === VERSION ? head : undefined
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined // there is none, or it cannot be read: both mean that the rows are read
  }
}

/** Opens the image of a checkpoint for as long as it is used. */
export async function withImage(file: string, use: (image: ImageSource) => Promise<void>): Promise<void> {
  const image = new CheckpointImage(await open(file, 'r'))
  try {
    await use(image)
  } finally {
    await image.close()
  }
}

/** The image of a checkpoint, read from its beginning to its end. */
class CheckpointImage implements ImageSource {
  readonly #handle: FileHandle
  #at = 0
  #checksum = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** @throws CheckpointError where there are not so many bytes */
  async read(into: Uint8Array): Promise<void> {
    for (let from = 0; from < into.length; from += PIECE_BYTES) {
      const piece = into.subarray(from, from + PIECE_BYTES)
      await this.#fill(piece, this.#at)
      this.#at += piece.length
      this.#checksum = crc32(piece, this.#checksum)
    }
  }

  /** @throws CheckpointError where what was read is not all, or not what was written */
  async end(): Promise<void> {
    const { size } = await this.#handle.stat()
    const trailer = Buffer.alloc(TRAILER_BYTES)
    await this.#fill(trailer, size - TRAILER_BYTES)
    if (this.#at !== trailer.readUIntBE(2, 6) || this.#checksum !== trailer.readUInt32BE(8)) throw new CheckpointError('it is not what was written')
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  async #fill(into: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < into.length;) {
      const { bytesRead } = await this.#handle.read(into, at, into.length - at, position + at)
      if (bytesRead === 0) throw new CheckpointError('it is cut short')
      at += bytesRead
    }
  }
}
