/**
 * The bit flip test: a journal whose service was killed, half of it in the file and half in the write-ahead log, is opened
 * again and again, each time with one bit of one file flipped. A start may give right answers, refuse, or leave something
 * out, say so and begin a new epoch; whatever else it does is wrong without anybody knowing. What is refused is copied by
 * the salvage, which may lose the row that was hit at the most.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededRandom } from '../../demo/random.ts'
import { EVENT_TYPES } from '../../schemas/index.ts'
import { salvageJournal } from '../../src/backends/journal/salvage/salvage.ts'
import { inspectJournal, type Inspection } from './inspection.ts'
import { makeKilledJournal, type KilledJournal } from './killed-journal.ts'

/** Milliseconds after which a start is taken for one that never ends. */
const PATIENCE = 60_000

/** Starts that are under way at a time: each waits for its disk and its thread most of the time. */
const STARTS = 4

/**
 * The files, in turn. The file of the rows is hit most often, as what comes of it depends on the page that is hit. Of the
 * write-ahead log, everything from the hit on is left out, wherever it is; the lock holds no rows.
 */
const TURNS = ['events.db', 'events.db-wal', 'high-water-mark', 'events.db', 'events.db-wal', 'events.db', 'high-water-mark', 'events.db', 'events.db-wal', 'lock.db']

/** How the JSON of an event begins, and how long its id is. */
const TEXT_START = Buffer.from('{"event_id":"')
const ID_LENGTH = 36

/** What is run. */
export interface FlipOptions {
  flips: number
  seed: number
  /** Rows in the file, and as many in the write-ahead log. */
  rows: number
  folder: string
  progress?: (done: number, failures: readonly string[]) => void
}

/** What came of the flips in one file. */
export interface FlipTally {
  flips: number
  /** Everything was there as it had been. */
  right: number
  refused: number
  /** Rows that were gone from the copies that were made of all those. */
  unsaved: number
  /** Something was left out, and said. */
  leftOut: number
  /** Starts that began a new epoch. */
  epochs: number
  /** Rows left out in all of them. */
  rows: number
  /** Wrong, and nobody was told; or more gone than the row that was hit. */
  wrong: number
}

/** Everything that came of it. */
export interface FlipResult {
  byFile: Map<string, FlipTally>
  /** One line for each that is wrong. */
  failures: string[]
}

/** Flips so many bits, one at a time. */
export async function runFlips({ flips, seed, rows, folder, progress }: FlipOptions): Promise<FlipResult> {
  const original = await makeKilledJournal(join(folder, 'original'), rows)
  const names = [...original.files.keys()]
  const result: FlipResult = { byFile: new Map(names.map((name) => [name, newTally()])), failures: [] }
  const random = seededRandom(seed)
  let begun = 0
  let done = 0
  const flipOn = async (): Promise<void> => {
    while (begun < flips) {
      const i = begun++
      const name = TURNS[i % TURNS.length]
      const bit = Math.floor(random() * 8 * original.files.get(name)!.length)
      const state = join(folder, `flip-${i}`)
      const mistake = await flip(original, name, bit, state, result.byFile.get(name)!)
      if (mistake !== undefined) result.failures.push(`${name}, bit ${bit % 8} of byte ${Math.floor(bit / 8)}: ${mistake}`)
      rmSync(state, { recursive: true })
      if (++done % 500 === 0) progress?.(done, result.failures)
    }
  }
  await Promise.all(Array.from({ length: STARTS }, flipOn))
  return result
}

