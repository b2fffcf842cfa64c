/**
 * The other end of a live connection: what delivery needs of a transport, whether the peer takes what it is sent
 * (back-pressure), and whether it is still there (liveness). The routes implement the transport over a WebSocket and over an
 * HTTP response, so that nothing in here knows either, and tests stand in for a peer that is slow, gone or silent.
 */

/** Where the bytes for one peer go. */
export interface Outlet {
  /** Hands over one whole frame. `sent` is called once, later, when the bytes have left this process or never will. */
  send(bytes: Buffer, sent: () => void): void
  /** Bytes handed over that have not left this process. */
  readonly buffered: number
  /** Says goodbye and ends; what was handed over goes first. */
  close(code: number, reason: string): void
  /** Ends at once. */
  terminate(): void
}

/** A peer that also speaks. */
export interface PeerConnection extends Outlet {
  /** Bytes that came from the peer so far, of whatever kind: a sign of life. */
  readonly received: number
  /** Stops reading from the peer, so that it is held back by its own full socket. */
  pause(): void
  resume(): void
  /** Asks for a sign of life. */
  ping(): void
}

/** Why a connection is closed, as WebSocket close codes (RFC 6455 section 7.4.1). [LIVE-5] */
export const CloseCode = {
  Shutdown: 1001,
  Binary: 1003,
  Policy: 1008,
  InternalError: 1011
} as const

/** The way out to one peer, which notices whether the peer takes what it is sent. */
export class Outbox {
  readonly #outlet: Outlet
  readonly #now: () => number
  #backlog = false
  #strainedAt = -Infinity

  /** @param now milliseconds that never go back */
  constructor(outlet: Outlet, now: () => number) {
    this.#outlet = outlet
    this.#now = now
  }

  /** When bytes last began to wait for the peer, or had waited and left. How much more waits on the way nobody can see. */
  get strainedAt(): number {
    return this.#strainedAt
  }

  /** Hands over one frame; `sent` is called once, later. */
  send(bytes: Buffer, sent: () => void): void {
    this.#outlet.send(bytes, () => {
      if (this.#backlog) {
        this.#strainedAt = this.#now()
        this.#backlog = this.#outlet.buffered > 0
      }
      sent()
    })
    if (this.#backlog || this.#outlet.buffered === 0) return
    this.#backlog = true
    this.#strainedAt = this.#now()
  }
}

/** Times in milliseconds. */
export interface LivenessTimes {
  /** Between two questions. */
  ping: number
  /** For the answer. */
  pong: number
  /** For the answer of a peer that had bytes waiting within this time: its answer waits in full buffers on the way. */
  slowPong: number
}

/**
 * Whether a peer is still there: it is asked now and then, and cut off when it stays silent [LIVE-5]. A healthy peer may
 * answer late for two reasons, and neither may cost it its connection: the question waits after what it has yet to read, or
 * this side has stopped reading from it.
 */
export class Liveness {
  readonly #connection: PeerConnection
  readonly #outbox: Outbox
  readonly #times: LivenessTimes
  #askedAt: number
  #receivedBefore = 0
  #isAsking = false

  constructor(connection: PeerConnection, outbox: Outbox, times: LivenessTimes, now: number) {
    this.#connection = connection
    this.#outbox = outbox
    this.#times = times
    this.#askedAt = now
  }

  /**
   * Asks when it is time.
   * @param isPaused whether an answer could not be read
   * @returns false if the peer is gone
   */
  check(now: number, isPaused: boolean): boolean {
    const { ping, pong, slowPong } = this.#times
    if (this.#isAsking && this.#connection.received !== this.#receivedBefore) this.#isAsking = false
    if (this.#isAsking) {
      if (now - this.#askedAt < pong || now - this.#outbox.strainedAt < slowPong) return true
      return isPaused && this.#connection.buffered === 0
    }
    if (now - this.#askedAt >= ping) {
      this.#askedAt = now
      this.#receivedBefore = this.#connection.received
      this.#isAsking = true
      this.#connection.ping()
    }
    return true
  }
}
