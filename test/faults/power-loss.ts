/** `npm run powerloss -- --cuts 500 --seed 1`: the power loss test, with a table of what came of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runPowerLosses, type Tally } from './power-loss-run.ts'
import { preloadObstacle } from './preload.ts'

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function readNumber(text: string, name: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) fail(`--${name} must be a whole number from 1\nUsage: npm run powerloss -- [--cuts 500] [--seed 1]`)
  return number
}

/** A table with a heading, one row for each of some cases. */
function printTable(heading: string, rows: ReadonlyMap<string, Tally>): void {
  const titles = { cuts: 'cuts', promised: 'acknowledged', lost: 'lost', refused: 'refused', unpromised: 'there unanswered', epochs: 'new epochs' }
  const names = Object.keys(titles) as (keyof Tally)[]
  process.stdout.write(`\n${heading.padEnd(32)}${names.map((name) => titles[name].padStart(18)).join('')}\n`)
  for (const [row, tally] of rows) {
    if (tally.cuts > 0) process.stdout.write(`${row.padEnd(32)}${names.map((name) => String(tally[name]).padStart(18)).join('')}\n`)
  }
}

const { values } = parseArgs({ options: { cuts: { type: 'string', default: '500' }, seed: { type: 'string', default: '1' } } })
const cuts = readNumber(values.cuts, 'cuts')
const seed = readNumber(values.seed, 'seed')
const obstacle = preloadObstacle()
if (obstacle !== undefined) fail(`Power loss cannot be simulated here: ${obstacle}.`)

const folder = mkdtempSync(join(tmpdir(), 'power-loss-'))
const started = performance.now()
const result = await runPowerLosses({
  cuts,
  seed,
  folder,
  progress: (done, failures) => process.stderr.write(`${done} cuts, ${failures.length} failures, ${Math.round((performance.now() - started) / 1000)} s\n`)
})
const { starts, failedStarts, records, failedSyncs, failures } = result
process.stdout.write(`${starts} starts of the service (${failedStarts} refused because the disk failed just then), ${records} records, ${failedSyncs} failed syncs\n`)
printTable('what was not synced was', result.byKind)
printTable('when', result.bySituation)
process.stdout.write(`\nseed ${seed}, ${failures.length} failures\n`)
for (const failure of failures) process.stdout.write(`- ${failure}\n`)
if (failures.length === 0) rmSync(folder, { recursive: true, force: true })
else process.exitCode = 1
