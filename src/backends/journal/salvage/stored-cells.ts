/**
 * Records in the pages of a table, taken from the bytes as they lie there: by the page's own list of its cells, or, where that
 * is of no use, wherever bytes look like one (https://sqlite.org/fileformat2.html, sections 1.6 and 2.1).
 */
import type { PageImages } from './page-images.ts'

const TABLE_LEAF = 0x0d
const INDEX_LEAF = 0x0a

/** Most columns of any table of a journal, and most bytes of a record; more is no record. */
const MAX_COLUMNS = 16
const MAX_BYTES = 128 << 20

/** A value of a record. */
export type Value = null | number | Buffer | string

/** A record and its key. */
export interface Cell {
  /** The row id; 0 in the leaf of an index. */
  key: number
  values: Value[]
}

/** Bytes of the serial types 0 to 9. */
const SIZES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0]

/** Where the cells of a leaf begin, by its own list; nothing where it is no leaf of that kind. */
export function cellOffsets(page: Buffer, kind: 'table' | 'index', isFirst: boolean): number[] {
  const head = isFirst ? 100 : 0
  if (page[head] !== (kind === 'table' ? TABLE_LEAF : INDEX_LEAF)) return []
  const count = Math.min(page.readUInt16BE(head + 3), (page.length - head - 8) >> 1)
  return Array.from({ length: count }, (_, i) => page.readUInt16BE(head + 8 + 2 * i))
}

/**
 * Reads the cell at an offset of a page; its overflow pages are those that count.
 * @param isWanted says by its key whether more of it is to be read
 * @returns undefined where it is none
 */
export function readCell(images: PageImages, page: Buffer, at: number, kind: 'table' | 'index', isWanted = (_key: number) => true): Cell | undefined {
  const reader = new Varints(page, at)
  const size = reader.next()
  const key = kind === 'table' ? reader.next() : 0
  if (!(size > 1 && size <= MAX_BYTES) || !(key >= 0) || !isWanted(key)) return undefined
  const start = reader.at
  const types = typesAt(page, start, size)
  if (types === undefined) return undefined
  const payload = payloadAt(images, page, start, size, kind)
  if (payload === undefined) return undefined
  const values: Value[] = []
  let from = page[start]
  for (const type of types) {
    const bytes = sizeOf(type)
    values.push(valueOf(type, payload.subarray(from, from + bytes)))
    from += bytes
  }
  return { key, values }
}

/** The types of a record's values, if they fill just as many bytes as it has. Its head is shorter than 128 bytes, and lies in the page. */
function typesAt(page: Buffer, start: number, size: number): number[] | undefined {
  const headBytes = page[start]
  if (!(headBytes > 1 && headBytes < 128) || start + headBytes > page.length) return undefined
  const reader = new Varints(page, start + 1)
  const types: number[] = []
  let sum = headBytes
  while (reader.at < start + headBytes) {
    const type = reader.next()
    if (!(type >= 0) || type === 10 || type === 11 || types.length === MAX_COLUMNS) return undefined
    types.push(type)
    sum += sizeOf(type)
  }
  return reader.at === start + headBytes && sum === size ? types : undefined
}

function sizeOf(type: number): number {
  return type < 12 ? SIZES[type] : (type - 12 - (type & 1)) / 2
}

function valueOf(type: number, bytes: Buffer): Value {
  if (type === 0) return null
  if (type === 7) return bytes.readDoubleBE(0)
  if (type === 8 || type === 9) return type - 8
  if (type === 6) return Number(bytes.readBigInt64BE(0))
  if (type < 6) return bytes.readIntBE(0, bytes.length)
  return type % 2 === 0 ? bytes : bytes.toString()
}

/** All bytes of a record, those on overflow pages included. */
function payloadAt(images: PageImages, page: Buffer, start: number, size: number, kind: 'table' | 'index'): Buffer | undefined {
  const { pageSize } = images
  const most = kind === 'table' ? pageSize - 35 : Math.floor((pageSize - 12) * 64 / 255) - 23
  if (size <= most) return start + size <= page.length ? page.subarray(start, start + size) : undefined
  const least = Math.floor((pageSize - 12) * 32 / 255) - 23
  const fitting = least + (size - least) % (pageSize - 4)
  const local = fitting <= most ? fitting : least
  if (start + local + 4 > page.length) return undefined
  const parts = [page.subarray(start, start + local)]
  let next = page.readUInt32BE(start + local)
  for (let left = size - local; left > 0; left -= pageSize - 4) {
    const overflow = next > 1 && next <= images.highest ? images.newest(next) : undefined
    if (overflow === undefined) return undefined
    parts.push(overflow.subarray(4, 4 + Math.min(left, pageSize - 4)))
    next = overflow.readUInt32BE(0)
  }
  return Buffer.concat(parts)
}

/** SQLite's numbers of 1 to 9 bytes, one after the other; NaN behind the end of the page, and where it is no safe integer. */
class Varints {
  readonly #page: Buffer
  at: number

  constructor(page: Buffer, at: number) {
    this.#page = page
    this.at = at
  }

  next(): number {
    let value = 0
    for (let i = 0; i < 8; i++) {
      const byte = this.#page[this.at++]
      if (byte === undefined) return NaN
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : NaN
    }
    return NaN // nothing here is that large
  }
}