/** Opens the journal with one bit flipped; returns what is wrong. */
async function flip({ files, truth, cursors }: KilledJournal, name: string, bit: number, state: string, tally: FlipTally): Promise<string | undefined> {
  mkdirSync(state)
  for (const [other, content] of files) {
    const bytes = other === name ? Buffer.from(content) : content
    if (other === name) bytes[Math.floor(bit / 8)] ^= 1 << (bit % 8)
    writeFileSync(join(state, other), bytes)
  }
  tally.flips++
  let timer: NodeJS.Timeout | undefined
  const never = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error('the start does not end')), PATIENCE) })
  let found: Inspection
  try {
    found = await Promise.race([inspectJournal(state, cursors), never])
  } catch (error) {
    tally.wrong++
    return `not refused, but failed: ${String(error)}`
  } finally {
    clearTimeout(timer)
  }
  if (found.refused !== undefined) {
    tally.refused++
    const mistake = await salvage(truth, cursors, state, tally)
    if (mistake !== undefined) tally.wrong++
    return mistake
  }
  const hasNewEpoch = found.places.every((place) => place === undefined)
  if (hasNewEpoch) tally.epochs++
  const mistake = compare(truth, found, hasNewEpoch)
  if (mistake !== undefined) {
    tally.wrong++
    return mistake
  }
  const missing = truth.events.length - found.events.length
  if (missing === 0) {
    tally.right++
    return undefined
  }
  tally.leftOut++
  tally.rows += missing // each row holds one event
  if (missing > 1 && name === 'events.db' && eventAt(files.get(name)!, Math.floor(bit / 8))) {
    tally.wrong++
    return `the flip is in one row's events, and ${missing} rows are gone`
  }
  return undefined
}

/** Copies what is intact of a journal that was refused; returns what is wrong with the copy. */
async function salvage(truth: Inspection, cursors: readonly string[], state: string, tally: FlipTally): Promise<string | undefined> {
  const copy = `${state}-copy`
  try {
    const { events, gone, isEndKnown } = salvageJournal(state, copy)
    const found = await inspectJournal(copy, cursors)
    if (found.refused !== undefined) return `the copy is refused: ${found.refused}`
    const missing = truth.events.length - found.events.length
    tally.unsaved += missing
    const said = gone.reduce((sum, { from, to }) => sum + to - from, 0)
    if (events !== found.events.length || (isEndKnown && said !== missing)) return `${missing} events are not in the copy, ${said} are said to be gone`
    if (missing > 1) return `${missing} rows are not in the copy`
    return found.places.some((place) => place !== undefined) ? 'the copy goes on with the old epoch' : mistakeIn(truth, found)
  } catch (error) {
    return `nothing can be copied: ${String(error)}`
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** What is wrong without anybody knowing. */
function compare(truth: Inspection, found: Inspection, hasNewEpoch: boolean): string | undefined {
  const mistake = mistakeIn(truth, found)
  if (mistake !== undefined) return mistake
  const isCounted = found.total === found.events.length && isFoldOf(found)
  const isWhole = found.events.length === truth.events.length && isCounted
  if (isWhole && (hasNewEpoch || found.places.every((place, i) => place === truth.places[i]))) return undefined
  const said = found.reports.filter(({ type }) => type === 'warning').length
  const what = `${found.events.length} of ${truth.events.length} events there, ${found.total} counted, ${said} lines, ${hasNewEpoch ? 'a new' : 'the old'} epoch`
  if (!isCounted) return `wrong counts: ${what}`
  return said > 0 && hasNewEpoch ? undefined : `silently: ${what}`
}

/** What is there that should not be, or not so. */
function mistakeIn(truth: Inspection, found: Inspection): string | undefined {
  const texts = new Map(truth.events.map((event) => [event.event_id, JSON.stringify(event)]))
  const ids = found.events.map((event) => event.event_id)
  if (found.events.some((event) => texts.get(event.event_id) !== JSON.stringify(event))) return 'events that nobody sent'
  if (new Set(ids).size < ids.length) return 'events twice'
  const present = new Set(ids)
  if (truth.events.filter(({ event_id: id }) => present.has(id)).some(({ event_id: id }, i) => id !== ids[i])) return 'another order'
  return undefined
}

/** Whether the counts are those of the events. */
function isFoldOf({ events, byType, users }: Inspection): boolean {
  return EVENT_TYPES.every((type) => byType[type] === events.filter((event) => event.event_type === type).length) &&
    users === new Set(events.map((event) => event.user_id)).size
}

/** Whether a byte of a file belongs to the JSON of an event. */
function eventAt(file: Buffer, at: number): boolean {
  const start = file.lastIndexOf(TEXT_START, at)
  if (start === -1) return false
  // Every event of this test is longer than that and ends with its page.
  const end = file.indexOf('"}}', start + TEXT_START.length + ID_LENGTH)
  return end !== -1 && at < end + 3
}

function newTally(): FlipTally {
  return { flips: 0, right: 0, refused: 0, unsaved: 0, leftOut: 0, epochs: 0, rows: 0, wrong: 0 }
}
