/**
 * The crash test: the real service under load is killed at a random moment and started again on the same folder, again and again.
 * After each start, what was sent and not answered is sent once more; from then on it is known exactly what must be there:
 * every event once. A reader that goes on from its cursor across all the kills must see each of them once, in order.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { EVENT_TYPES, type Event, type EventPage, type Receipt, type Summary } from '../../schemas/index.ts'

const SERVER = join(import.meta.dirname, '..', '..', 'src', 'server.ts')

/** Connections that send at the same time, and the most that one of them sends before the kill. */
const CONNECTIONS = 4
const MAX_BATCHES = 12
const MAX_BATCH = 20

/** Milliseconds after which the server is killed at the latest: under load, and while it starts. */
const LONGEST_LOAD = 80
const LONGEST_START = 900

/** Of how many kills one falls into the start. */
const START_KILLS = 6

/** What is run. */
export interface CrashOptions {
  directory: string
  kills: number
  /** Ends the run after the kill under way, however many there have been. */
  signal?: AbortSignal
  /** Called after each kill. */
  progress?: (kills: number, state: CrashResult) => void
}

/** What came of it. Every count but `kills` is of events, unless it says otherwise. */
export interface CrashResult {
  kills: number
  killsDuringStart: number
  /** Sent for the first time. */
  sent: number
  /** Answered as accepted at the first sending. */
  acknowledged: number
  /** Sent again after a kill, and of those: were there already, were not. */
  unanswered: number
  unansweredThere: number
  unansweredAbsent: number
  /** Read by the reader that goes on across kills. */
  read: number
}

/** Runs the test. Throws at the first thing that is not as it must be. */
export async function runCrashes({ directory, kills, signal, progress }: CrashOptions): Promise<CrashResult> {
  const run = new CrashRun(directory)
  while (run.result.kills < kills && signal?.aborted !== true) {
    await run.cycle()
    progress?.(run.result.kills, run.result)
  }
  await run.verify()
  return run.result
}

class CrashRun {
  readonly result: CrashResult = {
    kills: 0, killsDuringStart: 0, sent: 0, acknowledged: 0, unanswered: 0, unansweredThere: 0, unansweredAbsent: 0, read: 0
  }

  readonly #directory: string
  /** Every event that must be there. */
  readonly #known = new Set<string>()
  /** Batches whose answer never came. */
  #open: Event[][] = []
  readonly #seen = new Set<string>()
  #cursor = 'earliest'

  constructor(directory: string) {
    this.#directory = directory
  }

