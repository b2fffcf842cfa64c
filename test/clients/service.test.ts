/** The client against the service itself, within one process: keys, restarts, and counts that are right at every moment. */
import t, { type Test } from 'tap'
import { createSender, subscribe, type Subscription, type SubscribeOptions, type Summary } from '../../clients/client.js'
import { CuttingProxy } from '../compat/cutting-proxy.ts'
import { anEvent, post, startServer } from '../harness.ts'

const WINDOWS = ['1h', '24h', '7d'] as const

/** What a subscription is told, and a way to wait for it. */
class Told {
  readonly lines: string[] = []
  readonly subscription: Subscription
  #found = 0
  #wake = () => {}

  constructor(t: Test, options: Pick<SubscribeOptions, 'url'> & Partial<SubscribeOptions>) {
    this.subscription = subscribe({
      backoff: { min: 10, max: 100 },
      onEvents: (events) => { for (const { user_id: user } of events) this.#add(user) },
      onGap: ({ reason }) => this.#add(`gap: ${reason}`),
      onSummary: ({ time_window: window, total_events: total }) => this.#add(`${window}: ${total}`),
      onUsers: (users, { time_window: window }) => this.#add(`${users} users in ${window}`),
      onState: (state, { failure }) => this.#add(failure?.code === undefined ? state : `${state}: ${failure.code}`),
      ...options
    })
    t.teardown(() => this.subscription.close())
  }

  #add(line: string): void {
    this.lines.push(line)
    this.#wake()
  }

  /** Resolves when this is told, the first time after what was awaited before. */
  async find(line: string): Promise<void> {
    for (;;) {
      const place = this.lines.indexOf(line, this.#found)
      if (place >= 0) {
        this.#found = place + 1
        return
      }
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }
}

t.test('a key opens what it is for, and a wrong one is said to be wrong', async (t) => {
  const { port } = await startServer(t, { READ_KEYS: 'reader-1', WRITE_KEYS: 'writer-1' })
  const url = `http://127.0.0.1:${port}`
  const reader = new Told(t, { url, key: 'reader-1', watch: '1h' })
  await reader.find('open')
  const sender = createSender({ url, key: 'writer-1' })
  sender.send({ user_id: 'ada', event_type: 'signup' })
  await sender.flush()
  await reader.find('ada')
  await reader.find('1 users in 1h')
  await new Told(t, { url, key: 'unknown' }).find('refused: unauthorized')
  await new Told(t, { url, key: 'writer-1', rewind: 1 }).find('refused: forbidden')
  await new Told(t, { url, key: 'reader-1', after: 'no cursor' }).find('refused: invalid_cursor')

  const failures: unknown[] = []
  const stranger = createSender({ url, key: 'unknown', onFailure: ({ code }) => { failures.push(code); stranger.close() } })
  stranger.send({ user_id: 'eve', event_type: 'click' })
  await stranger.flush()
  t.same(failures, ['unauthorized'])
  await sender.close()
})

t.test('rewind begins with the newest events of the filter', async (t) => {
  const { app, port } = await startServer(t)
  for (const user of ['a', 'b', 'c', 'd']) await post(app, [anEvent({ user_id: user }), anEvent({ user_id: user, event_type: 'signup' })])
  const told = new Told(t, { url: `http://127.0.0.1:${port}`, rewind: 3, filter: { event_types: ['signup'] } })
  await told.find('open')
  await post(app, anEvent({ user_id: 'e', event_type: 'signup' }))
  await told.find('e')
  t.same(told.lines, ['connecting', 'b', 'c', 'd', 'open', 'e'])
})

t.test('a service that has forgotten everything makes an honest gap, and the counts begin anew', async (t) => {
  const first = await startServer(t)
  const proxy = new CuttingProxy(first.port, Infinity, () => 1)
  const port = await proxy.listen()
  t.teardown(() => proxy.close())
  await post(first.app, anEvent())
  const told = new Told(t, { url: `http://127.0.0.1:${port}`, summary: '1h' })
  await told.find('1h: 1')
  await told.find('open')
  const second = await startServer(t)
  proxy.target = second.port
  await first.app.close()
  await told.find('gap: other_history')
  await told.find('1h: 0')
  await post(second.app, anEvent({ user_id: 'grace' }))
  await told.find('grace')
  t.same(told.lines.filter((line) => line.startsWith('gap')), ['gap: other_history'], 'one')
})

t.test('a summary and the events after it are the next summary, for every window, while events come [LIVE-3]', async (t) => {
  const { app, port } = await startServer(t)
  const url = `http://127.0.0.1:${port}/`
  const counted = new Map<string, number>()
  let check = () => {}
  const sender = createSender({ url, maxBatch: 50, maxDelay: 5 })
  const EVENTS = 1000
  const done = new Promise<void>((resolve) => {
    check = () => { if (WINDOWS.every((window) => counted.get(window) === EVENTS)) resolve() }
  })
  const start = (sent: number) => {
    for (let i = 0; i < 100; i++) sender.send({ user_id: `u${i % 7}`, event_type: 'click' })
    if (sent + 100 < EVENTS) setImmediate(start, sent + 100)
  }
  start(0)
  const subscription = subscribe({
    url,
    summary: WINDOWS,
    onGap: () => t.fail('there is no gap'),
    onSummary: ({ time_window: window, total_events: total }: Summary) => {
      t.notOk(counted.has(window), `${window} is told once`)
      counted.set(window, total)
      check()
    },
    onEvents: (events) => {
      for (const [window, count] of counted) counted.set(window, count + events.length)
      check()
    }
  })
  t.teardown(() => subscription.close())
  await sender.flush()
  await done
  for (const window of WINDOWS) t.equal((await app.aggregator.summary(window)).total_events, EVENTS)
  await sender.close()
})
