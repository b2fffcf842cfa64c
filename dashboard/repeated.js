/** Something that is asked for again and again while somebody looks: each time so long after the last answer. */

export class Repeated {
  #work
  #interval
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #isRunning = false

  /**
   * @param {() => Promise<void>} work what fails is tried again the next time
   * @param {number} interval milliseconds
   */
  constructor(work, interval) {
    this.#work = work
    this.#interval = interval
  }

  /** Does it now, and from now on. */
  start() {
    this.stop()
    this.#isRunning = true
    this.#run()
  }

  stop() {
    this.#isRunning = false
    clearTimeout(this.#timer)
  }

  async #run() {
    await this.#work().catch(() => {})
    if (!this.#isRunning) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#run(), this.#interval)
  }
}
