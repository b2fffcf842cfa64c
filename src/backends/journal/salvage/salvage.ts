/** Copies what is intact of a damaged journal to a new folder. The damaged one is only read, and stays as it is byte for byte. */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { RefusedError } from '../../backend.ts'
import { readBoot } from '../boot.ts'
import { SqliteConnection } from '../connection.ts'
import { JOURNAL_FILE, LOCK_FILE, makeFolder, MARK_FILE, syncFolder } from '../folder.ts'
import { isCurrent, readMark, type Mark } from '../high-water-mark.ts'
import { prepareLayout } from '../layout.ts'
import { lockToRead } from '../lock.ts'
import { RowTable } from '../row-table.ts'
import type { Row } from '../rows.ts'
import type { MissingRange } from './gaps.ts'
import { PageImages } from './page-images.ts'
import { RowFinder, type Extent } from './row-finder.ts'
import { cellOffsets, readCell } from './stored-cells.ts'

/** Rows, and bytes in them, that are committed together. */
const COMMIT_ROWS = 1024
const COMMIT_BYTES = 8 << 20

/** Events that are gone, and when the events before and after them arrived, in milliseconds since 1970. */
export interface Gone extends MissingRange {
  before?: number
  after?: number
}

/** What became of a damaged journal. */
export interface Salvage {
  /** Rows and events that were copied. */
  rows: number
  events: number
  /** Whether it is known where the journal began, and how far it had come. */
  isFirstKnown: boolean
  isEndKnown: boolean
  gone: Gone[]
}

/**
 * Copies what is intact. Positions in the copy have no gaps, and a service that is started on it begins a new epoch.
 * @param from folder of the damaged journal, which no process uses
 * @param to a folder that does not exist or is empty; left so where nothing can be copied
 * @throws RefusedError
 */
export function salvageJournal(from: string, to: string): Salvage {
  check(from, to)
  const release = lockToRead(join(from, LOCK_FILE), from)
  try {
    const before = stateOf(from)
    const images = new PageImages(join(from, JOURNAL_FILE))
    try {
      const meta = readMeta(images)
      const extent = extentOf(meta, readMark(join(from, MARK_FILE)))
      const finder = new RowFinder(images, positionIn(meta, 'checked_from') ?? Infinity, extent)
      try {
        finder.find()
        const { rows, events } = write(finder.rows(), to, () => {
          if (stateOf(from) !== before) throw new RefusedError(`The files in ${from} were changed meanwhile. Stop what uses them, and try again.`)
        })
        const gone = finder.gone().map((gap) => ({ ...gap, ...finder.timesAround(gap) }))
        return { rows, events, isFirstKnown: extent.first !== undefined, isEndKnown: extent.end !== undefined, gone }
      } finally {
        finder.close()
      }
    } finally {
      images.close()
    }
  } finally {
    release()
  }
}

function check(from: string, to: string): void {
  if (!existsSync(join(from, JOURNAL_FILE))) throw new RefusedError(`There is no journal in ${from}: ${JOURNAL_FILE} is missing.`)
  if (`${resolve(to)}${sep}`.startsWith(`${resolve(from)}${sep}`)) throw new RefusedError(`${to} lies in ${from}, where nothing is to be changed. Name another folder.`)
  if (existsSync(to) && (!statSync(to).isDirectory() || readdirSync(to).length > 0)) throw new RefusedError(`${to} is not empty. Name a new folder.`)
}

/** What the journal says of itself, as far as it can be read: records of two texts are of no other table. */
function readMeta(images: PageImages): Map<string, string> {
  const meta = new Map<string, string>()
  for (let page = 2; page <= images.highest; page++) {
    const content = images.isInUse(page) ? images.newest(page) : undefined
    if (content === undefined) continue
    for (const at of cellOffsets(content, 'index', false)) {
      const [name, value] = readCell(images, content, at, 'index')?.values ?? []
      if (typeof name === 'string' && typeof value === 'string') meta.set(name, value)
    }
  }
  return meta
}

function extentOf(meta: ReadonlyMap<string, string>, mark: Mark | undefined): Extent {
  const isSame = mark !== undefined && mark.epoch === (meta.get('epoch') ?? mark.epoch)
  return {
    first: positionIn(meta, 'first'),
    end: isSame ? mark.end : undefined,
    isExact: isSame && mark.isExact && isCurrent(mark, readBoot())
  }
}

/** A position that is noted there; undefined where it is not, or not a number any more. */
function positionIn(meta: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = meta.get(name) ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Sizes and times of everything in a folder. */
function stateOf(folder: string): string {
  return JSON.stringify(readdirSync(folder).sort().map((name) => {
    const { size, mtimeNs, ino } = statSync(join(folder, name), { bigint: true })
    return [name, String(size), String(mtimeNs), String(ino)]
  }))
}

/**
 * Writes rows to a new journal, one after the other without gaps. It gets its name when it is whole and synced.
 * @param confirm called before that
 */
function write(rows: Iterable<Row>, to: string, confirm: () => void): { rows: number, events: number } {
  const isNew = !existsSync(to)
  makeFolder(to)
  const part = join(to, `${JOURNAL_FILE}.part`)
  try {
    const written = fill(part, rows)
    if (written.events === 0) throw new RefusedError('Nothing in it is intact.')
    confirm()
    renameSync(part, join(to, JOURNAL_FILE))
    syncFolder(to)
    return written
  } catch (error) {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${part}${end}`, { force: true })
    if (isNew) rmSync(to, { recursive: true })
    throw error
  }
}

function fill(file: string, rows: Iterable<Row>): { rows: number, events: number } {
  const written = { rows: 0, events: 0 }
  const connection = new SqliteConnection(file, 'full')
  try {
    prepareLayout(connection.db, file)
    connection.prepare()
    const table = new RowTable(connection.db, file, 0)
    let group: Row[] = []
    let bytes = 0
    const commit = (): void => {
      connection.transact(() => {
        for (const row of group) {
          if (written.rows === 0) {
            table.end = row.position
            connection.set('first', String(row.position))
          }
          table.insert({ ...row, position: table.end })
          table.end += row.count
          written.rows++
          written.events += row.count
        }
      })
      connection.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      group = []
      bytes = 0
    }
    for (const row of rows) {
      group.push(row)
      bytes += row.columns.length + row.events.length
      if (group.length >= COMMIT_ROWS || bytes >= COMMIT_BYTES) commit()
    }
    if (group.length > 0) commit()
  } finally {
    connection.close()
  }
  return written
}
