import t from 'tap'
import { makeFolder } from '../backends/journal/rig.ts'
import { runCrashes } from './crash-run.ts'

const KILLS = 3

t.setTimeout(290_000)

t.test('SIGKILL at random moments: every acknowledged event is there once, nothing twice [STORE-1] [DEDUP-3]', { timeout: 280_000 }, async (t) => {
  const result = await runCrashes({ directory: makeFolder(t), kills: KILLS })
  t.comment(result)
  t.equal(result.kills, KILLS)
  t.ok(result.acknowledged > 2 * result.kills, 'some were acknowledged')
  t.ok(result.unanswered > 0, 'and some were on their way when it was killed')
  t.equal(result.read, result.sent)
})
