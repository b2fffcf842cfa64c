/**
 * The intact rows of a damaged journal. First those of the pages that count; then, for positions that are missing, whatever else
 * the files still hold. A row is intact if all of its checksums are right, wherever it lies.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { isIntact } from '../row-checksum.ts'
import { viewColumns, type Row } from '../rows.ts'
import { Gaps, type MissingRange } from './gaps.ts'
import type { PageImages } from './page-images.ts'
import { cellOffsets, readCell, type Value } from './stored-cells.ts'

/** The index of the image that counts, beside those of `PageImages.images`. */
const NEWEST = -1

/**
 * A row's record begins with the length of its head, and a zero for the position, which is the key: so long is the head, and
 * so many bytes of the record's length and key come before it.
 */
const MIN_HEAD = 9
const MAX_HEAD = 24
const MIN_BEFORE = 2
const MAX_BEFORE = 13

/** Where a row was found. */
interface Place {
  page: number
  image: number
  at: number
}

/** Which positions a journal had. */
export interface Extent {
  /** Position of its first event; undefined where that is not known. */
  first: number | undefined
  /** Position after its newest event; undefined where that is not known. */
  end: number | undefined
  /** Whether rows after `end` are what a failed commit has left. */
  isExact: boolean
}

/** Finds rows by their checksums, in the pages that count and in all other bytes. */
export class RowFinder {
  readonly #images: PageImages
  /** Rows before this position may have no checksum of their figures. */
  readonly #checkedFrom: number
  readonly #extent: Extent
  /** What was found and where; in a file of its own that SQLite deletes, since a journal may have many rows. */
  readonly #found = new DatabaseSync('')
  readonly #insert: StatementSync

  constructor(images: PageImages, checkedFrom: number, extent: Extent) {
    this.#images = images
    this.#checkedFrom = checkedFrom
    this.#extent = extent
    this.#found.exec('CREATE TABLE found (position INTEGER PRIMARY KEY, "end" INTEGER, wall INTEGER, page INTEGER, image INTEGER, at INTEGER); BEGIN')
    // Where two pages claim to hold a row, the later one is the right one.
    this.#insert = this.#found.prepare(`INSERT INTO found VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET "end" = excluded."end", wall = excluded.wall, page = excluded.page, image = excluded.image, at = excluded.at WHERE wall < excluded.wall`)
  }

