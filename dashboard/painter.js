/** Draws what has changed, at most ten times a second, and not at all while nothing has. */

/** Least milliseconds from one drawing to the next. */
const INTERVAL = 100

export class Painter {
  #draw
  #isDue = false
  #drawnAt = -Infinity

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw
  }

  /** Something has changed. */
  mark() {
    if (this.#isDue) return
    this.#isDue = true
    setTimeout(() => requestAnimationFrame(this.#paint), Math.max(0, this.#drawnAt + INTERVAL - performance.now()))
  }

  #paint = () => {
    this.#isDue = false
    this.#drawnAt = performance.now()
    this.#draw()
  }
}
