/**
 * The frames of a write-ahead log (https://sqlite.org/walformat.html): pages as commits wrote them. Each has a checksum over
 * everything before it, and since it is kept beside the page, frames behind a damaged one can be proved all the same.
 */

export const HEADER_BYTES = 32
export const FRAME_HEADER_BYTES = 24
const MAGIC = 0x377f0682

/** What a log begins with. */
export interface LogHeader {
  pageSize: number
  /** In every frame that was written since the log was last begun anew. */
  salt: string
  isBigEndian: boolean
}

/** A page as it was written. */
export interface Frame {
  page: number
  /** Where its content begins in the log. */
  at: number
  /** Pages of the database after the commit that it ends; 0 in the others. */
  commit: number
  /** Whether it is what was written. */
  isIntact: boolean
}

/** Reads the header of a log; undefined where it is not what was written. */
export function readHeader(log: Buffer): LogHeader | undefined {
  if (log.length < HEADER_BYTES) return undefined
  const magic = log.readUInt32BE(0)
  if ((magic & 0xfffffffe) !== MAGIC) return undefined
  const isBigEndian = (magic & 1) === 1
  const sums = new Checksum(isBigEndian)
  sums.add(log, 0, 24)
  if (!sums.equals(log, 24)) return undefined
  return { pageSize: log.readUInt32BE(8) === 1 ? 65_536 : log.readUInt32BE(8), salt: log.toString('latin1', 16, 24), isBigEndian }
}

/**
 * Every frame up to the last commit, also those behind damage, in the order in which they were written. O(bytes).
 * @param pageSize is that of a log whose header is damaged
 */
export function framesOf(log: Buffer, pageSize: number): Frame[] {
  if (log.length < HEADER_BYTES + FRAME_HEADER_BYTES) return []
  const header = readHeader(log) ?? { pageSize, salt: log.toString('latin1', HEADER_BYTES + 8, HEADER_BYTES + 16), isBigEndian: false }
  const frameBytes = FRAME_HEADER_BYTES + header.pageSize
  const frames: Frame[] = []
  let ends = 0
  // What the checksum before a frame is by that frame's own header, and by computing it.
  const stored = new Checksum(header.isBigEndian)
  const computed = new Checksum(header.isBigEndian)
  stored.continueFrom(log, 24)
  computed.continueFrom(log, 24)
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const isIntact = [stored, computed].map((sums) => {
      sums.add(log, at, 8)
      sums.add(log, at + FRAME_HEADER_BYTES, header.pageSize)
      return sums.equals(log, at + 16)
    }).includes(true)
    stored.continueFrom(log, at + 16)
    if (isIntact) computed.continueFrom(log, at + 16)
    if (log.toString('latin1', at + 8, at + 16) !== header.salt) continue
    const commit = log.readUInt32BE(at + 4)
    frames.push({ page: log.readUInt32BE(at), at: at + FRAME_HEADER_BYTES, commit, isIntact })
    if (commit !== 0) ends = frames.length
  }
  return frames.slice(0, ends)
}

/** The checksums of a log, each over everything before it. */
export class Checksum {
  readonly #isBigEndian: boolean
  #a = 0
  #b = 0

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian
  }

  /** Adds bytes, eight at a time. */
  add(bytes: Buffer, from: number, length: number): void {
    let a = this.#a
    let b = this.#b
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, length)
    const isLittle = !this.#isBigEndian
    for (let at = 0; at < length; at += 8) {
      a = (a + view.getUint32(at, isLittle) + b) >>> 0
      b = (b + view.getUint32(at + 4, isLittle) + a) >>> 0
    }
    this.#a = a
    this.#b = b
  }

  /** Goes on from a checksum that is kept somewhere. */
  continueFrom(bytes: Buffer, at: number): void {
    this.#a = bytes.readUInt32BE(at)
    this.#b = bytes.readUInt32BE(at + 4)
  }

  equals(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#a && bytes.readUInt32BE(at + 4) === this.#b
  }
}
