/** Subscribers that keep what they have seen, and resume whenever their connection ends. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import WebSocket from 'ws'
import type { Event, ServerFrame } from '../../schemas/index.ts'
import type { ServiceReplica } from './services.ts'

/** Milliseconds in which a connection must be open. */
const PATIENCE = 5_000

/** What a subscriber is told: some events, or that some are gone; and where it is then. */
export interface Delivery {
  cursor: string
  ids: readonly string[]
  isGap: boolean
}

/** A connection over which events come. */
export interface Connection {
  /** Stops and goes on reading. */
  pause: () => void
  resume: () => void
  end: () => void
  closed: Promise<unknown>
}

/** Subscribes from a cursor on; from now on if it is empty. */
export type Transport = (replica: ServiceReplica, cursor: string, take: (delivery: Delivery) => void) => Promise<Connection>

/** @param onFrame told of each frame; given at once, since the first ones may come with the very packet that opens the connection */
export async function openSocket({ port }: ServiceReplica, query: string, onFrame?: (frame: ServerFrame) => void): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/events${query}`, { handshakeTimeout: PATIENCE })
  if (onFrame !== undefined) socket.on('message', (data) => onFrame(JSON.parse(String(data)) as ServerFrame))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => {})
  return socket
}

function queryOf(cursor: string): string {
  return cursor === '' ? '' : `?after=${cursor}`
}

/** Over a WebSocket. */
export const overSocket: Transport = async (replica, cursor, take) => {
  const socket = await openSocket(replica, queryOf(cursor), (frame) => {
    if (frame.type === 'events') take({ cursor: frame.cursor, ids: frame.events.map(({ event_id: id }) => id), isGap: false })
    else if (frame.type === 'gap') take({ cursor: frame.cursor, ids: [], isGap: true })
  })
  const closed = new Promise((resolve) => { socket.once('close', resolve) })
  return { pause: () => socket.pause(), resume: () => socket.resume(), end: () => socket.terminate(), closed }
}

/** Over Server-Sent Events. */
export const overServerSentEvents: Transport = async ({ port }, cursor, take) => {
  const request = get({ host: '127.0.0.1', port, path: `/events/stream${queryOf(cursor)}`, agent: false })
  request.on('error', () => {}) // whoever waits for the answer is told
  const [response] = await once(request, 'response') as [IncomingMessage]
  if (response.statusCode !== 200) {
    response.destroy()
    throw new Error(`status ${response.statusCode}`)
  }
  response.on('error', () => {})
  const lines = createInterface({ input: response })
  lines.on('error', () => {}) // the connection was cut, as by a kill
  let fields: Record<string, string> = {}
  lines.on('line', (line) => {
    if (line !== '') {
      const colon = line.indexOf(':')
      fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart()
      return
    }
    const { event, data = '', id } = fields
    fields = {}
    if (id === undefined) return
    take({ cursor: id, ids: event === undefined && data !== '' ? [(JSON.parse(data) as Event).event_id] : [], isGap: event === 'gap' })
  })
  const closed = new Promise((resolve) => { response.once('close', resolve) })
  return { pause: () => response.pause(), resume: () => response.resume(), end: () => response.destroy(), closed }
}

/** A subscriber to everything from the beginning on, which resumes at whichever replica answers. */
export class Subscriber {
  readonly seen = new Set<string>()
  twice = 0
  gaps = 0
  resumes = 0
  readonly #replicas: readonly ServiceReplica[]
  readonly #signal: AbortSignal
  readonly #transport: Transport
  readonly done: Promise<void>
  #cursor: string
  #connection: Connection | undefined

  /** @param cursor where it begins */
  constructor(replicas: readonly ServiceReplica[], signal: AbortSignal, transport = overSocket, cursor = 'earliest') {
    this.#replicas = replicas
    this.#signal = signal
    this.#transport = transport
    this.#cursor = cursor
    this.done = this.#follow()
    signal.addEventListener('abort', () => this.leave())
  }

  /** Reads nothing for so many milliseconds. */
  async stall(ms: number): Promise<void> {
    const connection = this.#connection
    connection?.pause()
    await delay(ms)
    connection?.resume()
  }

  /** Ends its connection, and comes back. */
  leave(): void {
    this.#connection?.end()
  }

  async #follow(): Promise<void> {
    for (let turn = randomInt(this.#replicas.length); !this.#signal.aborted; turn++) {
      try {
        this.#connection = await this.#transport(this.#replicas[turn % this.#replicas.length], this.#cursor, (delivery) => this.#take(delivery))
        this.resumes++
        if (this.#signal.aborted) this.leave()
        await this.#connection.closed
      } catch {
        await delay(50)
      }
    }
  }

  #take({ cursor, ids, isGap }: Delivery): void {
    if (isGap) this.gaps++
    this.#cursor = cursor
    for (const id of ids) {
      if (this.seen.has(id)) this.twice++
      this.seen.add(id)
    }
  }
}
