/**
 * Messages of all WebSockets together, from their first byte until they are carried out: bounded in bytes, and in time until they
 * are whole. When the bound is met the oldest that is not whole is ended, and not whoever comes next. [LIMIT-1, LIMIT-2]
 */

/** The least that all of them may take together, in bytes; else as much as two of the largest. */
const LEAST_BYTES = 64 << 20

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

/** What all clients have sent that is not carried out yet. */
export class IncomingMessages {
  readonly #most: number
  readonly #now: () => number
  /** The oldest first. */
  readonly #sources = new Map<MessageSource, Unfinished>()
  #bytes = 0

  /**
   * @param maxMessageBytes of the largest one
   * @param now milliseconds that never go back
   */
  constructor(maxMessageBytes: number, now: () => number) {
    this.#most = Math.max(LEAST_BYTES, 2 * maxMessageBytes)
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
    this.#makeRoom()
  }

  /** A message is whole and is about to be carried out; false if there is no room for it. Others may have to go. */
  take(bytes: number): boolean {
    this.#bytes += bytes
    this.#makeRoom()
    if (this.#bytes <= this.#most) return true
    this.#bytes -= bytes
    return false
  }

  /** A message that was taken is done with. */
  release(bytes: number): void {
    this.#bytes -= bytes
  }

  #makeRoom(): void {
    for (const [oldest] of this.#sources) {
      if (this.#bytes <= this.#most) return
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
