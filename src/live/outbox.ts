/** The way out to one peer, which notices whether the peer takes what it is sent. */
import type { Outlet } from './connection.ts'

/** See above. */
export class Outbox {
  readonly #outlet: Outlet
  readonly #now: () => number
  #backlog = false
  #drainedAt = -Infinity

  /** @param now milliseconds that never go back */
  constructor(outlet: Outlet, now: () => number) {
    this.#outlet = outlet
    this.#now = now
  }

  /** When bytes that had to wait for the peer last left; how far behind it is beyond that nobody can see. */
  get drainedAt(): number {
    return this.#drainedAt
  }

  /** Hands over one frame; `sent` is called once, later. */
  send(bytes: Buffer, sent: () => void): void {
    this.#outlet.send(bytes, () => {
      if (this.#backlog) {
        this.#drainedAt = this.#now()
        this.#backlog = this.#outlet.buffered > 0
      }
      sent()
    })
    if (this.#outlet.buffered > 0) this.#backlog = true
  }
}
