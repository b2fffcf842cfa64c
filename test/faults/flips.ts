/** `npm run flips -- --flips 10000 --seed 1`: the bit flip test, with a table of what came of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readNumbers } from '../../scripts/arguments.ts'
import { runFlips } from './flips-run.ts'
import { table } from './table.ts'

const ROWS = 400

const { flips, seed } = readNumbers('flips', { flips: 10_000, seed: 1 })
const folder = mkdtempSync(join(tmpdir(), 'flips-'))
const started = performance.now()
const seconds = (): number => Math.round((performance.now() - started) / 1000)
try {
  const { byFile, failures } = await runFlips({
    flips,
    seed,
    rows: ROWS,
    folder,
    progress: (done, { length }) => process.stderr.write(`${done} flips, ${length} wrong, ${seconds()} s\n`)
  })
  process.stdout.write(table('one bit flipped in', {
    flips: 'flips', right: 'right', refused: 'refused', unsaved: 'rows not saved', leftOut: 'said', epochs: 'new epochs', rows: 'rows left out', wrong: 'wrong'
  }, byFile))
  process.stdout.write(`seed ${seed}, ${failures.length} wrong, ${seconds()} s\n`)
  for (const failure of failures.slice(0, 50)) process.stdout.write(`- ${failure}\n`)
  if (failures.length > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
