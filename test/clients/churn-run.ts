/**
 * The client under churn: a service with a journal that is killed and started again, and in front of it a proxy that cuts
 * connections at random. Clients in Node and, where there is one, in a browser send and subscribe all the while. In the end every
 * event must be counted once, and every subscriber must have seen each once and in order.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Browser } from 'playwright-core'
import type { EventPage, Summary } from '../../schemas/index.ts'
import { CuttingProxy } from '../compat/cutting-proxy.ts'
import { runPeer, type PeerResult } from './peer.ts'

const SERVER = join(import.meta.dirname, '..', '..', 'src', 'server.ts')
const CLIENT = new URL('../../clients/client.js', import.meta.url)

/**
 * Bytes of answers after which a connection is cut, on average: of subscribers, where a frame of up to 64 KiB must get through now and
 * then, and of senders, whose answers are short.
 */
const MEAN_FRAMES = 60_000
const MEAN_RECEIPTS = 1_500

export interface ChurnOptions {
  /** An empty folder for the journal. */
  directory: string
  /** Events that each client sends, in a second and in all. */
  rate: number
  count: number
  /** Answered events of the client in Node after which the service is killed, each time. */
  killEvery: number
  browser?: Browser
  random?: () => number
  /** Called after each kill. */
  progress?: (kills: number, answered: number) => void
}

/** What one client saw. */
export interface ClientRow {
  sent: number
  /** Verdicts that came back; what was counted without an answer comes back as a duplicate. */
  accepted: number
  duplicates: number
  dropped: number
  /** Of the subscriber to everything: events, those it never got, got twice, or in another order than they are kept. */
  seen: number
  missing: number
  twice: number
  misplaced: number
  gaps: number
  /** Connections that its subscribers opened. */
  connections: number
  /** By the summary that was loaded and the events after it. */
  counted: number
}

export interface ChurnResult {
  kills: number
  cuts: number
  sent: number
  /** By the summary of the service, and by reading its log. */
  counted: number
  kept: number
  clients: Map<string, ClientRow>
}

/** The service as a process, and whoever is killed is started again. */
class MortalService {
  readonly #directory: string
  readonly #origin: string
  #child: ChildProcess | undefined
  port = 0

  constructor(directory: string, origin: string) {
    this.#directory = directory
    this.#origin = origin
    process.once('exit', () => this.#child?.kill('SIGKILL'))
  }

  /** Starts it; resolves when it listens. */
  async start(): Promise<void> {
    const child = this.#child = spawn(process.execPath, [SERVER], {
      env: {
        PATH: process.env.PATH,
        STORE: 'journal',
        DATA_DIR: this.#directory,
        HOST: '127.0.0.1',
        PORT: '0',
        ALLOWED_ORIGINS: this.#origin,
        NODE_COMPILE_CACHE: `${this.#directory}/compiled`
      },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    for await (const line of createInterface({ input: child.stdout! })) {
      const port = /listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (port === undefined) continue
      child.stdout!.resume()
      this.port = Number(port)
      return
    }
    throw new Error('the service did not start')
  }

  /** As if the power had gone from it. */
  async kill(): Promise<void> {
    const child = this.#child!
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async get<T>(path: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`)
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return await answer.json() as T
  }
}

/** An empty page of another origin. */
async function startSite() {
  const site = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<title>A shop</title>')).listen(0, '127.0.0.1')
  await once(site, 'listening')
  return { origin: `http://localhost:${(site.address() as AddressInfo).port}`, close: () => { site.close(); site.closeAllConnections() } }
}

/** Runs it until every client has sent all of its events and seen everybody's. */
export async function runChurn({ directory, rate, count, killEvery, browser, random = Math.random, progress }: ChurnOptions): Promise<ChurnResult> {
  const site = await startSite()
  const service = new MortalService(directory, site.origin)
  await service.start()
  const proxies = [MEAN_FRAMES, MEAN_RECEIPTS].map((bytes) => new CuttingProxy(service.port, bytes, random))
  const [readUrl, writeUrl] = await Promise.all(proxies.map(async (proxy) => `http://127.0.0.1:${await proxy.listen()}/`))
  let kills = 0
  try {
    const expected = count * (browser === undefined ? 1 : 2)
    const task = { readUrl, writeUrl, rate, count, expected }
    const page = await browser?.newPage()
    await page?.goto(site.origin)
    const inBrowser = page?.evaluate(runPeer, { ...task, client: `http://127.0.0.1:${service.port}/client.js`, name: 'chromium' })

    let dying = Promise.resolve()
    let nextKill = killEvery
    const inNode = runPeer({ ...task, client: CLIENT.href, name: 'node' }, (answered) => {
      if (answered < nextKill || answered === count) return
      nextKill = Infinity
      dying = service.kill().then(() => service.start()).then(() => {
        for (const proxy of proxies) proxy.target = service.port
        nextKill = answered + killEvery
        kills++
        progress?.(kills, answered)
      })
    })
    const results = new Map<string, PeerResult>([['node', await inNode]])
    if (inBrowser !== undefined) results.set('chromium', await inBrowser)
    await dying
    await page?.close()
    const kept = await readLog(service)
    const { total_events: counted } = await service.get<Summary>('/analytics/summary?window=7d')
    return {
      kills,
      cuts: proxies[0].cuts + proxies[1].cuts,
      sent: expected,
      counted,
      kept: kept.length,
      clients: new Map([...results].map(([name, result]) => [name, rowOf(result, kept)]))
    }
  } finally {
    for (const proxy of proxies) proxy.close()
    site.close()
    await service.kill()
  }
}

async function readLog(service: MortalService): Promise<string[]> {
  const ids: string[] = []
  for (let after = 'earliest', hasMore = true; hasMore;) {
    const page = await service.get<EventPage>(`/events?after=${after}&limit=1000`)
    ids.push(...page.events.map(({ event_id: id }) => id))
    after = page.cursor
    hasMore = page.has_more
  }
  return ids
}

function rowOf({ seen, ...figures }: PeerResult, kept: readonly string[]): ClientRow {
  const places = new Map(kept.map((id, i) => [id, i]))
  const unique = new Set(seen)
  return {
    ...figures,
    seen: seen.length,
    missing: kept.filter((id) => !unique.has(id)).length,
    twice: seen.length - unique.size,
    misplaced: seen.filter((id, i) => i > 0 && !(places.get(id)! > places.get(seen[i - 1])!)).length
  }
}
