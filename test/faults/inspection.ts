/** What a journal says of itself when it is opened: everything that a test compares with what must be there. */
import { createJournalBackend, type JournalBackend } from '../../src/backends/journal/journal.ts'
import type { JournalReport } from '../../src/backends/journal/report.ts'
import { RefusedError } from '../../src/backends/backend.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import type { Event } from '../../schemas/index.ts'

/** Nothing here waits for the past: as the test uses them, journals are read within milliseconds. */
const PAGE_LIMITS = { events: 1000, bytes: 1 << 22 }

/** A start of a journal, and what it held. */
export interface Inspection {
  /** Why it was refused; the rest is empty then. */
  refused?: string
  /** Every event, in order. */
  events: Event[]
  /** What the largest window counts. */
  total: number
  byType: Record<string, number>
  users: number
  /** The cursor after the newest event. */
  cursor: string
  /** For each cursor that was asked about, how many events come before it; undefined where it is lost. */
  places: (number | undefined)[]
  /** What it told whoever runs it, replays excepted. */
  reports: JournalReport[]
}

/**
 * Opens a journal, looks at all of it and closes it.
 * @param cursors which places are asked about
 * @param meanwhile what else is done before it is closed
 */
export async function inspectJournal(
  directory: string, cursors: readonly string[] = [], meanwhile?: (backend: JournalBackend, events: readonly Event[]) => Promise<void>
): Promise<Inspection> {
  const reports: JournalReport[] = []
  let backend: JournalBackend
  try {
    backend = await createJournalBackend({
      clock: { wall: () => Date.now(), monotonic: () => performance.now(), uptime: () => performance.now() },
      directory,
      sync: 'full',
      dedupCapacity: 100_000,
      userCapacity: 10_000,
      logBytes: 128 << 20,
      report: (report) => {
        if (report.type !== 'replaying' && report.type !== 'replayed') reports.push(report)
      }
    })
  } catch (error) {
    return refusal(error, reports)
  }
  try {
    await backend.replayed
    const { store, aggregator } = backend
    const events = await readAll(backend)
    const places = await Promise.all(cursors.map(async (cursor) => {
      const { lost } = await store.locate(cursor)
      return lost === undefined ? events.length - await countAfter(backend, cursor) : undefined
    }))
    const { total_events: total, events_by_type: byType, unique_users: users, cursor } = await aggregator.summary('7d')
    await meanwhile?.(backend, events)
    return { events, total, byType, users, cursor, places, reports }
  } catch (error) {
    return refusal(error, reports)
  } finally {
    await backend.store.close()
  }
}

/** Sends events to a journal and has all of them taken. */
export async function append({ store }: JournalBackend, events: readonly Event[]): Promise<void> {
  const receipt = await createIngest({ store, maxEvents: 10_000 })(Buffer.from(JSON.stringify(events)), 'json')
  if (receipt.accepted !== events.length) throw new Error(`not taken: ${JSON.stringify(receipt)}`)
}

function refusal(error: unknown, reports: JournalReport[]): Inspection {
  if (!(error instanceof RefusedError)) throw error
  return { refused: error.message, events: [], total: 0, byType: {}, users: 0, cursor: '', places: [], reports }
}

async function readAll({ store }: JournalBackend): Promise<Event[]> {
  const events: Event[] = []
  for (let after = (await store.locate('earliest')).cursor; ;) {
    const page = await store.read(after, {}, PAGE_LIMITS)
    events.push(...JSON.parse(`[${page.bytes.toString()}]`) as Event[])
    if (!page.hasMore) return events
    after = page.cursor
  }
}

async function countAfter({ store }: JournalBackend, cursor: string): Promise<number> {
  let count = 0
  for (let after = cursor; ;) {
    const page = await store.read(after, {}, PAGE_LIMITS)
    count += page.count
    if (!page.hasMore) return count
    after = page.cursor
  }
}
