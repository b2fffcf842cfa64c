/**
 * The soak: the real service on a journal under mixed load for minutes, with subscribers that come, stall and resume, and three
 * restarts, one of them orderly. In the end what was sent, acknowledged, counted and streamed must be the same events, and
 * memory, descriptors and files must not have grown but by what is kept of each event. [STORE-1] [DEDUP-3]
 */
import { randomInt, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EVENT_TYPES, type Event, type Summary } from '../../schemas/index.ts'
import { ServiceReplica } from '../chaos/services.ts'
import { overServerSentEvents, overSocket, Subscriber } from '../chaos/subscriber.ts'
import { httpSender, makeBatch, openBooks, produce, socketSender, type Books, type Draw } from '../chaos/traffic.ts'

const DAY = 86_400_000

/** Milliseconds between two batches of a producer, two summaries, and two samples a hundredth of the whole. */
const PAUSE = 100
const SUMMARY_INTERVAL = 250
const SAMPLES = 30

/** Milliseconds in which subscribers must have caught up after the last event. */
const CATCH_UP = 60_000

/** What the event log of the service holds: filled within minutes, so that memory is flat from then on. */
const LOG_BYTES = 8 << 20

/** Shares of the time at which the service is ended and started again. */
const RESTARTS = [{ at: 0.3, signal: 'SIGTERM' }, { at: 0.5, signal: 'SIGKILL' }, { at: 0.7, signal: 'SIGKILL' }] as const

/** What is run. */
export interface SoakOptions {
  directory: string
  milliseconds: number
  /** Called with each sample. */
  progress?: (sample: Sample) => void
}

/** The service at a moment. Sizes are in bytes. */
export interface Sample {
  seconds: number
  /** Events that were sent by then. */
  sent: number
  memory: number
  descriptors: number
  file: number
  log: number
}

/** What came of it. Every count but of summaries, visits, resumes and restarts is of events. */
export interface SoakResult {
  samples: Sample[]
  sent: number
  acknowledged: number
  /** Of those sent, too old for any window. */
  late: number
  counted: number
  streamed: number[]
  streamedTwice: number
  gaps: number
  again: number
  duplicates: number
  rejected: number
  summaries: number
  visits: number
  resumes: number
  restarts: number
}

/** Runs it. Throws where figures do not agree, or do not stay flat. */
export async function runSoak({ directory, milliseconds, progress }: SoakOptions): Promise<SoakResult> {
  const env = { STORE: 'journal', DATA_DIR: directory, HOST: '127.0.0.1', EVENT_LOG_BYTES: String(LOG_BYTES), DEDUP_CAPACITY: '2000000' }
  const service = await ServiceReplica.start(env)
  const run = new Soak(service, directory, milliseconds)
  try {
    const result = await run.run(progress)
    check(result, await run.users())
    return result
  } finally {
    run.stop.abort()
    await service.stop()
  }
}

class Soak {
  readonly stop = new AbortController()
  readonly #service: ServiceReplica
  readonly #directory: string
  readonly #milliseconds: number
  readonly #books = openBooks()
  readonly #late = new Set<string>()
  readonly #producing = new AbortController()
  readonly #started = performance.now()
  #gaps = 0
  #twice = 0
  #visits = 0
  #summaries = 0

  constructor(service: ServiceReplica, directory: string, milliseconds: number) {
    this.#service = service
    this.#directory = directory
    this.#milliseconds = milliseconds
  }

