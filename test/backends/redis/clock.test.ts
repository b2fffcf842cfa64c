/** A master whose clock is wrong: now is the median of the masters' clocks, so nothing is late, early or counted twice. [TIME-3] */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { RedisCluster } from '../../../cluster/redis-cluster.ts'
import { redisObstacle } from '../../../cluster/redis-process.ts'
import type { Event } from '../../../schemas/index.ts'
import { createRedisBackend, type RedisReport } from '../../../src/backends/redis/redis.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'
import { preloadObstacle } from '../../faults/preload.ts'
import { ProcessClock } from '../../faults/process-clock.ts'

const HOUR = 3_600_000

t.test('the clock of one master is set an hour forward, and back again', { skip: redisObstacle() ?? preloadObstacle() }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'clock-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const clock = new ProcessClock(folder)
  const cluster = await RedisCluster.start({ masters: 3, replicas: 0, env: clock.env })
  t.teardown(() => cluster.remove())
  const reports: RedisReport[] = []
  const { store, aggregator } = await createRedisBackend({
    nodes: cluster.addresses, wait: 0, prefix: 'clock', partitions: 16, logBytes: 1 << 24, report: (report) => reports.push(report)
  })
  t.teardown(() => store.close())
  const ingest = createIngest({ store, maxEvents: 1000 })
  const send = (events: readonly Event[]) => ingest(Buffer.from(JSON.stringify(events)), 'json')
  // Of a hundred users, so in every partition and on every master.
  const events = (age: number): Event[] => Array.from({ length: 100 }, (_, i) => ({
    event_id: randomUUID(), user_id: `user ${i}`, event_type: 'click', timestamp: new Date(Date.now() - age).toISOString()
  }))
  const isReported = (): boolean => reports.some((report) => report.type === 'warning' && /^the clock of .* is 3\d{3} s off/.test(report.detail))

  const first = events(0)
  t.match(await send(first), { accepted: 100 })
  clock.step(HOUR)
  const second = events(59 * 60_000)
  t.match(await send(second), { accepted: 100, late: 0 }, 'still within the last hour')
  t.match(await send([...first, ...second]), { duplicates: 200 })
  t.match(await send(events(-10 * 60_000)), { rejected: 100, errors: [{ code: 'timestamp_in_future' }] })
  t.match(await aggregator.summary('1h'), { total_events: 200, unique_users: 100 })
  t.ok(Math.abs(store.now() - Date.now()) < 60_000, 'now is the time of the others')
  while (!isReported()) {
    store.maintain()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.ok(store.readiness().ready)
  clock.step(-HOUR)
  t.match(await send([...first, ...second]), { duplicates: 200 })
  t.match(await aggregator.summary('1h'), { total_events: 200, unique_users: 100 })
})
