/** What tests of the journal share: folders, events, and a journal that is opened, closed and opened again. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Event, Receipt } from '../../../schemas/index.ts'
import { createJournalBackend, type JournalBackend, type JournalOptions } from '../../../src/backends/journal/journal.ts'
import type { JournalReport } from '../../../src/backends/journal/report.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'
import { MINUTE, TestClock } from '../test-clock.ts'

/** A folder that is deleted with the test. */
export function makeFolder(t: Test, under = tmpdir()): string {
  const folder = mkdtempSync(join(under, 'journal-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** An event of a minute ago, unless told otherwise. */
export function eventAt(now: number, fields: Partial<Event> = {}): Event {
  return { event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date(now - MINUTE).toISOString(), ...fields }
}

/** What a journal has reported. */
export class Reports {
  readonly all: JournalReport[] = []
  #wake: () => void = () => {}

  add(report: JournalReport): void {
    this.all.push(report)
    this.#wake()
  }

  /** Resolves with the first report of a type, made or still to be made. */
  async find(type: JournalReport['type']): Promise<JournalReport> {
    for (;;) {
      const found = this.all.find((report) => report.type === type)
      if (found !== undefined) return found
      await this.next()
    }
  }

  /** Resolves with the next report. */
  next(): Promise<void> {
    return new Promise((resolve) => { this.#wake = resolve })
  }
}

/** An open journal and its one way in. */
export class Journal {
  readonly clock: TestClock
  readonly backend: JournalBackend
  readonly reports: Reports
  readonly #ingest: ReturnType<typeof createIngest>

  private constructor(clock: TestClock, backend: JournalBackend, reports: Reports) {
    this.clock = clock
    this.backend = backend
    this.reports = reports
    this.#ingest = createIngest({ store: backend.store, maxEvents: 100_000 })
  }

  /** Opens a journal; the test closes it. */
  static async open(t: Test, directory: string, options: Partial<JournalOptions> & { clock?: TestClock } = {}, wait = true): Promise<Journal> {
    const { clock = new TestClock() } = options
    const reports = new Reports()
    const backend = await createJournalBackend({
      dedupCapacity: 1_000_000,
      userCapacity: 100_000,
      logBytes: 1 << 20,
      sync: 'full',
      ...options,
      clock,
      directory,
      report: (report) => reports.add(report)
    })
    t.teardown(() => backend.store.close())
    if (wait) await backend.replayed
    return new Journal(clock, backend, reports)
  }

  event(fields: Partial<Event> = {}): Event {
    return eventAt(this.clock.wall(), fields)
  }

  events(count: number, fields: Partial<Event> = {}): Event[] {
    return Array.from({ length: count }, () => this.event(fields))
  }

  send(...events: Event[]): Promise<Receipt> {
    return this.#ingest(Buffer.from(JSON.stringify(events)), 'json')
  }

  check(...events: Event[]): Promise<Receipt> {
    return this.#ingest(Buffer.from(JSON.stringify(events)), 'json', { validateOnly: true })
  }

  async total(): Promise<number> {
    return (await this.backend.aggregator.summary('7d')).total_events
  }

  /** Everything the log holds. */
  async log(): Promise<Event[]> {
    const { store } = this.backend
    const events: Event[] = []
    for (let after = (await store.locate('earliest')).cursor; ;) {
      const page = await store.read(after, {}, { events: 1000, bytes: 1 << 20 })
      events.push(...JSON.parse(`[${page.bytes.toString()}]`) as Event[])
      if (!page.hasMore) return events
      after = page.cursor
    }
  }

  close(): Promise<void> {
    return this.backend.store.close()
  }
}
