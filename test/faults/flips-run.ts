/**
 * The bit flip test: a journal whose service was killed, half of it in the file and half in the write-ahead log, is opened
 * again and again, each time with one bit of one file flipped. A start may give right answers, refuse, or leave something
 * out, say so and begin a new epoch; whatever else it does is wrong without anybody knowing.
 */
import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pick, seededRandom, type Random } from '../../demo/random.ts'
import { EVENT_TYPES, type Event } from '../../schemas/index.ts'
import { append, inspectJournal, type Inspection } from './inspection.ts'

/** Milliseconds after which a start is taken for one that never ends. */
const PATIENCE = 60_000

/** Starts that are under way at a time: each waits for its disk and its thread most of the time. */
const STARTS = 4

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

/** The journal as it was before the flips. */
interface Original {
  files: ReadonlyMap<string, Buffer>
  truth: Inspection
  cursors: string[]
}

/** Flips so many bits, one at a time. */
export async function runFlips({ flips, seed, rows, folder, progress }: FlipOptions): Promise<FlipResult> {
  const original = await makeOriginal(join(folder, 'original'), rows)
  const names = [...original.files.keys()]
  const result: FlipResult = { byFile: new Map(names.map((name) => [name, newTally()])), failures: [] }
  const random = seededRandom(seed)
  let begun = 0
  let done = 0
  const flipOn = async (): Promise<void> => {
    while (begun < flips) {
      const i = begun++
      const name = drawFile(random, original.files, i)
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

/** Every other time any file, small ones as often as large ones; else any byte. */
function drawFile(random: Random, files: ReadonlyMap<string, Buffer>, turn: number): string {
  if (turn % 2 === 0) return pick(random, [...files.keys()])
  let at = random() * [...files.values()].reduce((sum, { length }) => sum + length, 0)
  for (const [name, { length }] of files) {
    at -= length
    if (at < 0) return name
  }
  throw new Error('there are no files')
}

/** Opens the journal with one bit flipped; returns what is wrong. */
async function flip({ files, truth, cursors }: Original, name: string, bit: number, state: string, tally: FlipTally): Promise<string | undefined> {
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
    return undefined
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

/** What is wrong without anybody knowing. */
function compare(truth: Inspection, found: Inspection, hasNewEpoch: boolean): string | undefined {
  const texts = new Map(truth.events.map((event) => [event.event_id, JSON.stringify(event)]))
  const ids = found.events.map((event) => event.event_id)
  if (found.events.some((event) => texts.get(event.event_id) !== JSON.stringify(event))) return 'events that nobody sent'
  if (new Set(ids).size < ids.length) return 'events twice'
  const present = new Set(ids)
  if (truth.events.filter(({ event_id: id }) => present.has(id)).some(({ event_id: id }, i) => id !== ids[i])) return 'another order'
  const isCounted = found.total === found.events.length && isFoldOf(found)
  const isWhole = found.events.length === truth.events.length && isCounted
  if (isWhole && (hasNewEpoch || found.places.every((place, i) => place === truth.places[i]))) return undefined
  const said = found.reports.filter(({ type }) => type === 'warning').length
  const what = `${found.events.length} of ${truth.events.length} events there, ${found.total} counted, ${said} lines, ${hasNewEpoch ? 'a new' : 'the old'} epoch`
  if (!isCounted) return `wrong counts: ${what}`
  return said > 0 && hasNewEpoch ? undefined : `silently: ${what}`
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

/** A journal of single events: some rows in the file, as many in the write-ahead log, and a process that was killed. */
async function makeOriginal(folder: string, rows: number): Promise<Original> {
  const live = join(folder, 'live')
  const killed = join(folder, 'killed')
  mkdirSync(killed, { recursive: true })
  const write = async (meanwhile?: () => void): Promise<void> => {
    await inspectJournal(live, [], async (backend) => {
      for (let i = 0; i < rows; i++) await append(backend, [anEvent(i)])
      meanwhile?.()
    })
  }
  await write()
  await write(() => {
    for (const name of readdirSync(live)) if (!name.endsWith('-shm')) copyFileSync(join(live, name), join(killed, name))
  })
  const contents = readdirSync(killed).map((name) => [name, readFileSync(join(killed, name))] as const)
  const files = new Map(contents.filter(([, content]) => content.length > 0))
  const cursors: string[] = []
  const first = await inspectJournal(killed, [], async ({ store }, events) => {
    const { cursor } = await store.locate('earliest')
    const page = await store.read(cursor, {}, { events: events.length, bytes: 1 << 24 })
    for (const share of [0.1, 0.4, 0.6, 1]) cursors.push(page.cursorOf(Math.ceil(events.length * share) - 1))
  })
  if (first.total !== 2 * rows) throw new Error(`${first.total} events instead of ${2 * rows}`)
  return { files, truth: await inspectJournal(killed, cursors), cursors }
}

function anEvent(i: number): Event {
  return {
    event_id: randomUUID(),
    user_id: `user-${i % 20}`,
    event_type: EVENT_TYPES[i % EVENT_TYPES.length],
    timestamp: new Date(Date.now() - 60_000).toISOString(),
    properties: { page: `/${i}` }
  }
}

function newTally(): FlipTally {
  return { flips: 0, right: 0, refused: 0, leftOut: 0, epochs: 0, rows: 0, wrong: 0 }
}
