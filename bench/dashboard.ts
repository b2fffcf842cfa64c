/**
 * `npm run bench:dashboard`: a real Chromium shows the dashboard while 5,000 events a second come in. Prints how long the
 * tasks of the page's main thread took, by the wall clock and by the processor's time, and what the page costs in all.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { seededRandom } from '../demo/random.ts'
import { Traffic } from '../demo/traffic.ts'

/** Events a second, milliseconds between two batches, and seconds that are measured. */
const RATE = 5000
const PACE = 50
const SECONDS = 10

/** Milliseconds after which a task is felt. */
const LONG = 50

/** As much of a trace as is looked at; times are microseconds. */
interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  dur?: number
  tdur?: number
  args: { name?: string }
}

/** What the tasks of the busiest page took, in milliseconds. */
function tasksOf(trace: readonly TraceEvent[], measure: 'dur' | 'tdur'): number[] {
  const mains = new Set(trace.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`))
  const byThread = new Map<string, number[]>()
  for (const { name, ph, pid, tid, [measure]: time } of trace) {
    const thread = `${pid} ${tid}`
    if (ph !== 'X' || !name.endsWith('RunTask') || !mains.has(thread) || time === undefined) continue
    if (!byThread.has(thread)) byThread.set(thread, [])
    byThread.get(thread)!.push(time / 1000)
  }
  return [...byThread.values()].sort((a, b) => b.length - a.length)[0].sort((a, b) => a - b)
}

function describe(tasks: readonly number[]): string {
  const at = (share: number) => tasks[Math.min(tasks.length - 1, Math.floor(share * tasks.length))].toFixed(1)
  const busy = tasks.reduce((sum, time) => sum + time, 0) / SECONDS / 10
  return `99 % under ${at(0.99)} ms, 99.9 % under ${at(0.999)} ms, longest ${at(1)} ms, ${tasks.filter((time) => time > LONG).length} over ${LONG} ms; ${busy.toFixed(1)} % busy`
}

const service = spawn(process.execPath, [join(import.meta.dirname, '..', 'src', 'server.ts')], { env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
const port = await new Promise<string>((resolve) => {
  let text = ''
  service.stdout.on('data', (data) => {
    text += data
    const found = /listening at http:\/\/[\d.]+:(\d+)/.exec(text)
    if (found !== null) resolve(found[1])
  })
})
const url = `http://localhost:${port}/`
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu'] })
const folder = mkdtempSync(join(tmpdir(), 'bench-dashboard-'))
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } })
  await page.goto(url)
  const traffic = new Traffic(seededRandom(1), randomUUID)
  let sent = 0
  const send = async (until: number) => {
    const start = performance.now()
    for (let count = 0; performance.now() < until; await sleep(PACE)) {
      const due = Math.floor((performance.now() - start) * RATE / 1000) - count
      const events = Array.from({ length: Math.min(due, 5000) }, () => traffic.next(new Date()))
      count += due
      sent += events.length
      if (events.length > 0) await fetch(`${url}events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events) })
    }
  }
  await send(performance.now() + 5000) // compiled and warm
  await browser.startTracing(page, { path: join(folder, 'trace.json'), categories: ['toplevel', '__metadata'] })
  const before = sent
  await send(performance.now() + SECONDS * 1000)
  const measured = sent - before
  const trace = JSON.parse(String(await browser.stopTracing())) as { traceEvents: TraceEvent[] }
  console.log(`${Math.round(measured / SECONDS).toLocaleString('en-US')} events a second for ${SECONDS} s`)
  console.log(`tasks by the wall clock:       ${describe(tasksOf(trace.traceEvents, 'dur'))}`)
  console.log(`tasks by the processor's time: ${describe(tasksOf(trace.traceEvents, 'tdur'))}`)
  const { total_events: total } = await (await fetch(`${url}analytics/summary?window=1h`)).json() as { total_events: number }
  await page.locator('.total').first().filter({ hasText: total.toLocaleString('en-US') }).waitFor()
  console.log(`the page shows all ${total.toLocaleString('en-US')} events of ${sent.toLocaleString('en-US')} sent`)
  if (process.argv[2] !== undefined) await page.screenshot({ path: process.argv[2] })
} finally {
  await browser.close()
  service.kill()
  rmSync(folder, { recursive: true })
}
