/** A journal whose service was killed, half of it in the file and half in the write-ahead log, and what it holds. */
import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EVENT_TYPES, type Event } from '../../schemas/index.ts'
import { append, inspectJournal, type Inspection } from './inspection.ts'

/** The files of such a journal, and what a right start finds in them. */
export interface KilledJournal {
  /** Content of its files by their names; empty ones are left out. */
  files: ReadonlyMap<string, Buffer>
  truth: Inspection
  /** Handed out before it was killed. */
  cursors: string[]
}

/** A journal of single events: some rows in the file, as many in the write-ahead log, and a process that was killed. */
export async function makeKilledJournal(folder: string, rows: number): Promise<KilledJournal> {
  const live = join(folder, 'live')
  const killed = join(folder, 'killed')
  mkdirSync(killed, { recursive: true })
  const write = async (meanwhile?: () => void): Promise<void> => {
    await inspectJournal(live, [], async (backend) => {
      for (let i = 0; i < rows; i++) await append(backend, [anEvent(i)])
      meanwhile?.()
    })
  }
  await write()
  await write(() => {
    for (const name of readdirSync(live)) if (!name.endsWith('-shm')) copyFileSync(join(live, name), join(killed, name))
  })
  const contents = readdirSync(killed).map((name) => [name, readFileSync(join(killed, name))] as const)
  const files = new Map(contents.filter(([, content]) => content.length > 0))
  const cursors: string[] = []
  const first = await inspectJournal(killed, [], async ({ store }, events) => {
    const { cursor } = await store.locate('earliest')
    const page = await store.read(cursor, {}, { events: events.length, bytes: 1 << 24 })
    for (const share of [0.1, 0.4, 0.6, 1]) cursors.push(page.cursorOf(Math.ceil(events.length * share) - 1))
  })
  if (first.total !== 2 * rows) throw new Error(`${first.total} events instead of ${2 * rows}`)
  return { files, truth: await inspectJournal(killed, cursors), cursors }
}

function anEvent(i: number): Event {
  return {
    event_id: randomUUID(),
    user_id: `user-${i % 20}`,
    event_type: EVENT_TYPES[i % EVENT_TYPES.length],
    timestamp: new Date(Date.now() - 60_000).toISOString(),
    properties: { page: `/${i}` }
  }
}