  /** Finds them. O(bytes of the files). */
  find(): void {
    for (let page = 1; page <= this.#images.highest; page++) {
      if (this.#images.isInUse(page)) this.#list(page)
    }
    const gaps = new Gaps(this.#gaps(true))
    for (let page = 1; page <= this.#images.highest && gaps.list.length > 0; page++) this.#search(page, gaps)
  }

  /** Positions of which nothing was found, among those that the journal is known to have had. */
  gone(): MissingRange[] {
    return this.#gaps(false)
  }

  /** Every row that was found, in order; a row's bytes are its own. */
  * rows(): Generator<Row> {
    let end = 0
    for (const row of this.#found.prepare('SELECT * FROM found ORDER BY position').iterate()) {
      const { page, image, at, position } = row as unknown as Place & { position: number }
      if (position < end) continue
      const found = this.#read({ page, image, at })!
      end = found.position + found.count
      yield found
    }
  }

  /** When the rows next to a gap arrived; undefined where there is none on that side. */
  timesAround({ from, to }: MissingRange): { before?: number, after?: number } {
    const before = this.#found.prepare('SELECT wall FROM found WHERE position < ? ORDER BY position DESC LIMIT 1').get(from)
    const after = this.#found.prepare('SELECT wall FROM found WHERE position >= ? ORDER BY position LIMIT 1').get(to)
    return { before: before?.wall as number | undefined, after: after?.wall as number | undefined }
  }

  close(): void {
    this.#found.close()
  }

  #list(page: number): void {
    const content = this.#images.newest(page)
    if (content === undefined) return
    for (const at of cellOffsets(content, 'table', page === 1)) this.#add({ page, image: NEWEST, at })
  }

  /** Looks in every image of a page for rows that fill gaps, wherever bytes look like the head of one. */
  #search(page: number, gaps: Gaps): void {
    const isWanted = (position: number): boolean => gaps.has(position)
    this.#images.images(page).forEach((content, image) => {
      for (let zero = content.indexOf(0, 1); zero !== -1; zero = content.indexOf(0, zero + 1)) {
        const head = content[zero - 1]
        if (head < MIN_HEAD || head > MAX_HEAD) continue
        for (let at = zero - 1 - MIN_BEFORE; at >= Math.max(0, zero - 1 - MAX_BEFORE); at--) {
          const row = this.#read({ page, image, at }, content, isWanted)
          if (row !== undefined && gaps.fill(row.position, row.position + row.count)) this.#keep(row, { page, image, at })
        }
      }
    })
  }

  #add(place: Place): void {
    const row = this.#read(place)
    const { end, isExact } = this.#extent
    if (row !== undefined && !(isExact && end !== undefined && row.position >= end)) this.#keep(row, place)
  }

  #keep({ position, count, wall }: Row, { page, image, at }: Place): void {
    this.#insert.run(position, position + count, wall, page, image, at)
  }

  #read({ page, image, at }: Place, content?: Buffer, isWanted?: (position: number) => boolean): Row | undefined {
    const bytes = content ?? (image === NEWEST ? this.#images.newest(page) : this.#images.images(page)[image])
    const cell = bytes === undefined ? undefined : readCell(this.#images, bytes, at, 'table', isWanted)
    return cell === undefined ? undefined : rowOf(cell.key, cell.values, this.#checkedFrom)
  }

  /** @param open whether there may be events before and after those that are known of */
  #gaps(open: boolean): MissingRange[] {
    const { first, end, isExact } = this.#extent
    const gaps: MissingRange[] = []
    let next = first ?? (open ? 0 : undefined)
    for (const row of this.#found.prepare('SELECT position, "end" FROM found ORDER BY position').iterate()) {
      const position = row.position as number
      // What the journal says of its first event may be damaged, too.
      if (next === undefined || (next === first && position < next)) next = position
      if (position > next) gaps.push({ from: next, to: position })
      next = Math.max(next, row.end as number)
    }
    const last = end === undefined && open && !isExact ? Infinity : end ?? 0
    if (last > (next ?? 0)) gaps.push({ from: next ?? 0, to: last })
    return gaps
  }
}

/** The row that a record holds; undefined where it holds none, or not what was written. */
function rowOf(position: number, values: readonly Value[], checkedFrom: number): Row | undefined {
  const [id, count, wall, elapsed, columnsChecksum, eventsChecksum, columns, events, checksum = null] = values
  if (id !== null || !Buffer.isBuffer(columns) || !Buffer.isBuffer(events)) return undefined
  const figures = [count, wall, elapsed, columnsChecksum, eventsChecksum].every((figure) => typeof figure === 'number')
  if (!figures || (checksum !== null && typeof checksum !== 'number')) return undefined
  const row = { position, count: count as number, wall: wall as number, elapsed: elapsed as number, columns, events }
  const stored = { ...row, columns_checksum: columnsChecksum as number, events_checksum: eventsChecksum as number, row_checksum: checksum }
  if (!isIntact(stored, checkedFrom) || crc32(columns) !== columnsChecksum || crc32(events) !== eventsChecksum) return undefined
  return checksum !== null || isSound(row) ? { ...row, columns: copyOf(columns), events: copyOf(events) } : undefined
}

/** Whether a row without a checksum of its figures has as many events as it says. */
function isSound({ count, columns, events }: Row): boolean {
  if (count < 1 || columns.length < 31 * count) return false
  const { lengths, userLengths, users } = viewColumns(copyOf(columns), count)
  return lengths.reduce((sum, length) => sum + length, count - 1) === events.length && userLengths.reduce((sum, length) => sum + length, 0) === users.length
}

/** A copy that begins where its memory begins, as `viewColumns` needs it. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}
