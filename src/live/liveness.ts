/**
 * Whether a peer is still there: it is asked now and then, and cut off when it stays silent [LIVE-5]. A healthy peer may
 * answer late for two reasons, and neither may cost it its connection: the question waits behind what it has yet to
 * read, or this side has stopped reading from it.
 */
import type { Connection } from './connection.ts'
import type { Outbox } from './outbox.ts'

/** Times in milliseconds. */
export interface LivenessTimes {
  /** Between two questions. */
  ping: number
  /** For the answer. */
  pong: number
  /** For the answer of a peer that had bytes waiting within this time: its answer lies behind full buffers on the way. */
  drain: number
}

/** See above. */
export class Liveness {
  readonly #connection: Connection
  readonly #outbox: Outbox
  readonly #times: LivenessTimes
  #askedAt: number
  #receivedBefore = 0
  #isAsking = false

  constructor(connection: Connection, outbox: Outbox, times: LivenessTimes, now: number) {
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
    const { ping, pong, drain } = this.#times
    if (this.#isAsking && this.#connection.received !== this.#receivedBefore) this.#isAsking = false
    if (this.#isAsking) {
      if (now - this.#askedAt < pong || now - this.#outbox.strainedAt < drain) return true
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