  async run(progress: (sample: Sample) => void = () => {}): Promise<SoakResult> {
    const services = [this.#service]
    const books = this.#books
    const { signal } = this.#producing
    const subscribers = [overSocket, overSocket, overServerSentEvents].map((transport) => new Subscriber(services, this.stop.signal, transport))
    const producing = [
      produce(httpSender(services), books, signal, PAUSE), produce(httpSender(services), books, signal, PAUSE, this.#single),
      produce(socketSender(services, this.stop.signal), books, signal, PAUSE)
    ]
    const samples: Sample[] = []
    const working = Promise.all([this.#ask(), this.#visit(), this.#disturb(subscribers), this.#sample((sample) => {
      samples.push(sample)
      progress(sample)
    })])
    working.catch(() => {}) // told at the end
    for (const { at, signal } of RESTARTS) {
      await this.#until(at)
      const status = await this.#service.stop(signal)
      if (signal === 'SIGTERM' && status !== 0) throw new Error(`a SIGTERM ended it with ${status}`)
      await this.#service.run()
    }
    await this.#until(1)
    this.#producing.abort()
    await Promise.all([...producing, working])
    const end = performance.now() + CATCH_UP
    while (performance.now() < end && subscribers.some(({ seen }) => seen.size < books.sent.size)) await delay(100)
    return {
      samples,
      sent: books.sent.size,
      acknowledged: books.acknowledged.size,
      late: this.#late.size,
      counted: (await this.#summary()).total_events,
      streamed: subscribers.map(({ seen }) => seen.size),
      streamedTwice: subscribers.reduce((sum, { twice }) => sum + twice, this.#twice),
      gaps: subscribers.reduce((sum, { gaps }) => sum + gaps, this.#gaps),
      again: books.again,
      duplicates: books.duplicates,
      rejected: books.rejected,
      summaries: this.#summaries,
      visits: this.#visits,
      resumes: subscribers.reduce((sum, { resumes }) => sum + resumes - 1, 0),
      restarts: RESTARTS.length
    }
  }

  /** Users that are counted, and users that sent. */
  async users(): Promise<[number, number]> {
    return [(await this.#summary()).unique_users, this.#books.users.size]
  }

  /** A single event; one in ten is late. */
  readonly #single: Draw = (books: Books, sentBefore: Event[]): Event[] => {
    if (randomInt(10) > 0) return makeBatch(books, sentBefore, 1)
    const event: Event = {
      event_id: randomUUID(), user_id: 'late', event_type: EVENT_TYPES[0], timestamp: new Date(Date.now() - 10 * DAY).toISOString()
    }
    books.sent.add(event.event_id)
    this.#late.add(event.event_id)
    return [event]
  }

  /** Asks for summaries: what was acknowledged before is in them, and nothing that was not sent. */
  async #ask(): Promise<void> {
    while (!this.#producing.signal.aborted) {
      const least = this.#books.acknowledged.size - this.#late.size
      const summary = await this.#summary().catch(() => undefined) // it is being started
      if (summary !== undefined) {
        this.#summaries++
        const total = summary.total_events
        if (total < least || total > this.#books.sent.size) throw new Error(`${total} counted; ${least} acknowledged before, ${this.#books.sent.size} sent until then`)
      }
      await delay(SUMMARY_INTERVAL)
    }
  }

  /** Subscribers that come for a while. */
  async #visit(): Promise<void> {
    while (!this.#producing.signal.aborted) {
      const leaving = new AbortController()
      const visitor = new Subscriber([this.#service], leaving.signal, randomInt(2) === 0 ? overSocket : overServerSentEvents, '')
      await delay(randomInt(this.#milliseconds / 30))
      leaving.abort()
      await visitor.done
      this.#visits++
      this.#gaps += visitor.gaps
      this.#twice += visitor.twice
    }
  }

  /** Subscribers that stall, and that leave and come back. */
  async #disturb(subscribers: readonly Subscriber[]): Promise<void> {
    while (!this.#producing.signal.aborted) {
      const subscriber = subscribers[randomInt(subscribers.length)]
      if (randomInt(2) === 0) await subscriber.stall(randomInt(Math.min(10_000, this.#milliseconds / 20)))
      else subscriber.leave()
      await delay(randomInt(this.#milliseconds / 60))
    }
  }

  async #sample(take: (sample: Sample) => void): Promise<void> {
    for (let i = 1; i <= SAMPLES; i++) {
      await this.#until((i - 0.5) / SAMPLES)
      try {
        const { pid } = this.#service
        const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1])
        take({
          seconds: Math.round((performance.now() - this.#started) / 1000),
          sent: this.#books.sent.size,
          memory: pages * 4096,
          descriptors: readdirSync(`/proc/${pid}/fd`).length,
          file: statSync(join(this.#directory, 'events.db')).size,
          log: statSync(join(this.#directory, 'events.db-wal'), { throwIfNoEntry: false })?.size ?? 0
        })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // it is being started
      }
    }
  }

  async #until(share: number): Promise<void> {
    await delay(Math.max(0, this.#started + share * this.#milliseconds - performance.now()))
  }

  async #summary(): Promise<Summary> {
    const response = await fetch(`${this.#service.origin}/analytics/summary?window=7d`)
    if (!response.ok) throw new Error(`status ${response.status}`)
    return await response.json() as Summary
  }
}

const MIB = 1 << 20

function check(result: SoakResult, [users, usersSent]: [number, number]): void {
  const { sent, acknowledged, late, counted, streamed, streamedTwice, gaps, samples } = result
  const wrong: string[] = []
  if (acknowledged !== sent) wrong.push(`${acknowledged} acknowledged of ${sent} sent`)
  if (counted !== sent - late) wrong.push(`${counted} counted of ${sent} sent, ${late} of them late`)
  if (users !== usersSent) wrong.push(`${users} users of ${usersSent}`)
  for (const seen of streamed) if (seen !== sent) wrong.push(`${seen} streamed of ${sent} sent`)
  if (streamedTwice > 0) wrong.push(`${streamedTwice} streamed twice`)
  if (gaps > 0) wrong.push(`${gaps} gaps`)
  const third = Math.floor(samples.length / 3)
  const highest = (from: number, to: number, of: (sample: Sample) => number): number => Math.max(...samples.slice(from, to).map(of))
  const grown = (of: (sample: Sample) => number): number => highest(2 * third, samples.length, of) - highest(third, 2 * third, of)
  if (grown(({ memory }) => memory) > 64 * MIB) wrong.push('memory has grown')
  if (grown(({ descriptors }) => descriptors) > 10) wrong.push('descriptors have grown')
  if (highest(0, samples.length, ({ log }) => log) > 64 * MIB) wrong.push('the write-ahead log has grown')
  if (grown(({ file, sent }) => file / sent) > 50) wrong.push('an event takes more and more of the file')
  if (wrong.length > 0) throw new Error(`${wrong.join('; ')}\n${JSON.stringify({ ...result, samples: undefined }, undefined, 2)}`)
}
