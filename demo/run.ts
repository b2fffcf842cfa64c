/** One run of the demo: traffic at a steady rate, a line of progress a second, and in the end the service's own count beside ours. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EVENT_TYPES } from '../schemas/index.ts'
import type { Random } from './random.ts'
import { Sender, describe } from './sender.ts'
import type { Traffic } from './traffic.ts'

export interface Run {
  url: URL
  /** Events a second. */
  rate: number
  seconds: number
  traffic: Traffic
  random: Random
  print: (line: string) => void
  clock?: Clock
}

/** Time, so that a test need not wait for it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  sleep(milliseconds: number): Promise<unknown>
}

const SYSTEM_CLOCK: Clock = { now: Date.now, sleep }

/** Milliseconds between two batches. */
const PACE = 100

/** Most events of one batch. */
const MAX_BATCH = 1000

/** One batch in so many is sent twice, as if its answer had got lost. */
const RESEND_ONE_IN = 20

const number = (value: number) => value.toLocaleString('en-US')

/** Sends the traffic. Resolves with whether every event was taken and the service counted as many as we did. */
export async function run({ url, rate, seconds, traffic, random, print, clock = SYSTEM_CLOCK }: Run): Promise<boolean> {
  const sender = new Sender(url, clock.sleep)
  const { tally } = sender
  const before = await sender.summary().catch((error: unknown) => {
    throw new Error(`${url.href} gives no summary (${describe(error)}). Is the service running? Start it with: npm start`)
  })

  const start = clock.now()
  const progress = () => print(`${String(Math.round((clock.now() - start) / 1000)).padStart(4)} s   ${number(tally.sent)} sent   ${number(tally.accepted)} accepted   ` +
    `${number(tally.duplicates)} duplicates   ${number(tally.errors)} errors`)
  const total = Math.round(rate * seconds)
  const byType = Object.fromEntries(EVENT_TYPES.map((type) => [type, 0])) as Record<(typeof EVENT_TYPES)[number], number>
  let nextLine = start + 1000
  while (tally.sent < total) {
    const elapsed = clock.now() - start
    const due = Math.min(total, Math.floor((elapsed / 1000) * rate))
    const events = Array.from({ length: Math.min(due - tally.sent, MAX_BATCH) }, () => traffic.next(new Date(clock.now())))
    if (events.length > 0) await sender.send(events, random() * RESEND_ONE_IN < 1)
    for (const event of events) byType[event.event_type]++
    if (clock.now() >= nextLine && tally.sent < total) {
      progress()
      nextLine += 1000 * Math.ceil((clock.now() - nextLine + 1) / 1000)
    }
    if (tally.sent < total && due - tally.sent < MAX_BATCH) await clock.sleep(PACE)
  }
  progress()

  const after = await sender.summary()
  const grown = after.total_events - before.total_events
  print('')
  print(`sent ${number(tally.sent)} different events in ${((clock.now() - start) / 1000).toFixed(1)} s: ` +
    `${number(tally.accepted)} accepted, ${number(tally.duplicates)} duplicates, ${number(tally.errors)} errors`)
  print(`the service's summary of 24 h grew by ${number(grown)}:`)
  for (const type of EVENT_TYPES) {
    print(`  ${type.padEnd(10)} ${number(after.events_by_type[type] - before.events_by_type[type]).padStart(9)}   sent ${number(byType[type]).padStart(9)}`)
  }
  if (sender.lastError !== undefined) print(`last error: ${sender.lastError}`)
  const exact = grown === tally.sent && tally.errors === 0
  print(exact
    ? `Every event counted once, though ${number(tally.duplicates)} came twice.`
    : 'Not the same. Were there errors, did others send as well, or did older events leave the window meanwhile?')
  return exact
}
