import t from 'tap'
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { createLogger } from '../../src/logger.ts'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, forgetIds, LogLines, post, startApp } from '../harness.ts'

t.test('the store is looked after in silence, warns once, and is closed with the application', async (t) => {
  const clock = new TestClock(Date.now())
  const backend = createMemoryBackend({ clock, dedupCapacity: 2, userCapacity: 10, logBytes: 1 << 20 })
  const { store } = backend
  let rounds = 0
  let closed = 0
  let wake: () => void = () => {}
  t.intercept(store, 'maintain', { value: () => { rounds++; wake() } })
  const { close } = store
  t.intercept(store, 'close', { value: () => { closed++; return close.call(store) } })
  const nextRound = () => new Promise<void>((resolve) => { wake = resolve })

  const log = new LogLines()
  const app = await startApp(t, {}, { backend, logger: await createLogger('warn', log) })
  await nextRound()
  t.ok(rounds > 0)
  t.same(log.lines, [])

  await forgetIds(app, clock)
  t.match(await log.find(/DEDUP_CAPACITY/), { level: 40, exact: false })
  await nextRound()
  await nextRound()
  t.equal(log.lines.length, 1, 'one warning')

  t.equal(closed, 0)
  await app.close()
  t.equal(closed, 1)
})

t.test('the capacities are those of the settings', async (t) => {
  const app = await startApp(t, { DEDUP_CAPACITY: '123456', USER_CAPACITY: '2345', EVENT_LOG_BYTES: '3456789' })
  await post(app, anEvent())
  t.match(app.store.health(), { log_capacity_bytes: 3456789, user_capacity: 2345, ids: 1 })
  t.ok(app.store.health().id_capacity >= 123456)
})
