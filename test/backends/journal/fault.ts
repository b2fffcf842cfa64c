/** The switch of the faulty writing thread. */
import { setEnvironmentData } from 'node:worker_threads'

export const FAULT_KEY = 'journal-fault'

/** What happens to the next commits. */
export const Fault = { None: 0, Before: 1, After: 2, Full: 3, Hang: 4, Crash: 5 } as const
export type Fault = (typeof Fault)[keyof typeof Fault]

/** Tells the writing threads that are started from now on what to do. */
export class FaultSwitch {
  /** The fault, and how many commits have been tried. */
  readonly #state = new Int32Array(new SharedArrayBuffer(8))
  readonly thread = new URL('faulty-thread.ts', import.meta.url)

  constructor() {
    setEnvironmentData(FAULT_KEY, this.#state.buffer)
  }

  set(fault: Fault): void {
    Atomics.store(this.#state, 0, fault)
    Atomics.notify(this.#state, 0)
  }

  /** Resolves when a further commit is being tried. */
  async nextCommit(): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#state, 1, Atomics.load(this.#state, 1))
    if (async) await value
  }
}
