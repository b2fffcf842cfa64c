/**
 * A producer as the service wants them: posts batches, sends a batch whose answer never came again with the same ids,
 * and reads the receipts.
 */
import type { Event, Receipt, Summary } from '../schemas/index.ts'

/** What became of what was sent. */
export interface Tally {
  /** Different events that were answered. */
  sent: number
  accepted: number
  duplicates: number
  /** Events that were rejected, unavailable, or in a request that failed for good. */
  errors: number
}

/** How long a request may take, in milliseconds. */
const TIMEOUT = 10_000

/** Times that one batch is tried before it counts as an error. */
const TRIES = 5

export class Sender {
  readonly tally: Tally = { sent: 0, accepted: 0, duplicates: 0, errors: 0 }
  /** What the last request that failed was told. */
  lastError: string | undefined
  readonly #url: URL
  readonly #sleep: (milliseconds: number) => Promise<unknown>

  constructor(url: URL, sleep: (milliseconds: number) => Promise<unknown>) {
    this.#url = url
    this.#sleep = sleep
  }

  /** Sends a batch until it is answered. With `again` it is sent a second time, as after an answer that got lost. */
  async send(events: readonly Event[], again: boolean): Promise<void> {
    this.tally.sent += events.length
    const answered = await this.#deliver(events)
    if (answered && again) await this.#deliver(events)
  }

  /**
   * The service's summary of the last 24 hours.
   * @throws Error if it cannot be had
   */
  async summary(): Promise<Summary> {
    const answer = await fetch(new URL('analytics/summary?window=24h', this.#url), { signal: AbortSignal.timeout(TIMEOUT) })
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
    return await answer.json() as Summary
  }

  /** Resolves with whether there was a receipt in the end. */
  async #deliver(events: readonly Event[]): Promise<boolean> {
    const body = JSON.stringify(events)
    for (let tries = 1; ; tries++) {
      const [receipt, retryAfter] = await this.#post(body)
      if (receipt !== undefined) {
        this.tally.accepted += receipt.accepted
        this.tally.duplicates += receipt.duplicates
        this.tally.errors += receipt.rejected + receipt.unavailable
        return true
      }
      if (retryAfter === undefined || tries === TRIES) {
        this.tally.errors += events.length
        return false
      }
      await this.#sleep(retryAfter)
    }
  }

  /** A receipt, or the milliseconds after which to try again, or neither if that is of no use. */
  async #post(body: string): Promise<[Receipt | undefined, number | undefined]> {
    try {
      const answer = await fetch(new URL('events', this.#url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(TIMEOUT)
      })
      if (answer.status === 200 || answer.status === 207) return [await answer.json() as Receipt, undefined]
      this.lastError = `${answer.status} ${await answer.text()}`
      const temporary = answer.status === 429 || answer.status >= 500
      return [undefined, temporary ? Number(answer.headers.get('retry-after') ?? 1) * 1000 : undefined]
    } catch (error) {
      this.lastError = describe(error)
      return [undefined, 250]
    }
  }
}

/** What fetch says of a failure, without its wrapping. */
export function describe(error: unknown): string {
  const { cause, message } = error as Error
  return cause instanceof Error ? (cause as NodeJS.ErrnoException).code ?? cause.message : message
}
