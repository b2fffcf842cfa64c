import t from 'tap'
import { makeFolder } from '../backends/journal/rig.ts'
import { runPowerLosses } from './power-loss-run.ts'
import { preloadObstacle } from './preload.ts'

const CUTS = 6

t.test('power loss at random moments: what was acknowledged is there, every start succeeds [STORE-1]', { skip: preloadObstacle() ?? false, timeout: 280_000 }, async (t) => {
  const seed = Date.now() % 1_000_000
  const { byKind, failures, failedSyncs } = await runPowerLosses({ cuts: CUTS, seed, folder: makeFolder(t) })
  t.comment(`seed ${seed}`, Object.fromEntries(byKind))
  t.same(failures, [], `seed ${seed}`)
  const tallies = [...byKind.values()]
  t.equal(tallies.reduce((sum, { cuts }) => sum + cuts, 0), CUTS)
  t.ok(tallies.some(({ promised }) => promised > 0), 'something was acknowledged before the cuts')
  t.ok(failedSyncs > 0, 'some syncs failed')
})
