/** A WebSocket client that sends and sees single frames, for what a well-behaved one would not send. */
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { request } from '../raw-client.ts'

/** The headers of a handshake. */
export const HANDSHAKE: Record<string, string> = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
}

export const Opcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 }

/** A frame as a client sends it (RFC 6455 section 5.2), masked with zeros. */
export function clientFrame(firstByte: number, payload: Buffer | string = '', masked = true): Buffer {
  const bytes = Buffer.from(payload)
  if (bytes.length > 125) throw new RangeError('short frames only')
  return Buffer.concat([Buffer.from([firstByte, (masked ? 0x80 : 0) | bytes.length, ...masked ? [0, 0, 0, 0] : []]), bytes])
}

/** A frame as it came from the server. */
export interface RawFrame {
  opcode: number
  payload: Buffer
}

/** A connection that speaks WebSocket byte by byte. The handshake is sent at once, and `bytes` right after it. */
export class RawFrames {
  readonly socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isOpen = false
  #ended = false
  #wake = () => {}

  constructor(t: Pick<Test, 'teardown'>, port: number, path = '/ws/events', bytes: Buffer = Buffer.alloc(0)) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.write(Buffer.concat([Buffer.from(request(`GET ${path}`, HANDSHAKE)), bytes]))
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
    this.socket.on('error', () => {})
    t.teardown(() => this.socket.destroy())
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** The next frame; undefined at the end of the connection. */
  async next(): Promise<RawFrame | undefined> {
    for (;;) {
      const frame = this.#take()
      if (frame !== undefined || this.#ended) return frame
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }

  /** The code with which the server closes; frames before it are skipped. */
  async closeCode(): Promise<number | undefined> {
    for (;;) {
      const frame = await this.next()
      if (frame === undefined) return undefined
      if (frame.opcode === Opcode.Close) return frame.payload.readUInt16BE(0)
    }
  }

  #take(): RawFrame | undefined {
    if (!this.#isOpen) {
      const end = this.#received.indexOf('\r\n\r\n')
      if (end < 0) return undefined
      this.#isOpen = true
      this.#received = this.#received.subarray(end + 4)
    }
    const bytes = this.#received
    if (bytes.length < 2) return undefined
    const start = bytes[1] === 126 ? 4 : 2
    if (bytes.length < start) return undefined
    const end = start + (start === 4 ? bytes.readUInt16BE(2) : bytes[1])
    if (bytes.length < end) return undefined
    this.#received = bytes.subarray(end)
    return { opcode: bytes[0] & 0x0f, payload: bytes.subarray(start, end) }
  }
}
