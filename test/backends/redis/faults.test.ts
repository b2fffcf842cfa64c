/** An engine that fails: what it touches is unavailable within two seconds, the rest goes on, and it recovers by itself. [STORE-3] */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { RedisProcess, redisObstacle } from '../../../cluster/redis-process.ts'
import type { Event, Receipt } from '../../../schemas/index.ts'
import type { Backend } from '../../../src/backends/backend.ts'
import { createRedisBackend, type RedisOptions, type RedisReport } from '../../../src/backends/redis/redis.ts'
import { PartitionHash } from '../../../src/backends/redis/keys.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'

interface Rig {
  backend: Backend
  reports: RedisReport[]
  send: (...events: Event[]) => Promise<Receipt>
}

async function open(t: Test, server: RedisProcess, options: Partial<RedisOptions> = {}): Promise<Rig> {
  const reports: RedisReport[] = []
  const backend = await createRedisBackend({
    nodes: [server.node], wait: 0, prefix: 'faults', partitions: 4, logBytes: 1 << 24, report: (report) => reports.push(report), ...options
  })
  t.teardown(() => backend.store.close())
  const ingest = createIngest({ store: backend.store, maxEvents: 1000 })
  return { backend, reports, send: (...events) => ingest(Buffer.from(JSON.stringify(events)), 'json') }
}

async function start(t: Test, ...args: string[]): Promise<RedisProcess> {
  const server = await RedisProcess.start(...args)
  t.teardown(() => server.remove())
  return server
}

function event(fields: Partial<Event> = {}): Event {
  return { event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date().toISOString(), ...fields }
}

/** Sends the same events until all are taken, and lets time pass for the store as its owner does. */
async function sendUntilTaken({ backend, send }: Rig, ...events: Event[]): Promise<Receipt> {
  for (;;) {
    backend.store.maintain()
    const receipt = await send(...events)
    if (receipt.unavailable === 0) return receipt
    await delay(50)
  }
}

async function ready({ backend }: Rig): Promise<void> {
  while (!backend.store.readiness().ready) {
    backend.store.maintain()
    await delay(50)
  }
}

