/** The whole service on a machine whose clock is wrong: nothing lost, nothing double, nothing silent. [TIME-4] */
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Event, Health, ReceiptProblem, Summary } from '../../schemas/index.ts'
import { makeFolder } from '../backends/journal/rig.ts'
import { ServerProcess } from '../server-process.ts'
import { preloadObstacle } from './preload.ts'
import { ProcessClock } from './process-clock.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE

/** The service with a journal, on the machine that a clock stands for. */
class Service {
  readonly #process: ServerProcess
  url = ''

  constructor(t: Test, clock: ProcessClock, directory: string) {
    this.#process = new ServerProcess(t, { ...clock.env, HOST: '127.0.0.1', STORE: 'journal', DATA_DIR: directory })
  }

  async ready(): Promise<this> {
    this.url = `http://127.0.0.1:${await this.#process.port()}`
    await this.until(async () => (await this.request('/health/ready')).ok)
    return this
  }

  /** A client's request: it is sent again where the connection ended without an answer, as idle ones do when an hour passes. */
  async request(path: string, init?: RequestInit): Promise<Response> {
    for (;;) {
      try {
        return await fetch(this.url + path, init)
      } catch (error) {
        if ((error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED') throw error
      }
    }
  }

  async get<T>(path: string): Promise<T> {
    return await (await this.request(path)).json() as T
  }

  async metric(name: string): Promise<number> {
    const text = await (await this.request('/metrics')).text()
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
  }

  async send(events: readonly Event[]): Promise<{ status: number, retryAfter: number, receipt: ReceiptProblem }> {
    const answer = await this.request('/events', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events) })
    return { status: answer.status, retryAfter: Number(answer.headers.get('retry-after')), receipt: await answer.json() as ReceiptProblem }
  }

  async total(): Promise<number> {
    return (await this.get<Summary>('/analytics/summary?window=7d')).total_events
  }

  async health(): Promise<Health> {
    return this.get('/health')
  }

  /** Asks until it is so. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    while (!await isSo()) await new Promise((resolve) => setImmediate(resolve))
  }

  /** What it has said about its clock, and how seriously. */
  get warnings(): string[] {
    const lines = this.#process.stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { level: number, msg: string })
    return lines.filter(({ level, msg }) => level === 40 && msg.includes('clock')).map(({ msg }) => msg)
  }

  async stop(): Promise<void> {
    this.#process.child.kill('SIGTERM')
    await this.#process.exit
  }
}

function eventsAt(time: number, count: number): Event[] {
  return Array.from({ length: count }, () => ({ event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date(time).toISOString() }))
}

t.test('glitches, starts ahead and behind, retries and restarts', { skip: preloadObstacle() ?? false }, async (t) => {
  const clock = new ProcessClock(makeFolder(t))
  t.teardown(() => clock.close())
  const directory = makeFolder(t)
  const events = eventsAt(clock.wall() - MINUTE, 100)

  let service = await new Service(t, clock, directory).ready()
  t.match(await service.send(events), { status: 200, receipt: { accepted: 100 } })
  const [doubtful] = eventsAt(clock.wall(), 1)
  clock.step(30 * DAY)
  const refused = await service.send([doubtful])
  t.match(refused, { status: 503, receipt: { code: 'all_unavailable', unavailable: 1, errors: [{ code: 'clock_unsettled' }] } })
  t.ok(refused.retryAfter > 0 && refused.retryAfter <= 60, `Retry-After: ${refused.retryAfter}`)
  t.equal(await service.total(), 100)
  t.match(await service.health(), { status: 'degraded', store: { clock: { right: false, detail: / s ahead of/ } } })
  t.ok(Math.abs(await service.metric('events_clock_difference_seconds') - 30 * 86_400) < 10)
  await service.until(async () => service.warnings.length > 0)
  clock.step(-30 * DAY)
  t.match(await service.send([doubtful]), { status: 200, receipt: { accepted: 1 } })
  t.match(await service.health(), { status: 'ok', store: { clock: { right: true } } })
  await service.until(async () => service.warnings.length > 1)
  t.match(service.warnings, [/ahead of/, /agree again/], 'one warning when it begins, one when it ends')
  await service.stop()

  clock.boot(MINUTE)
  clock.step(365 * DAY)
  service = await new Service(t, clock, directory).ready()
  t.match(await service.send(events), { status: 200, receipt: { duplicates: 100 } }, 'a start a year ahead')
  clock.pass(61 * MINUTE)
  await service.until(async () => (await service.send(events)).receipt.accepted === 100)
  await service.stop()

  clock.boot(MINUTE)
  clock.step(-365 * DAY)
  service = await new Service(t, clock, directory).ready()
  t.match(await service.send(eventsAt(clock.wall(), 1)), { status: 503, receipt: { errors: [{ code: 'clock_unsettled' }] } }, 'then one at the right time')
  t.match(await service.health(), { status: 'degraded', store: { clock: { detail: /behind/ } } })
  clock.pass(61_000)
  await service.until(async () => (await service.health()).status === 'ok')
  await service.until(async () => (await service.request('/health/ready')).ok)
  t.equal(await service.total(), 101, 'nothing is lost and nothing double')
  t.match(await service.send([...events, doubtful]), { status: 200, receipt: { duplicates: 101 } })
  t.match(await service.send(eventsAt(clock.wall(), 1)), { status: 200, receipt: { accepted: 1, late: 0 } })
  await service.stop()

  service = await new Service(t, clock, directory).ready()
  t.equal(await service.total(), 102)
  t.match(await service.health(), { status: 'ok' })
  t.same(service.warnings, [])
  await service.stop()
})
