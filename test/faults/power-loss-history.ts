/**
 * A history of the real service on a recorded disk: several processes, one after the other on one folder, each under load
 * until it is stopped, killed, or its disk has failed for a while. What was answered is noted in the disk's log as promised.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { pick, type Random } from '../../demo/random.ts'
import { EVENT_TYPES, type Event, type Receipt } from '../../schemas/index.ts'
import type { DiskFaults, RecordedDisk } from './recorded-disk.ts'

const SERVER = join(import.meta.dirname, '..', '..', 'src', 'server.ts')

/** Milliseconds for which a disk fails. */
const FAULT_TIME = 700

/** Requests that are on their way at a time. */
const CONNECTIONS = 4

/** How a process of a history lives. */
export interface Life {
  /** Faults from before the start until it is ready, or refuses. */
  startFaults?: DiskFaults
  /** Batches that are sent and answered at first. */
  batches: number
  /** Faults for a while after that, under load. */
  faults?: DiskFaults
  /** Batches after the disk has become well again; 0: the process ends without having recovered. */
  batchesAfter: number
  end: 'SIGTERM' | 'SIGKILL'
}

/** A batch that was answered: which of its events are in the journal, by that answer. */
export interface Promised {
  batch: number
  ids: string[]
  cursor: string
  /** How many promises had been noted when it was sent for the first time; undefined if this was not the first time. */
  after?: number
}

/** Every syncing call fails, as in a cable that is pulled. */
const NO_SYNCS: DiskFaults = { syncs: 1 }

/** The life of the example: all syncs fail for a while, the process is stopped, another one starts on a healthy disk. */
export const FAILED_SYNC_LIVES: readonly Life[] = [
  { batches: 10, faults: NO_SYNCS, batchesAfter: 0, end: 'SIGTERM' },
  { batches: 20, batchesAfter: 0, end: 'SIGKILL' }
]

/** A process whose syncs fail from its first commit on, and which goes on once they succeed again; its log holds nothing else by then. */
export const RECOVERY_LIVES: readonly Life[] = [
  { batches: 20, batchesAfter: 0, end: 'SIGTERM' },
  { batches: 0, faults: NO_SYNCS, batchesAfter: 2, end: 'SIGKILL' }
]

/** Two to four lives. */
export function drawLives(random: Random): Life[] {
  return Array.from({ length: 2 + Math.floor(3 * random()) }, () => drawLife(random))
}

function drawLife(random: Random): Life {
  const batches = Math.floor(25 * random() ** 2)
  const end = random() < 0.5 ? 'SIGTERM' : 'SIGKILL'
  const batchesAfter = random() < 0.5 ? 0 : 10
  switch (pick(random, ['healthy', 'no syncs', 'faulty', 'faulty start'] as const)) {
    case 'healthy': return { batches, batchesAfter: 0, end }
    case 'no syncs': return { batches, faults: NO_SYNCS, batchesAfter, end }
    case 'faulty': return { batches, faults: someFaults(random), batchesAfter, end }
    case 'faulty start': return { startFaults: someFaults(random), batches, batchesAfter: 0, end }
  }
}

function someFaults(random: Random): DiskFaults {
  const share = 0.3 * random()
  return { syncs: share * random() * 2, writes: share * random(), truncates: share }
}

/** A history, and everything that was sent in it. */
export class PowerLossHistory {
  /** The events of each batch that was sent, by their ids. */
  readonly sent: string[][] = []
  /** Processes that did not start because the disk failed at that moment. */
  failedStarts = 0
  readonly #disk: RecordedDisk
  readonly #env: NodeJS.ProcessEnv
  readonly #random: Random
  /** Bytes of each event's properties. */
  readonly #weight: number
  readonly #batches: Event[][] = []
  /** Numbers of batches that were sent and are not known to be in the journal. */
  #open: number[] = []
  #promises: number

  /**
   * @param weight about as many bytes of properties go into each event
   * @param promises how many promises were noted on an earlier disk
   */
  constructor(disk: RecordedDisk, env: NodeJS.ProcessEnv, random: Random, weight: number, promises = 0) {
    this.#disk = disk
    this.#env = env
    this.#random = random
    this.#weight = weight
    this.#promises = promises
  }

