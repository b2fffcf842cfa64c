/**
 * A TCP proxy that cuts connections after a random number of bytes of the answer, wherever that is: within a chunk, a
 * line, or a character. What a client was handed up to there has arrived; what comes after has not.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

const LINE_FEED = 0x0a

/** A proxy that cuts each connection after some bytes. */
export class CuttingProxy {
  readonly #server: Server
  readonly #meanBytes: number
  readonly #random: () => number
  readonly #sockets = new Set<Socket>()
  /** The port to forward to; new connections go to a new one. */
  target: number
  /** Connections cut so far. */
  cuts = 0

  /**
   * @param target the port to forward to
   * @param meanBytes bytes after which a connection is cut, on average
   * @param random from 0 to 1
   */
  constructor(target: number, meanBytes: number, random: () => number) {
    this.target = target
    this.#meanBytes = meanBytes
    this.#random = random
    this.#server = createServer((downstream) => this.#forward(downstream))
  }

  /** Resolves with the port. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #forward(downstream: Socket): void {
    const upstream = connect(this.target, '127.0.0.1')
    for (const socket of [downstream, upstream]) {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => {
        this.#sockets.delete(socket)
        downstream.destroy()
        upstream.destroy()
      })
    }
    let left = Math.floor(this.#random() * 2 * this.#meanBytes)
    downstream.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      const bytes = hastened(chunk)
      if (bytes.length <= left) {
        left -= bytes.length
        downstream.write(bytes)
        return
      }
      upstream.removeAllListeners('data')
      this.cuts++
      downstream.end(bytes.subarray(0, besideTheGap(bytes, left)), () => downstream.destroy())
      upstream.destroy()
    })
  }
}

/** The same bytes, but for the time after which a client comes back: five milliseconds, so that a test may cut often. */
function hastened(chunk: Buffer): Buffer {
  const text = chunk.toString('latin1')
  return Buffer.from(text.replace(/^retry: (\d+)$/m, (_, digits: string) => `retry: ${'5'.padStart(digits.length, '0')}`), 'latin1')
}

/**
 * The same place, but never between the two line ends of a message. A library that keeps an id as soon as its line ends
 * has lost the event there, in whatever order the fields come, and no server can help it.
 */
function besideTheGap(bytes: Buffer, at: number): number {
  return at > 0 && bytes[at - 1] === LINE_FEED && bytes[at] === LINE_FEED ? at + 1 : at
}
