/** The way out to one peer, which notices whether the peer takes what it is sent. */
import type { Outlet } from './connection.ts'

/** See above. */
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
