/**
 * A process that opens journals as they are after a loss of power, one after the other, and says what it found: it is
 * another process than the one that cuts the power, because it must believe that the machine has started again.
 */
import { randomUUID } from 'node:crypto'
import { append, inspectJournal } from './inspection.ts'

/** A folder that is to be opened, and cursors that were handed out. */
export interface StateRequest {
  directory: string
  cursors: string[]
}

/** What it holds. */
export interface StateAnswer {
  refused?: string
  /** Ids of all events, in order. */
  ids: string[]
  total: number
  places: (number | undefined)[]
  /** What is wrong after some more events were taken and it was opened again. */
  afterwards?: string
}

async function check({ directory, cursors }: StateRequest): Promise<StateAnswer> {
  const further = Array.from({ length: 3 }, () => ({ event_id: randomUUID(), user_id: 'ada', event_type: 'click' as const, timestamp: new Date().toISOString() }))
  const first = await inspectJournal(directory, cursors, (backend) => append(backend, further))
  const ids = first.events.map((event) => event.event_id)
  const answer: StateAnswer = { refused: first.refused, ids, total: first.total, places: first.places }
  if (first.refused !== undefined) return answer
  const second = await inspectJournal(directory)
  const expected = [...ids, ...further.map((event) => event.event_id)]
  const isWhole = second.total === expected.length && second.events.every(({ event_id: id }, i) => id === expected[i])
  if (!isWhole) answer.afterwards = second.refused ?? `${expected.length} events expected, ${second.events.length} there, ${second.total} counted`
  return answer
}

process.on('message', (request: StateRequest) => {
  check(request).then((answer) => process.send!(answer), (error: Error) => {
    process.send!({ refused: `not refused, but failed: ${error.stack}`, ids: [], total: 0, places: [] } satisfies StateAnswer)
  })
})
