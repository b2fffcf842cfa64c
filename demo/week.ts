/** When visitors come: by day more than by night, and most of all in the evening. */

const HOUR = 3_600_000

/** How many come in each hour of a day, in comparison. */
const BY_HOUR = [3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 13, 12, 11, 11, 12, 14, 17, 20, 21, 18, 12, 6]

/**
 * Times spread over a span as visitors come, in order; the hours are those of this machine's time zone. O(hours + count).
 * @param from milliseconds since 1970
 * @param to without this moment itself
 */
export function spread(from: number, to: number, count: number): number[] {
  const hours: { start: number, end: number, upTo: number }[] = []
  let sum = 0
  for (let start = from; start < to;) {
    const end = Math.min(to, Math.floor(start / HOUR) * HOUR + HOUR)
    sum += BY_HOUR[new Date(start).getHours()] * (end - start)
    hours.push({ start, end, upTo: sum })
    start = end
  }
  const times: number[] = []
  let before = 0
  for (const { start, end, upTo } of hours) {
    while (times.length < count && (times.length + 0.5) / count * sum <= upTo) {
      const share = ((times.length + 0.5) / count * sum - before) / (upTo - before)
      times.push(Math.floor(start + share * (end - start)))
    }
    before = upTo
  }
  return times
}
