/**
 * WebSocket subscribers that cost as little as can be, so that what sends to them is what is measured: raw sockets that
 * look at the head of each frame and skip the rest. They know how many bytes of events came, and when.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Bytes at the beginning of a payload among which the events begin. */
const HEAD_LENGTH = 128

const EVENTS = Buffer.from('"events":[')

/** Called after each frame with events: bytes of events in it, commas included. */
export type Arrival = (bytes: number) => void

/** One subscriber. */
export class FrameCounter {
  /** Bytes of events that have arrived, each event counted with one comma. */
  eventBytes = 0
  readonly #socket: Socket
  readonly #onArrival: Arrival
  /** The beginning of a frame whose head has not arrived whole. */
  #head: Buffer | undefined
  /** Bytes of the frame that are still to come and of no interest. */
  #skip = 0
  /** What the frame counts, told when it is whole. */
  #counts = 0

  private constructor(socket: Socket, onArrival: Arrival) {
    this.#socket = socket
    this.#onArrival = onArrival
  }

  static async open(port: number, query: string, onArrival: Arrival): Promise<FrameCounter> {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.write(`GET /ws/events${query} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
      'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
    let answer = Buffer.alloc(0)
    let end = -1
    while (end < 0) {
      const [chunk] = await once(socket, 'data') as [Buffer]
      answer = Buffer.concat([answer, chunk])
      end = answer.indexOf('\r\n\r\n')
    }
    if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`no WebSocket: ${answer.toString()}`)
    const counter = new FrameCounter(socket, onArrival)
    if (answer.length > end + 4) counter.#read(answer.subarray(end + 4))
    socket.on('data', (chunk: Buffer) => counter.#read(chunk))
    return counter
  }

  /** Sends a short text frame, masked with zeros (RFC 6455 section 5.3). */
  send(text: string): void {
    const payload = Buffer.from(text)
    if (payload.length > 125) throw new RangeError('short frames only')
    this.#socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]))
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at)
        this.#skip -= skipped
        at += skipped
        if (this.#skip === 0) this.#finish()
        continue
      }
      const bytes: Buffer = this.#head === undefined ? chunk.subarray(at) : Buffer.concat([this.#head, chunk.subarray(at)])
      const begun = this.#head?.length ?? 0
      const taken = this.#begin(bytes)
      if (taken < 0) {
        this.#head = bytes
        return
      }
      this.#head = undefined
      at += taken - begun
      if (this.#skip === 0) this.#finish()
    }
  }

  /** Looks at the head of a frame; returns the bytes of it that were looked at, or -1 if more of them are needed. */
  #begin(bytes: Buffer): number {
    if (bytes.length < 2) return -1
    const short = bytes[1]
    const start = short === 127 ? 10 : short === 126 ? 4 : 2
    if (bytes.length < start) return -1
    const length = short === 127 ? bytes.readUIntBE(4, 6) : short === 126 ? bytes.readUInt16BE(2) : short
    const head = Math.min(length, HEAD_LENGTH)
    if (bytes.length < start + head) return -1
    const begin = bytes.subarray(start, start + head).indexOf(EVENTS)
    if (begin >= 0) this.#counts = length - begin - EVENTS.length - 1 // the brackets at the end for the comma that is missing
    this.#skip = length - head
    return start + head
  }

  #finish(): void {
    const counts = this.#counts
    if (counts <= 0) return
    this.#counts = 0
    this.eventBytes += counts
    this.#onArrival(counts)
  }
}
