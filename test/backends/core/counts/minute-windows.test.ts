import t from 'tap'
import { MinuteWindows } from '../../../../src/backends/core/counts/minute-windows.ts'
import { series, summarize } from '../../../../src/backends/core/counts/summaries.ts'
import { DAY, HOUR, MINUTE, START } from '../../test-clock.ts'

/** A multiple of what the ring of minutes and the ring of hours hold. */
const RINGS = 4096 * HOUR

const minute = (time: number): number => Math.floor(time / MINUTE)

t.test('a slot that is used again starts from nothing', async (t) => {
  const windows = new MinuteWindows(START)
  windows.count(START, 1, -1)
  windows.advance(START + RINGS)
  windows.count(START + RINGS, 2, -1)
  t.same(windows.minute(minute(START + RINGS)), { total: 1, byType: [0, 0, 1, 0] })
  t.same(windows.minute(minute(START)).total, 0, 'the old bucket is gone, not mixed in')
  t.same(windows.hour(Math.floor((START + RINGS) / HOUR), 0), { total: 1, byType: [0, 0, 1, 0] })
  t.equal(windows.uniqueUsers(minute(START + RINGS), minute(START + RINGS)), 1)
  windows.count(START + RINGS, 2, START)
  t.equal(windows.uniqueUsers(minute(START + RINGS), minute(START + RINGS)), 2, 'a user of a bucket that is gone is not taken off another')
})

t.test('holds seven days and what lies ahead of the clock, all at once', async (t) => {
  const windows = new MinuteWindows(START)
  const from = Math.floor((START - 7 * DAY) / HOUR) * HOUR
  const to = START + 5 * MINUTE
  let count = 0
  for (let time = from; time <= to; time += MINUTE) {
    windows.count(time, 0, -1)
    count++
  }
  let sum = 0
  for (let hour = from / HOUR; hour <= Math.floor(to / HOUR); hour++) sum += windows.hour(hour, from / MINUTE).total
  t.equal(sum, count)
  t.equal(windows.newest, to - (to - from) % MINUTE)
})

t.test('what lies a ring\'s length away takes no other bucket [TIME-1] [WIN-1]', async (t) => {
  const windows = new MinuteWindows(START)
  for (let i = 0; i < 100; i++) windows.count(START, 0, -1)
  for (const time of [START + RINGS, START + 5 * MINUTE + 1, START + 365 * DAY, START - RINGS, START - 7 * DAY - HOUR]) {
    t.notOk(windows.holds(time))
    t.throws(() => windows.count(time, 0, -1), RangeError)
  }
  t.ok(windows.holds(START + 5 * MINUTE))
  t.match(summarize(windows, '7d', START, true, ''), { total_events: 100, unique_users: 100 })
  t.equal(series(windows, '7d', 'minute', START).series.length, 7 * DAY / MINUTE + 1)
})

t.test('a user is counted in the minute it was last seen in, and a late event never moves it back', async (t) => {
  const windows = new MinuteWindows(START)
  const range = (from: number, to: number): number => windows.uniqueUsers(minute(from), minute(to))
  windows.count(START, 0, -1)
  windows.count(START - HOUR, 0, START)
  windows.count(START, 0, START)
  t.equal(range(START, START), 1)
  t.equal(range(START - 2 * HOUR, START - MINUTE), 0)
  windows.advance(START + HOUR)
  windows.count(START + HOUR, 0, START)
  t.equal(range(START, START), 0)
  t.equal(range(START, START + HOUR), 1)
})

t.test('the first hour counts only from a minute on', async (t) => {
  const windows = new MinuteWindows(START)
  const hour = Math.floor(START / HOUR) - 1
  for (const at of [0, 5, 59]) windows.count(hour * HOUR + at * MINUTE, 3, -1)
  t.equal(windows.hour(hour, hour * 60).total, 3)
  t.equal(windows.hour(hour, hour * 60 + 5).total, 2)
  t.equal(windows.hour(hour, hour * 60 + 6).total, 1)
  t.same(windows.hour(hour, hour * 60 + 60), { total: 0, byType: [0, 0, 0, 0] })
})
