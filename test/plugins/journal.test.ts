import { execFile } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createLogger } from '../../src/logger.ts'
import { ReplayGate } from '../backends/journal/replay-gate.ts'
import { Journal, makeFolder } from '../backends/journal/rig.ts'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, checkProblem, LogLines, post, startApp } from '../harness.ts'

const SERVER = join(import.meta.dirname, '..', '..', 'src', 'server.ts')

/**
 * Starts the service on a folder that it cannot use; resolves with how it ends. `env` takes away what test runners and
 * coverage add to any child's environment, because where they cannot write either, they say so on standard error.
 */
function startInVain(directory: string, user: { uid?: number, gid?: number } = {}): Promise<{ code: number | string | null | undefined, stderr: string }> {
  return new Promise((resolve) => {
    const command = ['-i', 'STORE=journal', `DATA_DIR=${directory}`, 'PORT=0', process.execPath, SERVER]
    execFile('env', command, { timeout: 20_000, ...user }, (error, _stdout, stderr) => resolve({ code: error?.code, stderr }))
  })
}

t.test('STORE=journal keeps events in DATA_DIR', async (t) => {
  const env = { STORE: 'journal', DATA_DIR: join(makeFolder(t), 'made', 'by it') }
  const first = await startApp(t, env)
  const event = anEvent()
  t.match((await post(first, [event])).json(), { accepted: 1 })
  t.match((await first.inject('/health')).json(), { store: { kind: 'journal', ids: 1 } })
  t.ok(statSync(join(env.DATA_DIR, 'events.db')).size > 0)
  await first.close()
  const log = new LogLines()
  const second = await startApp(t, env, { logger: await createLogger('info', log) })
  t.match(await log.find(/journal has been read/), { events: 1 })
  t.match((await post(second, [event])).json(), { duplicates: 1 })
  t.match((await second.inject('/analytics/summary')).json(), { total_events: 1 })
})

t.test('not ready until everything has been read, and says how far it is', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory, { clock: new TestClock(Date.now()) })
  for (let i = 0; i < 12; i++) await journal.send(...journal.events(5000))
  await journal.close()
  const log = new LogLines()
  const gate = new ReplayGate()
  const app = await startApp(t, { STORE: 'journal', DATA_DIR: directory, USER_CAPACITY: '100' }, {
    logger: await createLogger('info', log), journalThread: gate.thread
  })
  t.teardown(() => gate.open())
  const { events } = await log.find(/reading the journal/)
  const [ready, live, summary] = await Promise.all([app.inject('/health/ready'), app.inject('/health/live'), app.inject('/analytics/summary')])
  t.equal(checkProblem(t, ready, 'not_ready').detail, `the journal is being read: ${events} of 60000 events`)
  t.ok(events as number > 0)
  t.equal(ready.headers['retry-after'], '1')
  t.equal(live.statusCode, 200)
  checkProblem(t, summary, 'storage_unavailable')
  t.match((await post(app, [anEvent()])).json(), { code: 'all_unavailable', unavailable: 1 })
  gate.open()
  t.match(await log.find(/journal has been read/), { events: 60_000 })
  t.equal((await app.inject('/health/ready')).statusCode, 200)
  t.match((await app.inject('/analytics/summary')).json(), { total_events: 60_000 })
})

t.test('a journal that cannot be used: one clear line, exit code 1', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  const taken = await startInVain(directory)
  t.equal(taken.code, 1)
  t.equal(taken.stderr, `Another process uses the journal in ${directory}. Stop it, or set DATA_DIR to another folder.\n`)
  await journal.close()

  const readOnly = makeFolder(t)
  chmodSync(readOnly, 0o555)
  // Permissions do not bind root, so root becomes somebody else.
  const refused = await startInVain(readOnly, process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {})
  t.equal(refused.code, 1)
  t.match(refused.stderr, /^(The lock .* cannot be taken|The journal in .* cannot be opened): .*\n$/)
})
