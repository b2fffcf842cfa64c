/**
 * A service that takes a request only after it has refused it in every way in which it may be sent again: what the pages
 * in `clients/` send must come through, and no event may change its id on the way.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EXAMPLES } from '../../schemas/examples.ts'
import type { EventError, Receipt } from '../../schemas/index.ts'

/** How a request that sends events is answered. */
export type Refusal = 'cut' | 'limited' | 'stopping' | 'unavailable'

/** All of them; those that say when to come again last, so that the others' waits are the short ones. */
export const REFUSALS: readonly Refusal[] = ['cut', 'unavailable', 'limited', 'stopping']

const problem = (status: number, code: string) => ({ ...EXAMPLES.Problem, type: `/problems/${code}`, title: code, status, code, detail: 'again' })

function answer(response: ServerResponse, status: number, body: object, headers = {}): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body))
}

/** A receipt for so many events, of which the first ones got this verdict. */
function receipt(events: number, count: number, verdict: 'rejected' | 'unavailable'): Receipt {
  const code: EventError['code'] = verdict === 'rejected' ? 'invalid_timestamp' : 'storage_full'
  const errors = Array.from({ length: count }, (_, index) => ({ index, code, pointer: '', detail: 'as it is rehearsed' }))
  return { ...EXAMPLES.Receipt, accepted: events - count, [verdict]: count, errors }
}

/** Two events cannot be taken now; a sender may send these alone again. */
function refuseTwo(response: ServerResponse, events: number): void {
  if (events > 2) answer(response, 207, receipt(events, 2, 'unavailable'))
  else answer(response, 503, { ...problem(503, 'all_unavailable'), ...receipt(events, events, 'unavailable') }, { 'retry-after': '0' })
}

/** Each refusal of a request with so many events. */
const REFUSE: Readonly<Record<Refusal, (response: ServerResponse, events: number) => void>> = {
  cut: (response) => response.destroy(),
  unavailable: refuseTwo,
  limited: (response) => answer(response, 429, problem(429, 'too_many_requests'), { 'retry-after': '0' }),
  stopping: (response) => answer(response, 503, problem(503, 'stopping'), { 'retry-after': '0' })
}

/** Where it is, and what was wrong with what came. */
export interface Rehearsal {
  url: string
  /** The ids of each request, as many as came. */
  ids: string[][]
  /** Sentences on what should not be; empty after a good run. */
  faults(): string[]
  close(): void
}

/** Starts it, with keys `writer` and `reader`; after the refusals the first of several events is rejected, all others are taken. */
export async function startRehearsal(refusals: readonly Refusal[] = REFUSALS): Promise<Rehearsal> {
  const ids: string[][] = []
  const complaints: string[] = []
  let reads = 0
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const key = request.method === 'POST' ? 'writer' : 'reader'
    if (request.headers.authorization !== `Bearer ${key}`) complaints.push(`${request.method} has the key ${request.headers.authorization}`)
    if (request.method !== 'POST') {
      reads++
      return answer(response, 200, EXAMPLES.Summary)
    }
    ids.push(text.match(/"event_id": ?"[^"]*"/g) ?? [])
    const refusal = refusals[ids.length - 1]
    const events = ids.at(-1)!.length
    if (refusal !== undefined) REFUSE[refusal](response, events)
    else if (events > 1) answer(response, 207, receipt(events, 1, 'rejected'))
    else answer(response, 200, { ...EXAMPLES.Receipt, accepted: events })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  function faults(): string[] {
    const known = new Set(ids[0])
    const found = [...complaints]
    if (ids.length !== refusals.length + 1) found.push(`${ids.length} requests came instead of ${refusals.length + 1}`)
    if (ids.some((some) => some.length === 0 || some.some((id) => !known.has(id)))) found.push(`ids have changed: ${JSON.stringify(ids)}`)
    if (reads === 0) found.push('nothing was read')
    return found
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ids, faults, close: () => server.close().closeAllConnections() }
}
