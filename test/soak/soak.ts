/** `npm run soak -- --minutes 10`: the soak, with a line for each sample. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readNumbers } from '../../scripts/arguments.ts'
import { runSoak, type Sample } from './soak-run.ts'

const { minutes } = readNumbers('soak', { minutes: 10 })
const folder = mkdtempSync(join(tmpdir(), 'soak-'))

const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`

function line({ seconds, sent, memory, descriptors, file, log }: Sample): string {
  const perEvent = `${Math.round(file / Math.max(1, sent))} bytes an event`
  const cells = [`${seconds} s`, `${sent} sent`, `memory ${mib(memory)}`, `${descriptors} descriptors`, `events.db ${mib(file)}`, perEvent, `WAL ${mib(log)}`]
  return `${cells.map((cell) => cell.padStart(20)).join('')}\n`
}

try {
  const { samples, ...result } = await runSoak({
    directory: join(folder, 'data'), milliseconds: 60_000 * minutes, progress: (sample) => process.stdout.write(line(sample))
  })
  for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(16)} ${String(value)}\n`)
  process.stdout.write('Sent, acknowledged, counted and streamed are the same events; memory, descriptors and files are flat.\n')
  rmSync(folder, { recursive: true, force: true })
} catch (error) {
  process.stderr.write(`${String(error)}\nThe journal is left in ${folder}.\n`)
  process.exitCode = 1
}
