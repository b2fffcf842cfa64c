/** docs/limits.md: what it names exists, and each of its bounds is met from both sides. [LIMIT-1] [LIMIT-2] */
import t from 'tap'
import { PROBLEMS } from '../src/errors.ts'
import { describeSettings } from '../src/settings.ts'
import { readBounds, startWorld, type Case } from './limits/bound.ts'
import { CONNECTION_CASES } from './limits/connections.ts'
import { REQUEST_CASES } from './limits/requests.ts'
import { SOCKET_CASES } from './limits/sockets.ts'
import { TOTAL_CASES } from './limits/totals.ts'

const CASES: Readonly<Record<string, Case>> = { ...REQUEST_CASES, ...CONNECTION_CASES, ...SOCKET_CASES, ...TOTAL_CASES }

const bounds = readBounds()

t.test('every bound has a case, and every case a bound', async (t) => {
  t.same(bounds.map(({ name }) => name).sort(), Object.keys(CASES).sort())
})

t.test('every setting that is named exists, and its default is told', async (t) => {
  const settings = new Map(describeSettings().map((setting) => [setting.name, setting]))
  for (const { name, settings: [first], number } of bounds) {
    if (first === undefined) continue
    const setting = settings.get(first)
    t.ok(setting, first)
    if (Number(setting?.default) > 0) t.equal(number, Number(setting?.default), name)
  }
  for (const name of ['MAX_BODY_BYTES', 'MAX_EVENTS', 'MAX_SUBSCRIBERS', 'DEDUP_CAPACITY', 'USER_CAPACITY', 'EVENT_LOG_BYTES', 'RATE_LIMIT']) {
    t.ok(bounds.some((bound) => bound.settings.includes(name)), `${name} has a row`)
  }
})

t.test('every status goes with the code that it is told with', async (t) => {
  for (const { answer } of bounds) {
    for (const [, status, code] of answer.matchAll(/(\d{3}) `(\w+)`/g)) t.equal(PROBLEMS[code as keyof typeof PROBLEMS]?.status, Number(status), code)
  }
})

t.test('each bound, from both sides', async (t) => {
  const world = await startWorld(t)
  for (const bound of bounds) await t.test(bound.name, async (t) => CASES[bound.name](t, bound, world))
})
