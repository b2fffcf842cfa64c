/** `npm run crash -- 1000`: the crash test against the real server, over HTTP, with so many kills. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCrashes } from './crash-run.ts'

const kills = Number(process.argv[2] ?? 100)
if (!Number.isInteger(kills) || kills < 1) {
  process.stderr.write('Usage: npm run crash -- [kills]\n')
  process.exit(1)
}

const directory = mkdtempSync(join(tmpdir(), 'crash-'))
const started = performance.now()
try {
  const result = await runCrashes({
    directory,
    kills,
    progress: (done, { acknowledged }) => {
      if (done % 25 === 0) process.stderr.write(`${done} kills, ${acknowledged} events acknowledged, ${Math.round((performance.now() - started) / 1000)} s\n`)
    }
  })
  for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(18)} ${value}\n`)
  rmSync(directory, { recursive: true, force: true })
  process.stdout.write(`Every acknowledged event was there once, nothing twice, in ${Math.round((performance.now() - started) / 1000)} s.\n`)
} catch (error) {
  process.stderr.write(`${String(error)}\nThe journal is left in ${directory} to be looked at.\n`)
  process.exitCode = 1
}
