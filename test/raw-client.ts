/** A client on a bare socket, for what no HTTP client would send. */
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'

/** One answer as it came over the wire. */
export interface RawAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** One connection. Answers are read in order; `undefined` stands for the end of the connection. */
export class RawClient {
  readonly socket: Socket
  #received = ''
  #ended = false
  #wake: () => void = () => {}

  /** @param port or the path of a Unix domain socket */
  constructor(t: Test, port: number | string, allowHalfOpen = false) {
    this.socket = connect(typeof port === 'string' ? { path: port, allowHalfOpen } : { port, host: '127.0.0.1', allowHalfOpen })
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => {
      this.#received += text
      this.#wake()
    })
    for (const event of ['end', 'close']) {
      this.socket.on(event, () => {
        this.#ended = true
        this.#wake()
      })
    }
    this.socket.on('error', () => {})
    t.teardown(() => this.socket.destroy())
  }

  /** What has come and was not read as an answer. */
  get rest(): string {
    return this.#received
  }

  /** Sends bytes; resolves when they were handed to the system. */
  send(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve) => { this.socket.write(bytes, () => resolve()) })
  }

  /** The next answer that was not read yet. */
  async answer(): Promise<RawAnswer | undefined> {
    for (;;) {
      const answer = this.#take()
      if (answer !== undefined) return answer
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }

  /** All that came and was not read, once it matches. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received) && !this.#ended) await new Promise<void>((resolve) => { this.#wake = resolve })
    return this.#received
  }

  #take(): RawAnswer | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd < 0) return undefined
    const [statusLine, ...lines] = this.#received.slice(0, headEnd).split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }))
    const bodyEnd = headEnd + 4 + Number(headers['content-length'] ?? 0)
    if (this.#received.length < bodyEnd) return undefined
    const body = this.#received.slice(headEnd + 4, bodyEnd)
    this.#received = this.#received.slice(bodyEnd)
    return { status: Number(statusLine.split(' ')[1]), headers, body }
  }
}

/** The text of a request; without a content-length of its own, that of the body. */
export function request(line: string, headers: Record<string, string> = {}, body = ''): string {
  const all: Record<string, string> = { host: 'localhost', ...body !== '' && { 'content-length': String(Buffer.byteLength(body)) }, ...headers }
  return `${line} HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** One chunk of a chunked body. */
export function chunk(body: string): string {
  return `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`
}

/** The end of a chunked body. */
export const LAST_CHUNK = '0\r\n\r\n'
