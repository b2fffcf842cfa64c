/**
 * What all connections together make the service keep because their peers do not read, or send ahead: answers that have
 * not left and requests that wait for them. When it is too much, the connection that has been stuck longest ends.
 * [LIMIT-1, LIMIT-2]
 */
import type { Socket } from 'node:net'

interface Share {
  connection: Socket
  bytes: number
}

/** Bytes that connections hold, by what holds them: an answer, or a queue of requests. */
export class ConnectionMemory {
  readonly #limit: number
  readonly #onEnd: (connection: Socket) => void
  /** Those stuck longest first, as a share that changes keeps its place. */
  readonly #shares = new Map<object, Share>()
  #bytes = 0

  /**
   * @param limit in bytes, of all shares together
   * @param onEnd told of a connection that is ended so that others go on
   */
  constructor(limit: number, onEnd: (connection: Socket) => void) {
    this.#limit = limit
    this.#onEnd = onEnd
  }

  /** Bytes held now; for metrics and tests. */
  get bytes(): number {
    return this.#bytes
  }

  /** Says how many bytes something holds from now on; 0 if it is done. Connections may end meanwhile, also this one. */
  hold(owner: object, connection: Socket, bytes: number): void {
    const share = this.#shares.get(owner)
    this.#bytes += bytes - (share?.bytes ?? 0)
    if (bytes === 0) this.#shares.delete(owner)
    else if (share === undefined) this.#shares.set(owner, { connection, bytes })
    else share.bytes = bytes
    while (this.#bytes > this.#limit) this.#endOldest()
  }

  #endOldest(): void {
    const [[owner, share]] = this.#shares
    this.#shares.delete(owner)
    this.#bytes -= share.bytes
    this.#onEnd(share.connection)
    share.connection.destroy()
  }
}
