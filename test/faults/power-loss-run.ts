/**
 * The power loss test: histories of the real service on a recorded disk, cut at many moments in many ways. Each state that
 * a cut may leave is opened by our own code and compared with what had been promised by then.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pick, seededRandom, type Random } from '../../demo/random.ts'
import { RecordType, type DiskRecord } from './disk-log.ts'
import { CUT_KINDS, DiskModel, type CutKind } from './disk-model.ts'
import { compilePreload } from './preload.ts'
import { drawLives, FAILED_SYNC_LIVES, PowerLossHistory, RECOVERY_LIVES, type Life, type Promised } from './power-loss-history.ts'
import { ProcessClock } from './process-clock.ts'
import { RecordedDisk } from './recorded-disk.ts'
import type { StateAnswer, StateRequest } from './state-check.ts'

/** Cuts of one history. */
const CUTS_PER_HISTORY = 25

/** Bytes of the properties of an event: in a few histories enough to have the write-ahead log copied under load. */
const WEIGHTS = [20, 20, 200, 4000]

/** What the first histories are: examples, and heavy enough for them. */
const EXAMPLES = [{ lives: FAILED_SYNC_LIVES, weight: 20 }, { lives: RECOVERY_LIVES, weight: 4000 }]

/** Of the pages of a failed sync, the share that does not reach the disk. */
const DROP_RATES = [1, 1, 0.5]

/** Where a history begins: with nothing, or with the folder of the journal and no journal in it. */
const NOTHING: ReadonlyMap<string, Buffer> = new Map()
const EMPTY_FOLDER: ReadonlyMap<string, Buffer> = new Map([['var/events/.keep', Buffer.alloc(0)]])

/** Cursors that are asked about in each state. */
const CURSORS = 10

/** What had happened when the power went, the worst of it. */
export const SITUATIONS = ['the first process', 'after a SIGTERM', 'after a SIGKILL', 'after failed syncs', 'after failed syncs and a start', 'after another power loss'] as const
export type Situation = (typeof SITUATIONS)[number]

/** What is run. */
export interface PowerLossOptions {
  cuts: number
  seed: number
  /** For everything that is written; states in which something is wrong are left there. */
  folder: string
  /** Called after each history, with the failures so far. */
  progress?: (done: number, failures: readonly string[]) => void
}

/** What came of some cuts; all but `cuts` and `refused` and `epochs` are events. */
export interface Tally {
  cuts: number
  promised: number
  lost: number
  refused: number
  /** There, although nothing was promised (the answer was not sent yet, or said that it failed). */
  unpromised: number
  /** Cuts after which cursors belonged to another history. */
  epochs: number
}

/** Everything that came of it. */
export interface PowerLossResult {
  byKind: Map<CutKind, Tally>
  bySituation: Map<Situation, Tally>
  /** Numbers of processes, of records, and of syncs that failed, in all histories. */
  starts: number
  failedStarts: number
  records: number
  failedSyncs: number
  /** One line each. */
  failures: string[]
}

/** Cuts the power so many times. Never throws for what it finds; see `failures`. */
export async function runPowerLosses({ cuts, seed, folder, progress }: PowerLossOptions): Promise<PowerLossResult> {
  const run = new PowerLossRun(seed, folder)
  try {
    for (let done = 0, history = 0; done < cuts; history++) {
      done += await run.history(history, Math.min(CUTS_PER_HISTORY, cuts - done))
      progress?.(done, run.result.failures)
    }
  } finally {
    await run.close()
  }
  return run.result
}

/** A history on one disk, ready to be cut. */
interface Recording {
  name: string
  root: string
  records: DiskRecord[]
  newModel: () => DiskModel
  /** Promised before this disk was there, and kept on it from the beginning. */
  before: Promised[]
  sent: string[][]
}

class PowerLossRun {
  readonly result: PowerLossResult = {
    byKind: new Map(CUT_KINDS.map((kind) => [kind, newTally()])),
    bySituation: new Map(SITUATIONS.map((situation) => [situation, newTally()])),
    starts: 0,
    failedStarts: 0,
    records: 0,
    failedSyncs: 0,
    failures: []
  }

  readonly #seed: number
  readonly #folder: string
  readonly #library: string
  /** What the processes of histories go by, and what the process goes by that opens what is left of them. */
  readonly #machine: ProcessClock
  readonly #afterwards: ProcessClock
  readonly #checker: ChildProcess
  #cuts = 0

  constructor(seed: number, folder: string) {
    this.#seed = seed
    this.#folder = folder
    this.#library = compilePreload('disk', folder)
    this.#machine = new ProcessClock(makeFolder(folder, 'machine'))
    this.#afterwards = new ProcessClock(makeFolder(folder, 'afterwards'), 1_000_000)
    this.#checker = fork(join(import.meta.dirname, 'state-check.ts'), { env: { ...process.env, ...this.#afterwards.env }, serialization: 'advanced' })
  }

