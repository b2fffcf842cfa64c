/** docs/limits.md: what it names exists, and bounds of one event and one request are met from both sides. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { PROBLEMS } from '../src/errors.ts'
import { describeSettings } from '../src/settings.ts'
import { anEvent, post, startApp, startServer } from './harness.ts'
import { RawClient, request } from './raw-client.ts'

const rows = readFileSync(join(import.meta.dirname, '..', 'docs', 'limits.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| bound'))
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))

/** A request at its bound and one beyond: the statuses and codes that it is answered with. */
const BOTH_SIDES: Record<string, (t: Test) => Promise<(number | string)[]>> = {
  size: async (t) => {
    const sized = (bytes: number) => {
      const event = anEvent({ properties: { page: '' } })
      return { ...event, properties: { page: 'x'.repeat(bytes - JSON.stringify(event).length) } }
    }
    return eventCodes(t, [sized(32 * 1024), sized(32 * 1024 + 1)])
  },
  '`user_id`': (t) => eventCodes(t, [anEvent({ user_id: '😀'.repeat(256) }), anEvent({ user_id: '😀'.repeat(257) })]),
  'nesting of `properties`': (t) => eventCodes(t, [16, 17].map((levels) => {
    const text = `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`
    return { ...anEvent(), properties: JSON.parse(text) as object }
  })),
  'body, as sent and decompressed': async (t) => {
    const app = await startApp(t, { MAX_BODY_BYTES: '5000' })
    return codes([await post(app, JSON.stringify(anEvent()).padEnd(5000)), await post(app, JSON.stringify(anEvent()).padEnd(5001))])
  },
  events: async (t) => {
    const app = await startApp(t, { MAX_EVENTS: '3' })
    return codes([await post(app, Array.from({ length: 3 }, () => anEvent())), await post(app, Array.from({ length: 4 }, () => anEvent()))])
  },
  'line and headers': async (t) => {
    const { port } = await startServer(t)
    return Promise.all([60, 70].map(async (kib) => {
      const client = new RawClient(t, port)
      await client.send(request('GET /health', { a: 'x'.repeat(kib * 1024) }))
      const answer = await client.answer()
      return answer!.status === 200 ? 200 : JSON.parse(answer!.body).code as string
    }))
  },
  'users of `/analytics/users`': async (t) => {
    const app = await startApp(t)
    return codes([await app.inject('/analytics/users?limit=1000'), await app.inject('/analytics/users?limit=1001')])
  },
  'events of a page': async (t) => {
    const app = await startApp(t)
    return codes([await app.inject('/events?limit=1000'), await app.inject('/events?limit=1001')])
  }
}

function codes(answers: Awaited<ReturnType<typeof post>>[]): (number | string)[] {
  return answers.map((answer) => answer.statusCode === 200 ? 200 : answer.json().code as string)
}

async function eventCodes(t: Test, events: object[]): Promise<(number | string)[]> {
  const app = await startApp(t)
  const answers = await Promise.all(events.map((event) => post(app, event)))
  return answers.map((answer) => answer.statusCode === 200 ? 200 : (answer.json().errors as { code: string }[])[0].code)
}

t.test('every setting that is named exists, and every default is told', async (t) => {
  const settings = new Map(describeSettings().map((setting) => [setting.name, setting]))
  for (const cells of rows) {
    for (const [, name] of cells.join(' ').matchAll(/`([A-Z_]{4,})`/g)) t.ok(settings.has(name), name)
  }
  for (const name of ['MAX_BODY_BYTES', 'MAX_EVENTS', 'MAX_SUBSCRIBERS', 'DEDUP_CAPACITY', 'USER_CAPACITY', 'EVENT_LOG_BYTES', 'RATE_LIMIT']) {
    t.ok(rows.some((cells) => cells.includes(`\`${name}\``)), `${name} has a row`)
  }
})

t.test('bounds of one event and one request, from both sides', async (t) => {
  const names = rows.map(([name]) => name)
  for (const [name, meet] of Object.entries(BOTH_SIDES)) {
    t.ok(names.includes(name), `there is a row: ${name}`)
    const [within, beyond] = await meet(t)
    t.equal(within, 200, `within: ${name}`)
    t.ok(rows.find(([bound]) => bound === name)!.at(-1)!.includes(`\`${beyond}\``), `beyond: ${name} is ${beyond}`)
  }
})

t.test('every status goes with the code that it is told with', async (t) => {
  for (const cells of rows) {
    for (const [, status, code] of cells.at(-1)!.matchAll(/(\d{3}) `(\w+)`/g)) t.equal(PROBLEMS[code as keyof typeof PROBLEMS]?.status, Number(status), code)
  }
})
