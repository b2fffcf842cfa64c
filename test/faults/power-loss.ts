/** `npm run powerloss -- --cuts 500 --seed 1`: the power loss test, with a table of what came of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readNumbers } from '../../scripts/arguments.ts'
import { runPowerLosses } from './power-loss-run.ts'
import { preloadObstacle } from './preload.ts'
import { table } from './table.ts'

const TITLES = { cuts: 'cuts', promised: 'acknowledged', lost: 'lost', refused: 'refused', unpromised: 'there unanswered', epochs: 'new epochs' }

const { cuts, seed } = readNumbers('powerloss', { cuts: 500, seed: 1 })
const obstacle = preloadObstacle()
if (obstacle !== undefined) {
  process.stderr.write(`Power loss cannot be simulated here: ${obstacle}.\n`)
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'power-loss-'))
const started = performance.now()
let told = 0
const result = await runPowerLosses({
  cuts,
  seed,
  folder,
  progress: (done, failures) => {
    for (const failure of failures.slice(told)) process.stderr.write(`- ${failure}\n`)
    told = failures.length
    process.stderr.write(`${done} cuts, ${told} failures, ${Math.round((performance.now() - started) / 1000)} s\n`)
  }
})
const { starts, failedStarts, records, failedSyncs, failures } = result
process.stdout.write(`${starts} starts of the service (${failedStarts} refused because the disk failed just then), ${records} records, ${failedSyncs} failed syncs\n`)
process.stdout.write(table('what was not synced was', TITLES, result.byKind))
process.stdout.write(table('when', TITLES, result.bySituation))
process.stdout.write(`seed ${seed}, ${failures.length} failures\n`)
if (failures.length === 0) rmSync(folder, { recursive: true, force: true })
else process.exitCode = 1
