/**
 * `npm run salvage -- <damaged folder> <new folder>`: copies what is intact of a stopped journal to a new folder, and says which
 * events are gone. The damaged folder is only read.
 */
import { parseArgs } from 'node:util'
import { RefusedError } from './backends/backend.ts'
import { salvageJournal, type Gone, type Salvage } from './backends/journal/salvage/salvage.ts'

const HOUR = 3_600_000

const USAGE = 'Usage: npm run salvage -- <damaged folder> <new folder>'

/** What a person is told. */
function report({ rows, events, gone, isFirstKnown, isEndKnown }: Salvage, to: string): string {
  const lines = [`${eventsOf(events)} in ${rows} rows were copied to ${to}.`]
  const missing = gone.reduce((sum, gap) => sum + gap.to - gap.from, 0)
  lines.push(missing === 0 ? 'None is known to be gone.' : `${eventsOf(missing)} ${missing === 1 ? 'is' : 'are'} gone:`)
  for (const gap of gone) lines.push(`- ${positionsOf(gap)}, arrived ${timesOf(gap)}`)
  if (missing > 0) lines.push(`Hours that are not complete (UTC): ${hoursOf(gone).join(', ')}`)
  if (!isFirstKnown) lines.push('Whether there were events before the first one cannot be told.')
  if (!isEndKnown) lines.push('Whether there were events after the last one cannot be told.')
  lines.push(`Start the service with DATA_DIR=${to}. It begins a new history, and cursors of the old one are answered as lost.`)
  return `${lines.join('\n')}\n`
}

function positionsOf({ from, to }: Gone): string {
  return to - from === 1 ? `position ${from} (1 event)` : `positions ${from} to ${to - 1} (${to - from} events)`
}

function eventsOf(count: number): string {
  return count === 1 ? '1 event' : `${count} events`
}

function timesOf({ before, after }: Gone): string {
  if (before === undefined && after === undefined) return 'at times that are not known'
  if (before === undefined) return `not after ${timeOf(after!)}`
  return after === undefined ? `not before ${timeOf(before)}` : `between ${timeOf(before)} and ${timeOf(after)}`
}

/** The hours in which the gaps may lie, each once, as ranges. */
function hoursOf(gone: readonly Gone[]): string[] {
  const ranges: [number, number][] = []
  for (const { before = -Infinity, after = Infinity } of gone) {
    const [first, last] = [Math.floor(before / HOUR), Math.floor(after / HOUR)]
    const newest = ranges.at(-1)
    if (newest !== undefined && first <= newest[1] + 1) newest[1] = Math.max(newest[1], last)
    else ranges.push([first, last])
  }
  return ranges.map(([first, last]) => {
    if (first === -Infinity) return last === Infinity ? 'any' : `up to ${hourOf(last)}`
    if (last === Infinity) return `from ${hourOf(first)} on`
    return first === last ? hourOf(first) : `${hourOf(first)} to ${hourOf(last)}`
  })
}

function hourOf(hour: number): string {
  return timeOf(hour * HOUR).slice(0, 13)
}

function timeOf(wall: number): string {
  return new Date(wall).toISOString()
}

try {
  const { positionals: [from, to, ...rest] } = parseArgs({ allowPositionals: true })
  if (to === undefined || rest.length > 0) throw new RefusedError(USAGE)
  process.stdout.write(report(salvageJournal(from, to), to))
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  if (!(error instanceof RefusedError) && code === undefined) throw error
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}
