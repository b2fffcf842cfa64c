/**
 * The requests of one connection that sends ahead. Those that Node had parsed before it was noticed wait as they are;
 * all that follows waits as bytes, which are handed to Node's parser piece by piece, each with at most one request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { latestAnswer, noteAnswer, type Connection } from './connection.ts'
import type { ConnectionMemory } from './connection-memory.ts'

/** Bytes that a parsed request and its answer take in memory, roughly. */
const REQUEST_BYTES = 4096

/** Most pieces parsed in one turn; the next come after what others have sent. */
const MAX_PIECES = 32

/** Ends the head of a request, and a chunked body. */
const HEAD_END = Buffer.from('\r\n\r\n')

const queue = Symbol('requestQueue')

type Queued = Connection & { [queue]?: RequestQueue }

interface QueuedRequest {
  request: IncomingMessage
  response: ServerResponse
  /** The answer that it waits for. */
  before: ServerResponse
}

type DataListener = (chunk: Buffer) => void

/** The queue of a connection; undefined if it has never sent ahead. */
export function queueOf(connection: Connection): RequestQueue | undefined {
  return (connection as Queued)[queue]
}

/** Holds back what a connection sends ahead, from its making until it is detached or the connection closes. */
export class RequestQueue {
  readonly #connection: Connection
  readonly #route: (request: IncomingMessage, response: ServerResponse) => void
  readonly #memory: ConnectionMemory
  /** Node's own way from the socket into its parser. */
  readonly #parse: DataListener
  /** Requests that were parsed too early. */
  readonly #requests: QueuedRequest[] = []
  /** Bytes that are not parsed yet. */
  readonly #chunks: Buffer[] = []
  #chunkBytes = 0
  #isReading = false
  #isDetached = false
  /** The answer whose end is awaited. */
  #awaited: ServerResponse | undefined

  /** Takes over the connection, from within the event of a request that came too early. */
  constructor(connection: Connection, route: (request: IncomingMessage, response: ServerResponse) => void, memory: ConnectionMemory) {
    this.#connection = connection
    this.#route = route
    this.#memory = memory
    const [parse] = connection.listeners('data') as DataListener[]
    this.#parse = parse
    connection.off('data', parse)
    connection.on('data', this.#enqueue)
    connection.on('resume', this.#read)
    connection.once('close', () => {
      this.#requests.length = 0
      this.#dropBytes()
    })
    ;(connection as Queued)[queue] = this
  }

  /** Whether there is more than the request whose answer is awaited. */
  get hasMore(): boolean {
    return this.#requests.length > 0 || this.#chunks.length > 0
  }

  /** Adds a request that is to wait for the answer before it. */
  add(request: IncomingMessage, response: ServerResponse, before: ServerResponse): void {
    this.#requests.push({ request, response, before })
    this.#account()
    before.once('close', this.#next)
    this.#connection.pause()
  }

  /** Drops the latest request if it is not begun yet, as the rest of it cannot be parsed; false if there is none. */
  dropLatest(): boolean {
    const queued = this.#requests.pop()
    if (queued === undefined) return false
    noteAnswer(this.#connection, queued.before)
    this.#account()
    return true
  }

  /** Parses nothing more, for whoever takes over the connection. Requests that wait are still answered. Returns what is not parsed. */
  detach(): Buffer {
    const rest = Buffer.concat(this.#chunks)
    this.#connection.off('data', this.#enqueue)
    this.#connection.off('resume', this.#read)
    this.#dropBytes()
    return rest
  }

  #dropBytes(): void {
    this.#isDetached = true
    this.#chunks.length = 0
    this.#chunkBytes = 0
    this.#account()
  }

  #account(): void {
    this.#memory.hold(this, this.#connection, this.#requests.length * REQUEST_BYTES + this.#chunkBytes)
  }

  /** An answer has left: begins with the next request. */
  readonly #next = (): void => {
    if (this.#connection.destroyed || this.#connection.writableEnded) return
    const queued = this.#requests.shift()
    if (queued !== undefined) {
      this.#account()
      this.#route(queued.request, queued.response)
    }
    this.#read()
  }

  readonly #enqueue = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.length
    this.#read()
  }

  /** Whether the next bytes belong to a request that may not begin yet. */
  get #isHeld(): boolean {
    if (this.#requests.length > 0) return true
    const answer = latestAnswer(this.#connection)
    return answer !== undefined && !answer.closed && answer.req.complete
  }

  /** Parses as much as may begin. */
  readonly #read = (): void => {
    if (this.#isReading || this.#isDetached) return
    this.#isReading = true
    const connection = this.#connection
    let pieces = 0
    while (this.#chunks.length > 0 && !this.#isHeld && pieces < MAX_PIECES) {
      connection.resume()
      this.#parse(this.#nextPiece())
      pieces++
      if (this.#isDetached || connection.destroyed) return
      if (connection.isPaused()) break // nobody reads the body just now; `resume` follows
    }
    this.#isReading = false
    this.#account()
    if (this.#isHeld) this.#hold()
    else if (this.#chunks.length === 0) connection.resume()
    else if (pieces === MAX_PIECES) {
      connection.pause()
      setImmediate(this.#read)
    }
  }

  #hold(): void {
    this.#connection.pause()
    const answer = latestAnswer(this.#connection)
    if (this.#requests.length > 0 || answer === undefined || this.#awaited === answer) return
    this.#awaited = answer
    answer.once('close', this.#next)
  }

  #nextPiece(): Buffer {
    const chunk = this.#chunks[0]
    const found = chunk.indexOf(HEAD_END)
    const length = found < 0 ? chunk.length : found + HEAD_END.length
    this.#chunkBytes -= length
    if (length === chunk.length) this.#chunks.shift()
    else this.#chunks[0] = chunk.subarray(length)
    return chunk.subarray(0, length)
  }
}
