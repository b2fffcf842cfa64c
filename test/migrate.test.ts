/** Moving from a journal to a cluster: every event is counted there once, however often it is tried. [DEDUP-1] */
import t from 'tap'
import { RedisProcess, redisObstacle } from '../cluster/redis-process.ts'
import { storedBatches } from '../src/backends/journal/stored-batches.ts'
import { createRedisBackend } from '../src/backends/redis/redis.ts'
import { createIngest } from '../src/ingest/ingest.ts'
import { migrate } from '../src/migrate.ts'
import { Journal, makeFolder } from './backends/journal/rig.ts'
import { TestClock } from './backends/test-clock.ts'

t.test('a journal moves to a cluster without losing or doubling counts', { skip: redisObstacle() }, async (t) => {
  const directory = makeFolder(t)
  const clock = new TestClock(Date.now())
  const journal = await Journal.open(t, directory, { clock })
  const events = ['ada', 'bob', 'cyd'].flatMap((user_id) => journal.events(300, { user_id }))
  await journal.send(...events)
  const before = await journal.backend.aggregator.summary('24h')
  t.throws(() => storedBatches(directory, 0).next(), { name: 'RefusedError', message: /Another process uses/ })
  await journal.close()

  const server = await RedisProcess.start()
  t.teardown(() => server.remove())
  const backend = await createRedisBackend({ nodes: [server.node], wait: 0, prefix: 'moved', partitions: 4, logBytes: 1 << 24 })
  t.teardown(() => backend.store.close())
  // One event has come to the cluster already.
  await createIngest({ store: backend.store, maxEvents: 10 })(Buffer.from(JSON.stringify([events[5]])), 'json')
  t.same(await migrate(backend, storedBatches(directory, 0)), { counted: 899, duplicates: 1 })
  t.same(await migrate(backend, storedBatches(directory, 0)), { counted: 0, duplicates: 900 }, 'safe to repeat')
  const after = await backend.aggregator.summary('24h')
  t.match(after, { total_events: 900, unique_users: 3, events_by_type: before.events_by_type })
  t.equal(await (await Journal.open(t, directory, { clock })).total(), 900, 'and the journal is as it was')
})
