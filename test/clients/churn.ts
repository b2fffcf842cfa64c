/** `npm run churn -- --minutes 2`: the client, in Node and in a browser, under a service that is killed and connections that are cut. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchChromium, noChromium } from '../compat/chromium.ts'
import { readNumbers } from '../../scripts/arguments.ts'
import { table } from '../faults/table.ts'
import { runChurn, type ClientRow } from './churn-run.ts'

/** Events a second of each client, and seconds of them between two kills. */
const RATE = 200
const LIFE = 2

const TITLES: Record<keyof ClientRow, string> = {
  sent: 'sent',
  accepted: 'accepted',
  duplicates: 'duplicates',
  dropped: 'dropped',
  seen: 'seen',
  missing: 'missing',
  twice: 'twice',
  misplaced: 'misplaced',
  gaps: 'gaps',
  connections: 'connections',
  counted: 'counted'
}

const { minutes } = readNumbers('churn', { minutes: 2 })

process.once('SIGINT', () => process.exit(1)).once('SIGTERM', () => process.exit(1))
const directory = mkdtempSync(join(tmpdir(), 'churn-'))
const browser = noChromium === false ? await launchChromium() : undefined
if (noChromium !== false) process.stderr.write(`${noChromium}; Node alone\n`)
const started = performance.now()
try {
  const { clients, ...run } = await runChurn({
    directory,
    rate: RATE,
    count: Math.round(minutes * 60 * RATE),
    killEvery: RATE * LIFE,
    browser,
    progress: (kills, answered) => process.stderr.write(`${kills} kills, ${answered} answered in Node, ${Math.round((performance.now() - started) / 1000)} s\n`)
  })
  process.stdout.write(`${table('client', TITLES, clients)}\n${run.kills} kills, ${run.cuts} cuts; ${run.sent} events sent, ${run.counted} counted, ${run.kept} kept; ` +
    `${Math.round((performance.now() - started) / 1000)} s\n`)
  const isRight = run.counted === run.sent && run.kept === run.sent && [...clients.values()].every(({ missing, twice, misplaced, gaps, dropped, counted }) =>
    missing + twice + misplaced + gaps + dropped === 0 && counted === run.sent)
  process.stdout.write(isRight ? 'Every event counted once; every subscriber saw each once and in order.\n' : 'That is not right.\n')
  process.exitCode = isRight ? 0 : 1
} finally {
  await browser?.close()
  rmSync(directory, { recursive: true, force: true })
}
