/**
 * The chaos run: load from several producers and subscribers over two replicas of the service, while masters and replicas of
 * the cluster are killed, stopped and failed over, slots move, and replicas of the service are killed; one fault at a time,
 * the next when the cluster is in sync. In the end what was sent, counted and streamed must be the same events. [STORE-1]
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Summary } from '../../schemas/index.ts'
import { RedisCluster } from '../../cluster/redis-cluster.ts'
import { FAULTS } from './faults.ts'
import { ServiceReplica } from './services.ts'
import { Subscriber } from './subscriber.ts'
import { httpSender, openBooks, produce, socketSender } from './traffic.ts'

/** Milliseconds in which subscribers must have caught up after the last event. */
const CATCH_UP = 30_000

/** What is run. */
export interface ChaosOptions {
  masters: number
  /** Of each master; two, so that one is left to acknowledge after a failover. */
  replicas: number
  /** Names of faults, in order. */
  faults: readonly string[]
  /** Milliseconds between two batches of a producer. */
  pause: number
  progress?: (fault: string, seconds: number) => void
}

/** What came of it. Every count but of faults is of events. */
export interface ChaosResult {
  faults: Record<string, number>
  sent: number
  accepted: number
  duplicates: number
  rejected: number
  again: number
  counted: number
  uniqueUsers: number
  /** By each subscriber. */
  streamed: number[]
  streamedTwice: number
  gaps: number
  resumes: number
}

/** Runs it. Throws where the figures do not agree. */
export async function runChaos({ masters, replicas, faults, pause, progress }: ChaosOptions): Promise<ChaosResult> {
  const cluster = await RedisCluster.start({ masters, replicas }, '--appendfsync', 'everysec')
  const services: ServiceReplica[] = []
  const stop = new AbortController()
  try {
    const env = { STORE: 'redis', REDIS_NODES: cluster.addresses.join(','), REDIS_WAIT: '1', REDIS_PREFIX: 'chaos', EVENT_LOG_BYTES: String(256 << 20) }
    for (let i = 0; i < 2; i++) services.push(await ServiceReplica.start(env))
    const books = openBooks()
    const producing = new AbortController()
    const producers = [
      produce(httpSender(services), books, producing.signal, pause), produce(httpSender(services), books, producing.signal, pause),
      produce(socketSender(services, stop.signal), books, producing.signal, pause)
    ]
    const subscribers = [new Subscriber(services, stop.signal), new Subscriber(services, stop.signal)]
    await delay(500)
    const counts: Record<string, number> = {}
    for (const fault of faults) {
      const started = performance.now()
      await FAULTS[fault](cluster, services)
      await cluster.inSync()
      await delay(300)
      counts[fault] = (counts[fault] ?? 0) + 1
      progress?.(fault, (performance.now() - started) / 1000)
    }
    producing.abort()
    await Promise.all(producers)
    const end = performance.now() + CATCH_UP
    while (performance.now() < end && subscribers.some(({ seen }) => seen.size < books.sent.size)) await delay(100)
    const summaries = await Promise.all(services.map(async ({ origin }) => await (await fetch(`${origin}/analytics/summary?window=24h`)).json() as Summary))
    const result: ChaosResult = {
      faults: counts,
      sent: books.sent.size,
      accepted: books.accepted,
      duplicates: books.duplicates,
      rejected: books.rejected,
      again: books.again,
      counted: summaries[0].total_events,
      uniqueUsers: summaries[0].unique_users,
      streamed: subscribers.map(({ seen }) => seen.size),
      streamedTwice: subscribers.reduce((sum, { twice }) => sum + twice, 0),
      gaps: subscribers.reduce((sum, { gaps }) => sum + gaps, 0),
      resumes: subscribers.reduce((sum, { resumes }) => sum + resumes, 0)
    }
    check(result, summaries, books.users.size)
    return result
  } finally {
    stop.abort()
    await Promise.all(services.map((service) => service.stop()))
    await cluster.remove()
  }
}

function check(result: ChaosResult, summaries: readonly Summary[], users: number): void {
  const { sent, accepted, streamed, streamedTwice, gaps, uniqueUsers } = result
  const wrong: string[] = []
  for (const { total_events: total } of summaries) if (total !== sent) wrong.push(`${total} counted of ${sent} sent`)
  if (uniqueUsers !== users) wrong.push(`${uniqueUsers} users of ${users}`)
  if (accepted > sent) wrong.push(`${accepted} accepted of ${sent} sent`)
  for (const seen of streamed) if (seen !== sent) wrong.push(`${seen} streamed of ${sent} sent`)
  if (streamedTwice > 0) wrong.push(`${streamedTwice} streamed twice`)
  if (gaps > 0) wrong.push(`${gaps} gaps`)
  if (wrong.length > 0) throw new Error(`${wrong.join('; ')}\n${JSON.stringify(result, undefined, 2)}`)
}
