/** Producers that keep books, and send until everything is acknowledged. */
import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type WebSocket from 'ws'
import { EVENT_TYPES, type Event, type Receipt, type ServerFrame } from '../../schemas/index.ts'
import type { ServiceReplica } from './services.ts'
import { openSocket } from './subscriber.ts'

/** Milliseconds in which an answer must have come before the same is sent again. */
const PATIENCE = 5_000

/** What was sent and what became of it. Every count is of events. */
export interface Books {
  /** Valid events, each once however often it was sent. */
  sent: Set<string>
  users: Set<string>
  /** Of those sent, the ones whose answer said that they are there. */
  acknowledged: Set<string>
  accepted: number
  duplicates: number
  rejected: number
  /** Sent again because the answer said so, or never came. */
  again: number
}

export function openBooks(): Books {
  return { sent: new Set(), users: new Set(), acknowledged: new Set(), accepted: 0, duplicates: 0, rejected: 0, again: 0 }
}

/** Draws the next batch; valid events in it are noted in the books. */
export type Draw = (books: Books, sentBefore: Event[]) => Event[]

/** A batch with new events, one in ten a duplicate of an earlier one, one in twenty bad. */
export function makeBatch(books: Books, sentBefore: Event[], most = 59): Event[] {
  const batch = Array.from({ length: randomInt(1, most + 1) }, (): Event => ({
    event_id: randomUUID(), user_id: `user ${randomInt(2000)}`, event_type: EVENT_TYPES[randomInt(EVENT_TYPES.length)], timestamp: new Date().toISOString()
  }))
  for (const event of batch) {
    books.sent.add(event.event_id)
    books.users.add(event.user_id)
  }
  const mixed = [...batch]
  if (sentBefore.length > 0 && randomInt(10) === 0) mixed.push(sentBefore[randomInt(sentBefore.length)])
  if (randomInt(20) === 0) mixed.push({ ...batch[0], event_id: 'not an id' })
  sentBefore.push(...batch)
  if (sentBefore.length > 1000) sentBefore.splice(0, 500)
  return mixed
}

/** Sends events over some transport. */
export type Send = (events: readonly Event[]) => Promise<Receipt>

/** Sends batches over one transport until told to end, each until all of it is acknowledged, by whichever replica answers. */
export async function produce(send: Send, books: Books, signal: AbortSignal, pause: number, draw: Draw = makeBatch): Promise<void> {
  const sentBefore: Event[] = []
  while (!signal.aborted) {
    let batch = draw(books, sentBefore)
    while (batch.length > 0) {
      const receipt = await send(batch).catch(() => undefined)
      if (receipt === undefined) {
        books.again += batch.length
        await delay(50)
        continue
      }
      books.accepted += receipt.accepted
      books.duplicates += receipt.duplicates
      books.rejected += receipt.rejected
      const refused = new Set(receipt.errors.map(({ index }) => index))
      batch.forEach(({ event_id: id }, i) => { if (!refused.has(i)) books.acknowledged.add(id) })
      const later = new Set(receipt.errors.filter(({ code }) => code.startsWith('storage')).map(({ index }) => index))
      batch = batch.filter((_, i) => later.has(i))
      books.again += batch.length
      if (batch.length > 0) await delay(50)
    }
    if (pause > 0) await delay(pause)
  }
}

/** Sends over HTTP, to one replica after the other. */
export function httpSender(replicas: readonly ServiceReplica[]): Send {
  let turn = randomInt(replicas.length)
  return async (events) => {
    const { origin } = replicas[turn++ % replicas.length]
    const response = await fetch(`${origin}/events`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events), signal: AbortSignal.timeout(PATIENCE)
    })
    const receipt = await response.json() as Partial<Receipt>
    if (receipt.accepted === undefined) throw new Error(`status ${response.status}`)
    return receipt as Receipt
  }
}

/** Sends over a WebSocket that is opened anew, at another replica, whenever it fails. */
export function socketSender(replicas: readonly ServiceReplica[], signal: AbortSignal): Send {
  let turn = randomInt(replicas.length)
  let socket: WebSocket | undefined
  signal.addEventListener('abort', () => socket?.terminate())
  return async (events) => {
    socket ??= await openSocket(replicas[turn++ % replicas.length], '?subscribe=false')
    const open = socket
    return await new Promise<Receipt>((resolve, reject) => {
      const fail = (): void => {
        clearTimeout(timer)
        open.terminate()
        if (socket === open) socket = undefined
        reject(new Error('the connection has failed'))
      }
      const timer = setTimeout(fail, PATIENCE)
      open.once('close', fail)
      open.on('message', (data) => {
        const frame = JSON.parse(String(data)) as ServerFrame
        if (frame.type !== 'ack') return
        clearTimeout(timer)
        open.removeAllListeners()
        open.on('error', () => {})
        resolve(frame)
      })
      open.send(JSON.stringify({ type: 'publish', events }))
    })
  }
}
