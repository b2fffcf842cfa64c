/**
 * Messages of all WebSockets together, from their first byte until they are carried out: bounded in bytes, and in time until they
 * are whole. When the bound is met the oldest that is not whole is ended, and not whoever comes next. [LIMIT-1, LIMIT-2]
 */

/** The least bound of all of them together, in bytes; else as much as two of the largest. */
const MIN_BYTES = 64 << 20

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
  readonly #maxBytes: number
  readonly #now: () => number
  /** The oldest first. */
  readonly #sources = new Map<MessageSource, Unfinished>()
  #bytes = 0

  /**
   * @param maxMessageBytes of the largest one
   * @param now milliseconds that never go back
   */
  constructor(maxMessageBytes: number, now: () => number) {
    this.#maxBytes = Math.max(MIN_BYTES, 2 * maxMessageBytes)
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
    this.#evict()
  }

  /** A message is whole and is about to be carried out; false if there is no room for it. Others may have to go. */
  reserve(bytes: number): boolean {
    this.#bytes += bytes
    this.#evict()
    if (this.#bytes <= this.#maxBytes) return true
    this.#bytes -= bytes
    return false
  }

  /** A message with reserved bytes has been carried out. */
  release(bytes: number): void {
    this.#bytes -= bytes
  }

  #evict(): void {
    for (const [oldest] of this.#sources) {
      if (this.#bytes <= this.#maxBytes) return
      this.remove(oldest)
      oldest.end()
    }
  }

  /** A peer is gone. */
  remove(source: MessageSource): void {
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
        this.remove(source)
        source.expire()
      }
    }
  }
}
