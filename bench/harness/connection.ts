/**
 * One keep-alive connection to a server, as thin as can be, so that the load costs less than what is measured: ready
 * bytes out, the answer's status and body in, one request at a time.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')

/** An answer; the body is a view that lasts. */
export interface Answer {
  status: number
  body: Buffer
}

/** One connection, with one request at a time. */
export class Connection {
  readonly #socket: Socket
  #received: Buffer | undefined
  #resolve: ((answer: Answer) => void) | undefined
  #reject: ((error: Error) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) => this.#reject?.(error))
    socket.on('close', () => this.#reject?.(new Error('the server closed the connection')))
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Connection(socket)
  }

  /** Sends a request and resolves with its answer. */
  send(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#reject = undefined
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    const bytes = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    this.#received = bytes
    const head = bytes.indexOf(HEAD_END)
    if (head < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(bytes.toString('latin1', 0, head + 2))?.[1]
    if (length === undefined) {
      this.#reject?.(new Error('an answer without content-length'))
      return
    }
    const start = head + HEAD_END.length
    if (bytes.length < start + Number(length)) return
    this.#received = undefined
    this.#resolve?.({ status: Number(bytes.toString('latin1', 9, 12)), body: bytes.subarray(start) })
  }
}