  async close(): Promise<void> {
    const exited = once(this.#checker, 'exit')
    this.#checker.kill()
    await exited
    this.#machine.close()
    this.#afterwards.close()
  }

  /** Runs a history and cuts it; of some, one of the states that a cut may leave goes on as another history. Returns the number of cuts. */
  async history(number: number, cuts: number): Promise<number> {
    const random = seededRandom(this.#seed * 1000 + number)
    const { lives, weight } = EXAMPLES[number] ?? { lives: drawLives(random), weight: pick(random, WEIGHTS) }
    const isContinued = number % 3 === 2
    const firstCuts = isContinued ? Math.ceil(cuts / 2) : cuts
    const folder = makeFolder(this.#folder, `history-${number}`)
    // Every other one begins without the folder, so that it matters whether the names of new folders are synced.
    const initial = number % 2 === 1 ? NOTHING : EMPTY_FOLDER
    const first = await this.#record(`history ${number}`, makeFolder(folder, 'first'), initial, lives, random, weight)
    await this.#cutAt(first, random, firstCuts)
    if (isContinued) {
      const model = first.newModel()
      for (const record of first.records) model.apply(record)
      const left = makeFolder(folder, 'left')
      model.cut(pick(random, CUT_KINDS), random, left)
      this.#machine.boot(0)
      const second = await this.#record(`history ${number}, continued`, makeFolder(folder, 'second'), readFiles(left), drawLives(random).slice(0, 2), random, weight, first)
      await this.#cutAt(second, random, cuts - firstCuts)
    }
    if (!this.result.failures.some((failure) => failure.includes(folder))) rmSync(folder, { recursive: true })
    return cuts
  }

  async #record(
    name: string, folder: string, initial: ReadonlyMap<string, Buffer>, lives: readonly Life[], random: Random, weight: number, earlier?: Recording
  ): Promise<Recording> {
    const dropRate = pick(random, DROP_RATES)
    const seed = Math.floor(random() * 2 ** 31)
    const makeModel = (root: string) => new DiskModel(root, initial, dropRate, seededRandom(seed))
    const disk = new RecordedDisk(this.#library, folder, initial, makeModel)
    const before = earlier === undefined ? [] : [...earlier.before, ...promisesOf(earlier.records)]
    const env = {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: join(this.#folder, 'compiled'),
      STORE: 'journal',
      DATA_DIR: dataOf(disk.root),
      HOST: '127.0.0.1',
      PORT: '0',
      DEDUP_CAPACITY: '100000',
      USER_CAPACITY: '10000',
      SHUTDOWN_TIMEOUT: '4',
      ...disk.env,
      PROCESS_CLOCK: this.#machine.env.PROCESS_CLOCK,
      LD_PRELOAD: `${disk.env.LD_PRELOAD}:${this.#machine.env.LD_PRELOAD}`
    }
    const history = new PowerLossHistory(disk, env, random, weight, before.length)
    try {
      for (const life of lives) await history.live(life)
    } catch (error) {
      // What happened until then is worth cutting all the same.
      this.result.failures.push(`${name}: ${String(error)}; see ${folder}`)
    } finally {
      disk.close()
    }
    const records = disk.records()
    this.result.records += records.length
    this.result.failedSyncs += records.filter(isFailedSync).length
    this.result.starts += records.filter((record) => isMark(record, 'start')).length
    this.result.failedStarts += history.failedStarts
    return { name, root: disk.root, records, newModel: () => makeModel(disk.root), before, sent: [...earlier?.sent ?? [], ...history.sent] }
  }

  /** Cuts a history at some moments, in order, so that the model only goes forwards. */
  async #cutAt(recording: Recording, random: Random, cuts: number): Promise<void> {
    const { records, newModel, before } = recording
    const promises = records.flatMap((record, i) => record.type === RecordType.Promise ? [i] : [])
    const failures = records.flatMap((record, i) => isFailedSync(record) ? [i] : [])
    const ends = Array.from({ length: cuts }, (_, i) => {
      // One in three comes right after something was promised, and one while what a failed sync has lost is written again.
      if (i % 3 === 1 && promises.length > 0) return pick(random, promises) + 1 + Math.floor(3 * random())
      if (i % 3 === 2 && failures.length > 0) return pick(random, failures) + 1 + Math.floor(30 * random())
      return Math.floor(random() * records.length)
    }).sort((a, b) => a - b)
    const model = newModel()
    const promised = [...before]
    let at = 0
    for (const end of ends) {
      for (; at < Math.min(end, records.length); at++) {
        model.apply(records[at])
        if (records[at].type === RecordType.Promise) promised.push(JSON.parse(records[at].payload.toString()) as Promised)
      }
      await this.#cut(recording, model, at, promised, Math.floor(random() * 2 ** 31))
    }
  }

  async #cut({ name, root, records, before, sent }: Recording, model: DiskModel, at: number, promised: readonly Promised[], seed: number): Promise<void> {
    const kind = CUT_KINDS[this.#cuts++ % CUT_KINDS.length]
    const situation = situationOf(records.slice(0, at), before.length > 0)
    const state = makeFolder(this.#folder, `state-${this.#cuts}`)
    model.cut(kind, seededRandom(seed), state)
    const random = seededRandom(seed)
    const asked = promised.length === 0 ? [] : Array.from({ length: CURSORS }, () => Math.floor(random() * promised.length))
    const answer = await this.#open({ directory: dataOf(state), cursors: asked.map((index) => promised[index].cursor) })
    const ids = new Set(promised.flatMap((promise) => promise.ids))
    const present = new Set(answer.ids)
    const lost = answer.refused !== undefined ? 0 : [...ids].filter((id) => !present.has(id)).length
    for (const tally of [this.result.byKind.get(kind)!, this.result.bySituation.get(situation)!]) {
      tally.cuts++
      tally.promised += ids.size
      tally.lost += lost
      if (answer.refused !== undefined) tally.refused++
      tally.unpromised += present.size - (ids.size - lost)
      if (answer.places.includes(undefined)) tally.epochs++
    }
    const wrong = mistakes(answer, promised, asked, sent, lost)
    rmSync(state, { recursive: true })
    if (wrong.length === 0) return
    model.cut(kind, seededRandom(seed), state)
    this.result.failures.push(`${name}, record ${at} of ${records.length} (${kind}, ${situation}): ${wrong.join('; ')}; see ${state} and ${root}`)
  }

  async #open(request: StateRequest): Promise<StateAnswer> {
    const answered = once(this.#checker, 'message')
    this.#checker.send(request)
    return (await answered)[0] as StateAnswer
  }
}

/** What is not as it was promised, in words. */
function mistakes(answer: StateAnswer, promised: readonly Promised[], asked: readonly number[], sent: readonly string[][], lost: number): string[] {
  const { refused, ids, total, places, afterwards } = answer
  if (refused !== undefined) return [`refused: ${refused}`]
  const wrong: string[] = []
  const position = new Map(ids.map((id, i) => [id, i]))
  const known = new Set(sent.flat())
  if (lost > 0) wrong.push(`${lost} events lost`)
  if (position.size < ids.length) wrong.push(`${ids.length - position.size} events twice`)
  if (ids.some((id) => !known.has(id))) wrong.push('events that nobody sent')
  if (total !== ids.length) wrong.push(`${total} counted of ${ids.length}`)
  const parts = sent.filter((batch) => position.has(batch[0]) !== batch.every((id) => position.has(id)))
  if (parts.length > 0) wrong.push(`${parts.length} batches in part`)
  if (afterwards !== undefined) wrong.push(`afterwards: ${afterwards}`)
  if (lost === 0 && !asked.every((index, i) => isTrue(promised, index, places[i], position))) wrong.push('a cursor is not where it was')
  return wrong
}

/** Whether a cursor, which has so many events before it, comes after everything promised with it, and before everything sent later. */
function isTrue(promised: readonly Promised[], index: number, place: number | undefined, position: ReadonlyMap<string, number>): boolean {
  if (place === undefined) return true
  return promised[index].ids.every((id) => position.get(id)! < place) &&
    promised.every(({ after, ids }) => after === undefined || after <= index || ids.every((id) => position.get(id)! >= place))
}

function situationOf(records: readonly DiskRecord[], isContinued: boolean): Situation {
  if (isContinued) return 'after another power loss'
  const start = records.findLastIndex((record) => isMark(record, 'start'))
  const failed = records.findIndex(isFailedSync)
  if (failed !== -1) return failed < start ? 'after failed syncs and a start' : 'after failed syncs'
  const end = records.findLast((record) => isMark(record, 'SIGTERM') || isMark(record, 'SIGKILL'))
  return end === undefined ? 'the first process' : isMark(end, 'SIGTERM') ? 'after a SIGTERM' : 'after a SIGKILL'
}

function isMark({ type, payload }: DiskRecord, text: string): boolean {
  return type === RecordType.Mark && payload.toString() === text
}

function isFailedSync({ type, error }: DiskRecord): boolean {
  return type === RecordType.Sync && error !== 0
}

function promisesOf(records: readonly DiskRecord[]): Promised[] {
  return records.filter(({ type }) => type === RecordType.Promise).map(({ payload }) => JSON.parse(payload.toString()) as Promised)
}

/** The folder of the journal. */
function dataOf(root: string): string {
  return join(root, 'var', 'events')
}

function makeFolder(...parts: string[]): string {
  const folder = join(...parts)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Content of all files by their paths in a folder. */
function readFiles(folder: string): Map<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(files.map(({ parentPath, name }) => [relative(folder, join(parentPath, name)), readFileSync(join(parentPath, name))]))
}

function newTally(): Tally {
  return { cuts: 0, promised: 0, lost: 0, refused: 0, unpromised: 0, epochs: 0 }
}