  async cycle(): Promise<void> {
    if (randomInt(START_KILLS) === 0) {
      const child = this.#spawn()
      await new Promise((resolve) => setTimeout(resolve, randomInt(LONGEST_START)))
      await this.#kill(child)
      this.result.killsDuringStart++
      return
    }
    const { child, url } = await this.#start()
    try {
      await this.#check(url)
      // A slow machine might not answer anything else before the kill.
      await this.#load(url, 1)
      const killed = new Promise<void>((resolve) => setTimeout(() => resolve(this.#kill(child)), randomInt(LONGEST_LOAD)))
      await Promise.all(Array.from({ length: CONNECTIONS }, () => this.#load(url, MAX_BATCHES)))
      await killed
    } finally {
      child.kill('SIGKILL')
    }
  }

  /** A last look, after a last start; ends the server gracefully. */
  async verify(): Promise<void> {
    const { child, url } = await this.#start()
    try {
      await this.#check(url)
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      const [code] = await exited
      must(code === 0, `the server ended with ${code}`)
    } finally {
      child.kill('SIGKILL')
    }
  }

  /** Sends again what was not answered, and then compares everything. */
  async #check(url: string): Promise<void> {
    const before = await this.#total(url)
    const open = this.#open.flat().length
    must(before >= this.#known.size && before <= this.#known.size + open, `${before} counted, but ${this.#known.size} acknowledged and ${open} unanswered`)
    for (const batch of this.#open) {
      const receipt = await send(url, batch)
      must(receipt.accepted + receipt.duplicates === batch.length, `sent again: ${JSON.stringify(receipt)}`)
      must(receipt.accepted === 0 || receipt.duplicates === 0, `a batch was there in part: ${JSON.stringify(receipt)}`)
      this.result.unanswered += batch.length
      this.result.unansweredThere += receipt.duplicates
      this.result.unansweredAbsent += receipt.accepted
      for (const event of batch) this.#known.add(event.event_id)
    }
    this.#open = []
    const total = await this.#total(url)
    must(total === this.#known.size, `${total} counted, but ${this.#known.size} sent`)
    await this.#read(url)
    must(this.#seen.size === this.#known.size, `${this.#seen.size} read, but ${this.#known.size} sent`)
    this.result.read = this.#seen.size
  }

  async #load(url: string, batches: number): Promise<void> {
    for (let i = 0; i < batches; i++) {
      const batch = Array.from({ length: randomInt(1, MAX_BATCH) }, anEvent)
      this.result.sent += batch.length
      try {
        const receipt = await send(url, batch)
        must(receipt.accepted === batch.length, `not taken: ${JSON.stringify(receipt)}`)
        this.result.acknowledged += batch.length
        for (const event of batch) this.#known.add(event.event_id)
      } catch (error) {
        if (error instanceof CrashFailure) throw error
        // It was killed: nobody knows whether the batch is there.
        this.#open.push(batch)
        return
      }
    }
  }

  async #read(url: string): Promise<void> {
    for (;;) {
      const page = await get<EventPage>(`${url}/events?after=${this.#cursor}&limit=1000`)
      for (const { event_id: id } of page.events) {
        must(!this.#seen.has(id), `${id} was read twice`)
        must(this.#known.has(id), `${id} was read, but never sent`)
        this.#seen.add(id)
      }
      this.#cursor = page.cursor
      if (!page.has_more) return
    }
  }

  async #total(url: string): Promise<number> {
    return (await get<Summary>(`${url}/analytics/summary?window=7d`)).total_events
  }

  #spawn(): ChildProcess {
    return spawn(process.execPath, [SERVER], {
      env: { PATH: process.env.PATH, STORE: 'journal', DATA_DIR: this.#directory, HOST: '127.0.0.1', PORT: '0', NODE_COMPILE_CACHE: `${this.#directory}/compiled` },
      stdio: ['ignore', 'pipe', 'inherit']
    })
  }

  /** Starts a server and waits until it is ready. */
  async #start(): Promise<{ child: ChildProcess, url: string }> {
    const child = this.#spawn()
    try {
      for await (const line of createInterface({ input: child.stdout! })) {
        const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1]
        if (port === undefined) continue
        child.stdout!.resume()
        const url = `http://127.0.0.1:${port}`
        while ((await fetch(`${url}/health/ready`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 5))
        return { child, url }
      }
      throw new CrashFailure('the server did not start')
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  async #kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) throw new CrashFailure(`the server ended by itself with ${child.exitCode ?? child.signalCode}`)
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    this.result.kills++
  }
}

/** Something was not as it must be. */
export class CrashFailure extends Error {
  override name = 'CrashFailure'
}

function must(condition: boolean, message: string): void {
  if (!condition) throw new CrashFailure(message)
}

function anEvent(): Event {
  return {
    event_id: randomUUID(),
    user_id: `user-${randomInt(50)}`,
    event_type: EVENT_TYPES[randomInt(EVENT_TYPES.length)],
    timestamp: new Date().toISOString()
  }
}

async function send(url: string, events: Event[]): Promise<Receipt> {
  const response = await fetch(`${url}/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events) })
  return await response.json() as Receipt
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (response.status !== 200) throw new CrashFailure(`${url} was answered with ${response.status}: ${await response.text()}`)
  return await response.json() as T
}
