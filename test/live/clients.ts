/** Clients on real sockets, as users have them: a WebSocket, a reader of Server-Sent Events, a reader of pages. */
import { get, type IncomingMessage } from 'node:http'
import type { Test } from 'tap'
import WebSocket from 'ws'
import type { ClientFrame, EventPage, ServerFrame } from '../../schemas/index.ts'

/** A queue that can be waited for. */
class Mailbox<T> {
  readonly all: T[] = []
  #read = 0
  #error: Error | undefined
  #arrivals: (() => void)[] = []

  put(item: T): void {
    this.all.push(item)
    this.#wake()
  }

  fail(error: Error): void {
    this.#error ??= error
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#arrivals.splice(0)) resolve()
  }

  /** Resolves when something comes in, or nothing more will. */
  async arrival(): Promise<void> {
    if (this.#error !== undefined) return
    await new Promise<void>((resolve) => { this.#arrivals.push(resolve) })
  }

  /** The next unread item for which this holds; those before it are skipped. */
  async next(holds: (item: T) => boolean = () => true): Promise<T> {
    for (;;) {
      while (this.#read < this.all.length) {
        const item = this.all[this.#read++]
        if (holds(item)) return item
      }
      if (this.#error !== undefined) throw this.#error
      await this.arrival()
    }
  }
}

type FrameOf<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>

/** A client over a real WebSocket. */
export class LiveClient {
  readonly socket: WebSocket
  readonly closed: Promise<{ code: number, reason: string }>
  readonly #mailbox = new Mailbox<ServerFrame>()

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => this.#mailbox.put(JSON.parse(String(data))))
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#mailbox.fail(new Error(`closed with ${code}`))
        resolve({ code, reason: String(reason) })
      })
    })
    socket.on('error', () => {}) // `closed` says it
  }

  /** Opens a connection; rejects with the answer if it is refused. */
  static async open(t: Pick<Test, 'teardown'> | undefined, port: number, query = '', options: WebSocket.ClientOptions = {}, protocols: string[] = []): Promise<LiveClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/events${query}`, protocols, options)
    const client = new LiveClient(socket)
    t?.teardown(() => socket.terminate())
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve)
      socket.on('unexpected-response', (_request, response: IncomingMessage) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text) => { body += text }).on('end', () => reject(new Refusal(response, body)))
      })
      socket.on('error', reject)
    })
    return client
  }

  /** All frames so far. */
  get frames(): readonly ServerFrame[] {
    return this.#mailbox.all
  }

  /** Resolves when another frame comes in, or nothing more will. */
  arrival(): Promise<void> {
    return this.#mailbox.arrival()
  }

  send(frame: ClientFrame | object | string): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  /** The next frame of a type; those before it are skipped. */
  async next<T extends ServerFrame['type']>(type: T, holds: (frame: FrameOf<T>) => boolean = () => true): Promise<FrameOf<T>> {
    return await this.#mailbox.next((frame) => frame.type === type && holds(frame as FrameOf<T>)) as FrameOf<T>
  }

  /** The next frame of any type. */
  nextFrame(): Promise<ServerFrame> {
    return this.#mailbox.next()
  }

  /** The ids of the next events, so many of them, over however many frames. */
  async eventIds(count: number): Promise<string[]> {
    const ids: string[] = []
    while (ids.length < count) for (const event of (await this.next('events')).events) ids.push(event.event_id)
    return ids
  }

  /** Says goodbye and waits for the answer. */
  async close(): Promise<void> {
    this.socket.close()
    await this.closed
  }
}

/** A handshake that was answered with something else than 101. */
export class Refusal extends Error {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string

  constructor({ statusCode, headers }: IncomingMessage, body: string) {
    super(`refused with ${statusCode}: ${body}`)
    this.status = statusCode!
    this.headers = headers
    this.body = body
  }

  get code(): string {
    return JSON.parse(this.body).code
  }
}

/** One message of a stream as a browser dispatches it, or only remembers it: then there is no data. */
export interface Message {
  event: string
  /** The last id seen, also that of a message before. */
  id: string
  data: string | undefined
}

/** A reader of Server-Sent Events that reads as the HTML standard says, section 9.2.6. */
export class StreamClient {
  readonly response: IncomingMessage
  readonly ended: Promise<void>
  retry: number | undefined
  readonly #mailbox = new Mailbox<Message>()
  #text = ''
  #id = ''

  private constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => this.#read(text))
    response.on('error', () => {}) // `ended` says it
    this.ended = new Promise((resolve) => {
      response.on('close', () => {
        this.#mailbox.fail(new Error('the stream has ended'))
        resolve()
      })
    })
  }

  static async open(t: Pick<Test, 'teardown'> | undefined, port: number, query = '', headers: Record<string, string> = {}): Promise<StreamClient> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: `/events/stream${query}`, headers: { 'user-agent': 'test', ...headers }, agent: false }, resolve).on('error', reject)
    })
    t?.teardown(() => response.destroy())
    return new StreamClient(response)
  }

  /** All messages so far. */
  get messages(): readonly Message[] {
    return this.#mailbox.all
  }

  /** Resolves when another message comes in, or nothing more will. */
  arrival(): Promise<void> {
    return this.#mailbox.arrival()
  }

  /** The next message; those that say something, or also those that only carry an id. */
  next(alsoSilent = false): Promise<Message> {
    return this.#mailbox.next(({ data }) => alsoSilent || data !== undefined)
  }

  /** The ids of the next events, so many of them. */
  async eventIds(count: number): Promise<string[]> {
    const ids: string[] = []
    while (ids.length < count) ids.push(JSON.parse((await this.next()).data!).event_id)
    return ids
  }

  close(): void {
    this.response.destroy()
  }

  #read(text: string): void {
    this.#text += text
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end < 0) return
      this.#dispatch(this.#text.slice(0, end).split('\n'))
      this.#text = this.#text.slice(end + 2)
    }
  }

  #dispatch(lines: string[]): void {
    let event = 'message'
    let data: string | undefined
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line)!
      if (field === 'event') event = value
      else if (field === 'id') this.#id = value
      else if (field === 'retry') this.retry = Number(value)
      else if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
      else if (field !== '') throw new Error(`unknown field in ${JSON.stringify(line)}`)
    }
    this.#mailbox.put({ event, id: this.#id, data })
  }
}

/** One page of events, or the status of what came instead. */
export async function readPage(port: number, query: string): Promise<EventPage | number> {
  const response = await fetch(`http://127.0.0.1:${port}/events${query}`)
  if (response.ok) return await response.json() as EventPage
  await response.body?.cancel()
  return response.status
}
