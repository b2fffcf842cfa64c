/** What the core says a moment is: the time of every row, and by which ids age. Both are milliseconds and never go back. */
export interface ClockReading {
  /** The core's now, since 1970. [TIME-3] */
  wall: number
  /** Time that has passed, whatever the wall clock said meanwhile; across restarts of a journal, too. */
  elapsed: number
}
