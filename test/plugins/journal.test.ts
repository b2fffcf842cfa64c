import { execFile } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createLogger } from '../../src/logger.ts'
import { Journal, makeFolder } from '../backends/journal/rig.ts'
import { anEvent, LogLines, post, startApp } from '../harness.ts'

const SERVER = join(import.meta.dirname, '..', '..', 'src', 'server.ts')

/** Starts the service on a folder that it cannot use; resolves with how it ends. */
function startInVain(directory: string, user: { uid?: number, gid?: number } = {}): Promise<{ code: number | string | null | undefined, stderr: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, STORE: 'journal', DATA_DIR: directory, PORT: '0' }
    execFile(process.execPath, [SERVER], { env, timeout: 20_000, ...user }, (error, _stdout, stderr) => resolve({ code: error?.code, stderr }))
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

// That it is not ready meanwhile, and what is answered then, is tried where nothing races: restart.test.ts and health.test.ts.
t.test('reads the journal again in the background, says so, and is ready afterwards', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  for (let i = 0; i < 12; i++) await journal.send(...journal.events(5000))
  await journal.close()
  const log = new LogLines()
  const app = await startApp(t, { STORE: 'journal', DATA_DIR: directory, USER_CAPACITY: '100' }, { logger: await createLogger('info', log) })
  t.equal((await app.inject('/health/live')).statusCode, 200)
  t.match(await log.find(/reading the journal/), { total: 60_000 })
  t.match(await log.find(/journal has been read/), { events: 60_000 })
  t.equal((await app.inject('/health/ready')).statusCode, 200)
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
  // That user can't write what the test runner and coverage collect either, which they say behind it.
  t.match(refused.stderr.split('\n')[0], /^(The lock .* cannot be taken|The journal in .* cannot be opened): .*$/)
})
