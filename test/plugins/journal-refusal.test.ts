/** A journal that turns out to be damaged while it is being read: one line, exit 1, no stack. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { Journal, makeFolder } from '../backends/journal/rig.ts'
import { TestClock } from '../backends/test-clock.ts'
import { ServerProcess } from '../server-process.ts'

t.test('a damaged row ends the start with one line that says what to do', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory, { clock: new TestClock(Date.now()) })
  await journal.send(...journal.events(3))
  await journal.close()
  const db = new DatabaseSync(join(directory, 'events.db'))
  db.exec('UPDATE rows SET wall = wall + 1')
  db.close()
  const server = new ServerProcess(t, { STORE: 'journal', DATA_DIR: directory })
  t.equal(await server.exit, 1)
  t.match(server.stderr, /^\S*events\.db is damaged: the row of events 0 to 2 is not what was written\. Put a backup in its place[^\n]*\n$/)
})

t.test('a folder that cannot be made is refused at once', async (t) => {
  const server = new ServerProcess(t, { STORE: 'journal', DATA_DIR: '/proc/x' })
  t.equal(await server.exit, 1)
  t.match(server.stderr, /^The journal in \/proc\/x cannot be opened[^\n]*\n$/)
})
