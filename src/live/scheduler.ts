/**
 * Gives everybody who has something to deliver their turn, in the order in which they asked. A turn hands over at most one
 * frame, and after a number of turns the rest of the process has its own, so that neither ingest nor a neighbour waits for
 * a slow, a lagging or a crowded subscription. [LIVE-4]
 */

/** Pieces of work until the rest of the process has its turn: some milliseconds at the most. A turn is one piece. */
const BUDGET = 256

/** What a subscriber, or a place at which many are parked, is to the scheduler. */
export interface Turn {
  /** Takes one step towards the end of the log. */
  advance(): void
  /** The step has failed, and that is the service's own fault. */
  abandon(error: unknown): void
}

/** One queue for all who take turns, in one process. */
export class Scheduler {
  readonly #queue: Turn[] = []
  readonly #stalled = new Set<Turn>()
  #budget = BUDGET
  #isScheduled = false
  #isStopped = false

  /** Gives a turn soon. Whoever asks twice gets two, which does no harm. */
  queue(turn: Turn): void {
    this.#queue.push(turn)
    this.#schedule()
  }

  /** Gives these their turns now, after all who asked before, with a budget of their own. */
  run(turns: Iterable<Turn>): void {
    for (const turn of turns) this.#queue.push(turn)
    this.#renew()
  }

  /** A turn does so many pieces of work on top of its own. */
  spend(pieces: number): void {
    this.#budget -= pieces
  }

  /** Gives a turn once the storage may answer again, or there may be memory for another frame: at the next `retry`. */
  stall(turn: Turn): void {
    this.#stalled.add(turn)
  }

  /** Takes a turn off those that are stalled. */
  unstall(turn: Turn): void {
    this.#stalled.delete(turn)
  }

  /** What turns were stalled for may have passed. */
  retry(): void {
    for (const turn of this.#stalled) this.queue(turn)
    this.#stalled.clear()
  }

  /** Gives no more turns. */
  stop(): void {
    this.#isStopped = true
    this.#queue.length = 0
    this.#stalled.clear()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return
    this.#isScheduled = true
    if (this.#budget > 0) queueMicrotask(this.#run)
    else setImmediate(this.#renew)
  }

  readonly #renew = (): void => {
    this.#budget = BUDGET
    this.#run()
  }

  readonly #run = (): void => {
    const queue = this.#queue
    let done = 0
    this.#isScheduled = true
    while (done < queue.length && this.#budget > 0) {
      this.#budget--
      const turn = queue[done++]
      try {
        turn.advance() // may queue itself again
      } catch (error) {
        turn.abandon(error) // one that fails keeps nobody else from going on
      }
    }
    queue.splice(0, done)
    this.#isScheduled = false
    if (queue.length > 0) this.#schedule()
  }
}
