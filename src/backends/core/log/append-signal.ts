/** Tells readers that there is something new: once for all appends of one turn of the event loop. */

/** The listeners of one store. */
export class AppendSignal {
  readonly #listeners = new Set<() => void>()
  #pending: NodeJS.Immediate | undefined

  /** Calls `listener` after appends. Returns a function that ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Something was appended. */
  raise(): void {
    if (this.#pending !== undefined || this.#listeners.size === 0) return
    this.#pending = setImmediate(() => {
      this.#pending = undefined
      for (const listener of this.#listeners) listener()
    })
  }

  /** Nobody is told any more. */
  close(): void {
    if (this.#pending !== undefined) clearImmediate(this.#pending)
    this.#listeners.clear()
  }
}
