import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { Journal, makeFolder } from '../backends/journal/rig.ts'

const MIB = 1 << 20

/** What the write-ahead log may grow to while nobody else reads, in bytes. */
const LOG_LIMIT = 64 * MIB

/** Written after the restart, in bytes: at least ten times what a checkpoint waits for. */
const VOLUME = 100 * MIB

t.test('after a restart the write-ahead log is still copied into the file, whatever is sent [STORE-1]', { timeout: 280_000 }, async (t) => {
  const directory = makeFolder(t)
  const size = (name: string): number => statSync(join(directory, name)).size
  const first = await Journal.open(t, directory)
  for (let i = 0; i < 20; i++) await first.send(...first.events(1000))
  await first.close()
  const journal = await Journal.open(t, directory, { clock: first.clock })

  // Right after the replay nothing of it stands in the way of a checkpoint.
  await journal.send(journal.event())
  const db = new DatabaseSync(join(directory, 'events.db'))
  t.match({ ...db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() }, { busy: 0 })
  db.close()
  t.equal(size('events.db-wal'), 0)

  const properties = { page: 'x'.repeat(1000) }
  let longest = 0
  let sent = 0
  for (let bytes = 0; bytes < VOLUME; sent += 1000) {
    await journal.send(...journal.events(1000, { properties }))
    bytes += 1_150_000
    longest = Math.max(longest, size('events.db-wal'))
  }
  // A commit of one event writes whole pages all the same.
  for (let i = 0; i < 1500; i++) await journal.send(journal.event())
  longest = Math.max(longest, size('events.db-wal'))
  t.ok(longest < LOG_LIMIT, `the write-ahead log grew to ${longest} bytes`)
  t.ok(size('events.db') > VOLUME, `the file has ${size('events.db')} bytes`)
  t.equal(await journal.total(), 20_000 + 1 + sent + 1500)
})
