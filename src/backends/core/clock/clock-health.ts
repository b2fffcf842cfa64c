/** What is told of the clock to people and their tools. [TIME-4] */
import type { StoreClock } from '../../../../schemas/index.ts'
import type { CoreClock } from './core-clock.ts'

/** Milliseconds by which wall clock and now may differ without a word. */
const WORTH_TELLING = 60_000

/** How a clock stands, as of its last reading. */
export function describeClock(clock: CoreClock): StoreClock {
  const { difference, unsettledSeconds } = clock
  const isRight = Math.abs(difference) <= WORTH_TELLING
  return {
    difference_seconds: Math.round(difference / 1000),
    unsettled_seconds: unsettledSeconds,
    right: isRight,
    detail: isRight ? null : detailOf(difference, unsettledSeconds)
  }
}

function detailOf(difference: number, unsettledSeconds: number): string {
  const seconds = Math.round(Math.abs(difference) / 1000)
  const off = `the wall clock is ${seconds} s ${difference > 0 ? 'ahead of' : 'behind'} the time that events are counted by`
  return unsettledSeconds > 0
    ? `${off}; it is believed if it stays so for another ${unsettledSeconds} s, and until then events that depend on it are unavailable`
    : `${off}, which does not go back; if the wall clock is right now, restart the service`
}
