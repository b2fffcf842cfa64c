/** What is said about many figures: the middle one, and those near the end. */

/** The middle of the figures, or the mean of the two in the middle; NaN of none. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)]
}

/** The figure that a share of all are at most as large as, by nearest rank. */
export function percentile(figures: Float64Array, share: number): number {
  return figures.toSorted()[Math.max(0, Math.ceil(figures.length * share) - 1)]
}

/** Every figure of `a` over the one of the same round in `b`; what both rounds suffered cancels out. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((figure, round) => figure / b[round])
}