async function run(): Promise<void> {
  t.test('an engine that is killed and comes back with its append-only file has everything [STORE-1]', async (t) => {
    const server = await start(t, '--appendonly', 'yes', '--appendfsync', 'always')
    const rig = await open(t, server)
    const first = event()
    t.match(await rig.send(first), { accepted: 1 })
    const { cursor } = await rig.backend.store.locate()
    await server.stop()
    const second = event()
    t.match(await rig.send(second), { accepted: 0, unavailable: 1, errors: [{ code: 'storage_unavailable' }] })
    t.notOk(rig.backend.store.readiness().ready)
    await t.rejects(rig.backend.aggregator.summary('1h'), { name: 'StorageUnavailableError' })
    await server.run()
    t.equal((await sendUntilTaken(rig, first, second)).duplicates > 0, true)
    await ready(rig)
    t.match(await rig.backend.aggregator.summary('1h'), { total_events: 2 })
    t.match(await rig.backend.store.locate(cursor), { recovered: true })
    t.match(rig.reports.filter(({ type }) => type !== 'warning').map(({ type }) => type), ['failed', 'recovered'], 'said once each')
  })

  t.test('an engine that stands still is given up in time, and nothing counts twice', async (t) => {
    const server = await start(t)
    const rig = await open(t, server)
    const sent = [event(), event({ user_id: 'bob' })]
    server.kill('SIGSTOP')
    t.match(await rig.send(...sent), { unavailable: 2 })
    server.kill('SIGCONT')
    const receipt = await sendUntilTaken(rig, ...sent)
    t.equal(receipt.accepted + receipt.duplicates, 2)
    t.match(await rig.backend.aggregator.summary('1h'), { total_events: 2, unique_users: 2 })
  })

  t.test('an engine that comes back empty begins a new history: old cursors are lost, new events count', async (t) => {
    const server = await start(t)
    const rig = await open(t, server)
    await rig.send(event(), event())
    const { cursor } = await rig.backend.store.locate()
    await server.stop()
    await server.run()
    await sendUntilTaken(rig, event())
    t.match(await rig.backend.store.locate(cursor), { recovered: false, lost: { reason: 'other_history' } })
    await t.rejects(rig.backend.store.read(cursor, {}, { events: 10, bytes: 1000 }), { name: 'LostCursorError' })
    t.match(await rig.backend.aggregator.summary('1h'), { total_events: 1 })
    const here = await rig.backend.store.locate()
    await rig.send(event())
    t.equal((await rig.backend.store.read(here.cursor, {}, { events: 10, bytes: 1000 })).count, 1)
  })

  t.test('an engine without room refuses events with storage_full, and goes on reading', async (t) => {
    const server = await start(t, '--maxmemory', '6mb')
    const rig = await open(t, server, { logBytes: 1 << 28 })
    const page = 'x'.repeat(30_000)
    let accepted = 0
    let receipt = await rig.send(event())
    for (; receipt.unavailable === 0; receipt = await rig.send(event({ properties: { page } }))) accepted++
    t.match(receipt.errors, [{ code: 'storage_full' }])
    t.match(rig.backend.store.readiness(), { ready: false, detail: /full/ })
    t.match(await rig.backend.aggregator.summary('1h'), { total_events: accepted })
    const client = server.connect()
    await client.config('SET', 'maxmemory', '64mb')
    client.disconnect()
    t.match(await sendUntilTaken(rig, event()), { accepted: 1 })
  })

  t.test('an id whose claim was never used is free again for another user once its request can no longer count', async (t) => {
    const server = await start(t)
    let now = Date.UTC(2026, 10, 23, 14)
    const clock = () => now
    const rig = await open(t, server, { wall: clock })
    const stamp = () => new Date(now).toISOString()
    const mine = event({ timestamp: stamp() })
    // The claim stands, and the event of its user never came: as if the replica had died between the two.
    await rig.send(mine)
    const client = server.connect()
    t.teardown(() => client.disconnect())
    for (const key of await client.keys('faults:*:d*')) await client.del(key)
    const hash = new PartitionHash(Buffer.from(await client.hget('faults:{meta}', 'secret') ?? '', 'hex'), 4)
    const user = Array.from({ length: 100 }, (_, i) => `user ${i}`).find((name) => hash.partitionOf(name) !== hash.partitionOf('ada'))
    const other = event({ event_id: mine.event_id, user_id: user, timestamp: stamp() })
    t.match(await rig.send(other), { unavailable: 1 }, 'not while that request might still come')
    now += 60_000
    t.match(await rig.send(other), { accepted: 1 })
    t.match(await rig.send(other, mine), { duplicates: 2 }, 'once')
  })

  t.test('what cannot work is refused at the start, with what to do', async (t) => {
    const server = await start(t, '--requirepass', 'secret word')
    const password = { password: 'secret word' }
    await open(t, server, password)
    await t.rejects(open(t, server, { ...password, partitions: 8 }), { name: 'RefusedError', message: /have 4 partitions, and REDIS_PARTITIONS is 8/ })
    const client = server.connect('secret word')
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
    await t.rejects(open(t, server, password), { name: 'RefusedError', message: /noeviction/ })
    client.disconnect()
    const refusal = await open(t, server, { password: 'wrong words' }).then(() => undefined, (error: Error) => error)
    t.equal(refusal?.name, 'RefusedError')
    t.notMatch(refusal?.message, /wrong words/)
    await server.stop()
    await t.rejects(open(t, server, password), { name: 'RefusedError', message: /No node of REDIS_NODES/ })
  })

  t.test('missing persistence and replicas are warned of', async (t) => {
    const { reports } = await open(t, await start(t))
    t.match(reports.map((report) => 'detail' in report ? report.detail : ''), [/append-only/, /no replica/])
  })
}

const obstacle = redisObstacle()
if (obstacle === undefined) await run()
else t.plan(0, obstacle)
