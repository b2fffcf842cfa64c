/**
 * The log that disk.c writes, and a test writes into as well: what happened to the files of a folder, and what was
 * promised meanwhile, in order.
 */
import { appendFileSync, readFileSync } from 'node:fs'

/** Kinds of records; up to MakeFolder they are those of disk.c. */
export const RecordType = { Open: 1, Write: 2, Truncate: 3, Sync: 4, Unlink: 5, Rename: 6, MakeFolder: 7, Promise: 100, Evict: 101, Mark: 102 } as const
export type RecordType = (typeof RecordType)[keyof typeof RecordType]

const HEAD_BYTES = 24

/** One record. */
export interface DiskRecord {
  type: RecordType
  /** Whether an opened file is new. */
  created: boolean
  /** The error number of a sync that failed, else 0. */
  error: number
  handle: bigint
  /** Where a write begins; the size of a truncation. */
  offset: number
  /** What was written; a path, or two with a zero between them; the text of a promise or mark. */
  payload: Buffer
}

/** Adds a record of the test's own; an eviction names a file and has a page's number as its offset. */
export function appendRecord(log: string, type: RecordType, text = '', offset = 0): void {
  const payload = Buffer.from(text)
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt8(type, 0)
  head.writeUInt32LE(payload.length, 4)
  head.writeBigUInt64LE(BigInt(offset), 16)
  appendFileSync(log, Buffer.concat([head, payload]))
}

/** Every record of a log. The payloads are views of one buffer. */
export function readRecords(log: string): DiskRecord[] {
  const bytes = readFileSync(log)
  const records: DiskRecord[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at + 4)
    records.push({
      type: bytes.readUInt8(at) as RecordType,
      created: bytes.readUInt8(at + 1) === 1,
      error: bytes.readUInt16LE(at + 2),
      handle: bytes.readBigUInt64LE(at + 8),
      offset: Number(bytes.readBigUInt64LE(at + 16)),
      payload: bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)
    })
    at += HEAD_BYTES + length
  }
  return records
}
