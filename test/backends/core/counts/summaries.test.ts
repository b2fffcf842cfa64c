/** What an answer looks at: counters, as many with ten thousand events as with ten. [WIN-5] */
import t from 'tap'
import { TIME_WINDOWS } from '../../../../schemas/index.ts'
import { MinuteWindows } from '../../../../src/backends/core/counts/minute-windows.ts'
import { series, summarize } from '../../../../src/backends/core/counts/summaries.ts'
import { DAY, HOUR, MINUTE, START } from '../../test-clock.ts'

/** How many counters a question reads of windows that hold so many events. */
function readsOf(events: number, ask: (windows: MinuteWindows) => unknown): number {
  const windows = new MinuteWindows(START)
  for (let i = 0; i < events; i++) windows.count(START - (i * 7919 * MINUTE) % (7 * DAY), i % 4, -1)
  let reads = 0
  ask(new Proxy(windows, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      reads++
      return value.bind(target)
    }
  }))
  return reads
}

t.test('a summary and a series read the same counters whatever the number of events [WIN-5]', async (t) => {
  for (const window of TIME_WINDOWS) {
    const summary = (windows: MinuteWindows) => summarize(windows, window, START, true, 'c')
    const hours = (windows: MinuteWindows) => series(windows, window, 'hour', START)
    t.equal(readsOf(10_000, summary), readsOf(10, summary), window)
    t.equal(readsOf(10_000, hours), readsOf(10, hours), window)
    t.ok(readsOf(10, summary) <= 7 * DAY / HOUR + 10)
  }
})
