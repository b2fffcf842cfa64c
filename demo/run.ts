/** One run: the traffic of the last week, then live traffic with a line of progress a second, and in the end the service's own count beside ours. */
import { randomUUID } from 'node:crypto'
import { createSender, type Host } from '../clients/client.js'
import { EVENT_TYPES, type Event, type Summary } from '../schemas/index.ts'
import type { Task } from './arguments.ts'
import { seededRandom } from './random.ts'
import { Traffic } from './traffic.ts'
import { spread } from './week.ts'

export interface Run extends Task {
  print: (line: string) => void
  clock?: Clock
}

/** Time, so that a test need not wait for it. */
export type Clock = Pick<Host, 'now' | 'setTimeout' | 'clearTimeout'>

const SYSTEM_CLOCK: Clock = { now: Date.now, setTimeout, clearTimeout }

/** Milliseconds between two batches. */
const PACE = 100

/** Most events of one request, and most that are made before what was made is sent. */
const MAX_BATCH = 1000
const MAX_WAITING = 10 * MAX_BATCH

/** The history is a little shorter than the longest window, so that nothing of it leaves while the demo runs. */
const HISTORY = 6.5 * 86_400_000

/** One event in so many is sent a second time, as by a page whose beacon and whose next visit both send it. */
const REPEAT_ONE_IN = 50

/** Live traffic swells and ebbs by so much, once in so many milliseconds. */
const SWELL = 0.4
const SWELL_PERIOD = 90_000

/** Milliseconds for which requests may fail before the demo gives up; a restart of the service takes less. */
const GIVE_UP_AFTER = 60_000

const number = (value: number) => value.toLocaleString('en-US')

/** The events that are due after so many milliseconds. */
const due = (rate: number, elapsed: number) =>
  Math.floor(rate / 1000 * (elapsed + SWELL * SWELL_PERIOD / 2 / Math.PI * (1 - Math.cos(elapsed * 2 * Math.PI / SWELL_PERIOD))))

/** Sends the traffic. Resolves with whether every event was accepted and the service counted as many as we sent. */
export async function run({ url, key, rate, duration, history, seed, print, clock = SYSTEM_CLOCK }: Run): Promise<boolean> {
  const random = seededRandom(seed)
  const traffic = new Traffic(random, randomUUID)
  const tally = { sent: 0, accepted: 0, duplicates: 0, rejected: 0 }
  const byType = Object.fromEntries(EVENT_TYPES.map((type) => [type, 0])) as Record<(typeof EVENT_TYPES)[number], number>
  let failingSince: number | undefined
  let lastRejection: string | undefined
  const giveUp = Promise.withResolvers<never>()
  giveUp.promise.catch(() => {}) // it is raced against, and may come when nothing races any more

  const sender = createSender({
    url,
    key,
    maxBatch: MAX_BATCH,
    maxQueue: 2 * MAX_WAITING,
    onReceipt: ({ accepted, duplicates }) => {
      failingSince = undefined
      tally.accepted += accepted
      tally.duplicates += duplicates
    },
    onRejected: (_event, { detail }) => {
      tally.rejected++
      lastRejection = detail
    },
    onFailure: ({ status, detail, retryIn }) => {
      failingSince ??= clock.now()
      const problem = status === undefined ? detail : `${status} ${detail}`
      const isHopeless = status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429
      if (isHopeless || clock.now() - failingSince >= GIVE_UP_AFTER) giveUp.reject(new Error(`${url.href} takes no events (${problem})`))
      else print(`       ${problem}; again in ${(retryIn / 1000).toFixed(1)} s`)
    }
  }, clock)

  const sleep = (milliseconds: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, milliseconds))

  /** Sends an event, now and then twice. */
  const send = (event: Event) => {
    sender.send(event)
    byType[event.event_type]++
    tally.sent++
    if (random() * REPEAT_ONE_IN < 1) sender.send(event)
  }
  const flush = () => Promise.race([sender.flush(), giveUp.promise])
  const progress = (time: number) => print(`${String(Math.round(time / 1000)).padStart(5)} s   ${number(tally.sent)} sent   ${number(tally.accepted)} accepted   ` +
    `${number(tally.duplicates)} duplicates   ${number(tally.rejected)} rejected`)

  try {
    const before = await summaryOf(url, key)
    const start = clock.now()
    if (history > 0) print(`${number(history)} events of the last days`)
    for (const time of spread(start - HISTORY, start, history)) {
      send(traffic.next(new Date(time)))
      if (sender.waiting >= MAX_WAITING) await flush()
    }
    await flush()

    const liveStart = clock.now()
    print(`${number(rate)} events a second for ${number(duration / 60_000)} min to ${url.href} (seed ${seed})`)
    const total = due(rate, duration)
    let sent = 0
    for (let last = liveStart, line = 1000; sent < total; await sleep(PACE)) {
      const now = clock.now()
      const end = Math.min(total, due(rate, now - liveStart))
      for (let i = 0, count = end - sent; i < count; i++) {
        send(traffic.next(new Date(last + (now - last) * i / count)))
        if (sender.waiting >= MAX_WAITING) await flush()
      }
      await flush()
      sent = end
      last = now
      if (now - liveStart >= line || sent === total) {
        progress(now - liveStart)
        line = Math.floor((now - liveStart) / 1000 + 1) * 1000
      }
    }
    return compare(before, await summaryOf(url, key))
  } finally {
    await sender.close()
  }

  function compare(before: Summary, after: Summary): boolean {
    const grown = after.total_events - before.total_events
    print('')
    print(`sent ${number(tally.sent)} different events: ${number(tally.accepted)} accepted, ${number(tally.duplicates)} duplicates, ${number(tally.rejected)} rejected`)
    print(`the service's summary of 7 d grew by ${number(grown)}:`)
    for (const type of EVENT_TYPES) {
      print(`  ${type.padEnd(10)} ${number(after.events_by_type[type] - before.events_by_type[type]).padStart(9)}   sent ${number(byType[type]).padStart(9)}`)
    }
    if (lastRejection !== undefined) print(`last rejection: ${lastRejection}`)
    const exact = grown === tally.sent && tally.rejected === 0
    print(exact
      ? `Every event counted once, though ${number(tally.duplicates)} came twice.`
      : 'Not the same. Did others send as well, was the service restarted without a journal, or did older events leave the window meanwhile?')
    return exact
  }
}

/**
 * The service's summary of seven days.
 * @throws Error with a sentence that says why it cannot be had
 */
async function summaryOf(url: URL, key: string | undefined): Promise<Summary> {
  const headers = key === undefined ? undefined : { authorization: `Bearer ${key}` }
  let why: string
  try {
    const answer = await fetch(new URL('analytics/summary?window=7d', url), { headers, signal: AbortSignal.timeout(10_000) })
    if (answer.ok) return await answer.json() as Summary
    why = `${answer.status} ${await answer.text()}`
  } catch (error) {
    const { cause, message } = error as Error
    why = cause instanceof Error ? (cause as NodeJS.ErrnoException).code ?? cause.message : message
  }
  throw new Error(`${url.href} gives no summary (${why}). Is the service running? Start it with: npm start`)
}
