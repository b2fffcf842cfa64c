import t from 'tap'
import { makeFolder } from '../backends/journal/rig.ts'
import { runFlips } from './flips-run.ts'

const FLIPS = 200
/** With fewer, all pages of the file are in the write-ahead log as well, and a flip in the file hits nothing. */
const ROWS = 150

t.test('a flipped bit in any file: right answers, a refusal, or a line and a new epoch', { timeout: 280_000 }, async (t) => {
  const seed = Date.now() % 1_000_000
  const { byFile, failures } = await runFlips({ flips: FLIPS, seed, rows: ROWS, folder: makeFolder(t) })
  t.comment(`seed ${seed}`, Object.fromEntries(byFile))
  t.same(failures, [], `seed ${seed}`)
  const tallies = [...byFile.values()]
  t.equal(tallies.reduce((sum, { right, refused, leftOut }) => sum + right + refused + leftOut, 0), FLIPS)
  t.ok(tallies.some(({ refused }) => refused > 0), 'some were refused, and salvaged')
  t.ok((byFile.get('events.db')?.flips ?? 0) > 20 && (byFile.get('events.db-wal')?.flips ?? 0) > 20)
})
