/** The gate of the held writing thread. */
import { setEnvironmentData } from 'node:worker_threads'

export const GATE_KEY = 'journal-replay-gate'

/** Holds the writing threads that are started from now on once they have read a first slice of the journal. */
export class ReplayGate {
  /** 1 once it is open. */
  readonly #state = new Int32Array(new SharedArrayBuffer(4))
  readonly thread = new URL('held-thread.ts', import.meta.url)

  constructor() {
    setEnvironmentData(GATE_KEY, this.#state.buffer)
  }

  open(): void {
    Atomics.store(this.#state, 0, 1)
    Atomics.notify(this.#state, 0)
  }
}
