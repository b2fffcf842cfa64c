/**
 * Shares the event loop's turns: work that may be long asks whether the turn is over, and then goes on in a later one. All
 * such work shares one account, so that many long bodies at a time hold up a turn no longer than one does. [LIMIT-3]
 */

/** Milliseconds of work in one turn: of what has waited, and once more of what is new. */
const TURN_MILLISECONDS = 8

/** One account. What waits goes on first come, first served, in the next turn that has time for it. */
export class Turns {
  readonly #waiting: (() => void)[] = []
  readonly #now: () => number
  #immediate: NodeJS.Immediate | undefined
  /** When the time of this turn is up; undefined until something asks. */
  #end: number | undefined

  /** @param now milliseconds of a clock that does not go back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Whether what is at work has to go on in a later turn. */
  get isOver(): boolean {
    const now = this.#now()
    if (this.#end === undefined) {
      this.#end = now + TURN_MILLISECONDS
      this.#schedule()
    }
    return now >= this.#end
  }

  /** Resolves in a later turn, in which there is time. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  /**
   * Does work, which yields where it can be held up, over as many turns as it takes; then calls back with what returns or throws
   * what came of it. That is before this call returns if the turn has time for all of it.
   */
  run<T>(work: Generator<void, T>, done: (outcome: () => T) => void): void {
    let step: IteratorResult<void, T>
    try {
      do {
        if (this.isOver) {
          this.next().then(() => this.run(work, done))
          return
        }
        step = work.next()
      } while (step.done !== true)
    } catch (error) {
      done(() => { throw error })
      return
    }
    const { value } = step
    done(() => value)
  }

  #schedule(): void {
    this.#immediate ??= setImmediate(this.#begin)
  }

  readonly #begin = (): void => {
    this.#immediate = undefined
    this.#end = undefined
    this.#goOn()
  }

  /** Lets what waits go on, one after the other, until the time is up; what is new in the next poll phase has its own. */
  readonly #goOn = (): void => {
    if (this.#waiting.length > 0 && !this.isOver) {
      this.#waiting.shift()!()
      // After it: it goes on in a microtask that is queued already.
      queueMicrotask(this.#goOn)
      return
    }
    this.#end = undefined
    if (this.#waiting.length > 0) this.#schedule()
  }
}

/** The account of this thread, which has one event loop. */
export const TURNS = new Turns()