  /** Lives one life, from start to end, and compares the log of the disk with its files. */
  async live(life: Life): Promise<void> {
    const disk = this.#disk
    const { child, url } = await this.#start(life.startFaults)
    try {
      await this.#load(url, life.batches)
      if (life.faults !== undefined) {
        disk.setFaults(life.faults)
        disk.mark('faults')
        const end = AbortSignal.timeout(FAULT_TIME)
        while (!end.aborted) await this.#load(url, CONNECTIONS)
        // Whoever stops it does so while the disk still fails.
        if (life.batchesAfter > 0) await this.#recover(url)
      }
      await this.#load(url, life.batchesAfter)
      disk.mark(life.end)
      await this.#end(child, url, life.end)
    } finally {
      child.kill('SIGKILL')
      disk.setFaults({})
    }
    disk.follow()
    // The system may need the memory of pages that it believes to be on the disk.
    if (this.#random() < 0.5) disk.evict(this.#random)
  }

  async #end(child: ChildProcess, url: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const exited = once(child, 'exit')
    if (signal === 'SIGKILL') {
      this.#disk.killAfter(1 + Math.floor(60 * this.#random() ** 2))
      while (child.exitCode === null && child.signalCode === null) await this.#load(url, CONNECTIONS)
    } else {
      child.kill('SIGTERM')
    }
    await exited
    this.#disk.killAfter(0)
  }

  /** Waits until the disk is well again and the service knows. */
  async #recover(url: string): Promise<void> {
    this.#disk.setFaults({})
    while ((await fetch(`${url}/health/ready`)).status !== 200) await sleep(20)
  }

  async #start(faults: DiskFaults | undefined): Promise<{ child: ChildProcess, url: string }> {
    this.#disk.mark('start')
    if (faults !== undefined) {
      this.#disk.setFaults(faults)
      const started = await this.#tryStart()
      if (started !== undefined) await this.#recover(started.url)
      this.#disk.setFaults({})
      if (started !== undefined) return started
      this.failedStarts++
      this.#disk.follow()
      this.#disk.mark('start')
    }
    const started = await this.#tryStart()
    if (started === undefined) throw new Error('the service does not start on a healthy disk')
    return started
  }

  /** Starts the service; undefined if it ends before it listens. */
  async #tryStart(): Promise<{ child: ChildProcess, url: string } | undefined> {
    this.#disk.seed(Math.floor(this.#random() * 2 ** 31))
    const child = spawn(process.execPath, [SERVER], { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr.on('data', (text) => { errors += text })
    for await (const line of createInterface({ input: child.stdout })) {
      const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (port === undefined) continue
      child.stdout.resume()
      return { child, url: `http://127.0.0.1:${port}` }
    }
    if (child.exitCode === null) await once(child, 'exit')
    if (errors !== '') this.#disk.mark(`refused: ${errors}`)
    return undefined
  }

  /** Sends batches over several connections, and notes the answers. */
  async #load(url: string, batches: number): Promise<void> {
    let left = batches
    const connection = async (): Promise<void> => {
      while (left-- > 0) await this.#send(url)
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  }

  async #send(url: string): Promise<void> {
    const isRepeated = this.#open.length > 0 && this.#random() < 0.3
    const number = isRepeated ? this.#open.shift()! : this.#batches.push(this.#draw()) - 1
    const batch = this.#batches[number]
    const after = isRepeated ? undefined : this.#promises
    let receipt: Receipt
    try {
      const response = await fetch(`${url}/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(batch) })
      receipt = await response.json() as Receipt
    } catch {
      this.#open.push(number) // it was killed: nobody knows
      return
    }
    const refused = new Set(receipt.errors.map(({ index }) => index))
    if (refused.size > 0) this.#open.push(number)
    const ids = batch.map((event) => event.event_id).filter((_, i) => !refused.has(i))
    if (ids.length === 0) return
    this.#promises++
    this.#disk.promise(JSON.stringify({ batch: number, ids, cursor: receipt.cursor, after } satisfies Promised))
  }

  #draw(): Event[] {
    const size = pick(this.#random, [1, 1, 1 + Math.floor(20 * this.#random()), 100])
    const batch: Event[] = Array.from({ length: size }, () => ({
      event_id: randomUUID(),
      user_id: `user-${Math.floor(50 * this.#random())}`,
      event_type: pick(this.#random, EVENT_TYPES),
      timestamp: new Date().toISOString(),
      properties: { page: 'x'.repeat(2 * this.#weight * this.#random()) }
    }))
    this.sent.push(batch.map((event) => event.event_id))
    return batch
  }
}
