/**
 * Messages that are still on their way, of all WebSockets together: bounded in bytes and in time, so that peers cannot make the
 * service hold what they never finish. When the bound is met the oldest is ended, and not whoever comes next. [LIMIT-1, LIMIT-2]
 */

/** Bytes of all unfinished messages together. */
const MOST_BYTES = 64 << 20

/** Milliseconds from a message's first byte to its last. */
const DEADLINE = 30_000

/** A peer whose message may be unfinished. */
export interface MessageSource {
  /** Bytes of its present message that are held. */
  held(): number
  /** Whether this side does not read from it, so that it cannot go on. */
  readonly isPaused: boolean
  /** Its message takes too long. */
  expire(): void
  /** It holds up others: it goes at once. */
  end(): void
}

interface Unfinished {
  bytes: number
  since: number
}

/** See the module's comment. */
export class UnfinishedMessages {
  readonly #now: () => number
  /** The oldest first. */
  readonly #sources = new Map<MessageSource, Unfinished>()
  #bytes = 0

  /** @param now milliseconds that never go back */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Bytes have come from a peer. O(1), or O(peers) where some must go. */
  update(source: MessageSource): void {
    const held = source.held()
    const known = this.#sources.get(source)
    this.#bytes += held - (known?.bytes ?? 0)
    if (held === 0) this.#sources.delete(source)
    else if (known === undefined) this.#sources.set(source, { bytes: held, since: this.#now() })
    else known.bytes = held
    for (const [oldest] of this.#sources) {
      if (this.#bytes <= MOST_BYTES) return
      this.forget(oldest)
      oldest.end()
    }
  }

  /** A peer is gone. */
  forget(source: MessageSource): void {
    this.#bytes -= this.#sources.get(source)?.bytes ?? 0
    this.#sources.delete(source)
  }

  /** Lets time pass. */
  tick(): void {
    const now = this.#now()
    for (const [source, unfinished] of this.#sources) {
      if (source.isPaused) {
        unfinished.since = now
      } else if (now - unfinished.since > DEADLINE) {
        this.forget(source)
        source.expire()
      }
    }
  }
}
