/** Positions of which nothing was found, as ranges that shrink as rows are found. */

/** Positions from one to before another one. */
export interface MissingRange {
  from: number
  to: number
}

/** A set of positions that shrinks. Looking up costs O(log gaps). */
export class Gaps {
  /** In order, none of them empty. */
  readonly list: MissingRange[]

  constructor(list: readonly MissingRange[]) {
    this.list = list.filter(({ from, to }) => from < to).map((gap) => ({ ...gap }))
  }

  /** Whether a position is in one. */
  has(position: number): boolean {
    return this.#find(position) !== undefined
  }

  /** Takes positions out of the gap that they lie in, all of them; false where they do not. */
  fill(from: number, to: number): boolean {
    const i = this.#find(from)
    if (i === undefined || this.list[i].to < to) return false
    const rest = new Gaps([{ from: this.list[i].from, to: from }, { from: to, to: this.list[i].to }])
    this.list.splice(i, 1, ...rest.list)
    return true
  }

  #find(position: number): number | undefined {
    let low = 0
    let high = this.list.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.list[middle].to <= position) low = middle + 1
      else high = middle
    }
    return low < this.list.length && this.list[low].from <= position ? low : undefined
  }
}
