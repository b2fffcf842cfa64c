/** How many events come in a second, over the last few seconds. */

const SPAN = 5000

export class Rate {
  /** @type {{ time: number, count: number }[]} */
  #counts = []
  #sum = 0
  #begin = -Infinity

  /**
   * @param {number} count
   * @param {number} now milliseconds that never go back
   */
  add(count, now) {
    if (this.#counts.length === 0) this.#begin = Math.max(this.#begin, now - 1000)
    this.#counts.push({ time: now, count })
    this.#sum += count
  }

  /** @param {number} now */
  perSecond(now) {
    while (this.#counts.length > 0 && this.#counts[0].time <= now - SPAN) {
      const { time, count } = /** @type {{ time: number, count: number }} */ (this.#counts.shift())
      this.#begin = time
      this.#sum -= count
    }
    return this.#sum / Math.max(1, Math.min(SPAN, now - this.#begin) / 1000)
  }
}
