/** Messages on their way are bounded in total and in time; the oldest goes, not whoever comes next. [LIMIT-1] [LIMIT-2] */
import t from 'tap'
import { IncomingMessages, type MessageSource } from '../../src/live/incoming-messages.ts'
import { startServer } from '../harness.ts'
import { LiveClient } from './clients.ts'

const MIB = 1 << 20

class Source implements MessageSource {
  isPaused = false
  ended: 'expired' | 'ended' | undefined
  #held = 0

  held(): number { return this.#held }
  expire(): void { this.ended = 'expired' }
  end(): void { this.ended = 'ended' }

  hold(messages: IncomingMessages, bytes: number): void {
    this.#held = bytes
    messages.update(this)
  }
}

t.test('beyond 64 MiB in total the oldest message ends', async (t) => {
  const messages = new IncomingMessages(10 * MIB, () => 0)
  const sources = Array.from({ length: 20 }, () => new Source())
  for (const source of sources) source.hold(messages, 8 * MIB)
  t.same(sources.map(({ ended }) => ended), [...new Array(12).fill('ended'), ...new Array(8).fill(undefined)])
  const small = new Source()
  small.hold(messages, 100)
  t.equal(small.ended, undefined, 'a small one gets through')
  t.equal(sources[12].ended, 'ended')
  for (const source of sources.slice(13)) source.hold(messages, 0)
  const large = new Source()
  large.hold(messages, 63 * MIB)
  t.equal(large.ended, undefined, 'what is whole counts no more')
})

t.test('messages that are whole count until they are carried out, and those that are not make room for them', async (t) => {
  const messages = new IncomingMessages(10 * MIB, () => 0)
  const unfinished = new Source()
  unfinished.hold(messages, 8 * MIB)
  for (let i = 0; i < 7; i++) t.ok(messages.reserve(8 * MIB))
  t.equal(unfinished.ended, undefined, 'at the bound')
  t.ok(messages.reserve(1))
  t.equal(unfinished.ended, 'ended')
  t.ok(messages.reserve(8 * MIB - 1))
  t.notOk(messages.reserve(1), 'nobody is left to make room')
  messages.release(1)
  t.ok(messages.reserve(1))
})

t.test('two of the largest always have room', async (t) => {
  const messages = new IncomingMessages(100 * MIB, () => 0)
  t.ok(messages.reserve(100 * MIB) && messages.reserve(100 * MIB))
  t.notOk(messages.reserve(1))
})

t.test('a message has 30 s, in which its peer can be read from', async (t) => {
  let now = 0
  const messages = new IncomingMessages(10 * MIB, () => now)
  const [slow, paused, whole] = [new Source(), new Source(), new Source()]
  for (const source of [slow, paused, whole]) source.hold(messages, 10)
  paused.isPaused = true
  for (let second = 0; second < 31; second += 5) {
    now = second * 1000
    slow.hold(messages, 10 + second)
    messages.tick()
  }
  whole.hold(messages, 0)
  t.equal(slow.ended, undefined)
  now = 30_001
  messages.tick()
  t.same([slow.ended, paused.ended, whole.ended], ['expired', undefined, undefined])
})

t.test('a real socket holds what it has sent of a message, and nothing once it is whole', async (t) => {
  const { app, port } = await startServer(t)
  const client = await LiveClient.open(t, port, '?subscribe=false')
  let held = 0
  const { messages } = app.live
  const update = messages.update.bind(messages)
  let told: () => void = () => {}
  messages.update = (source) => {
    update(source)
    held = source.held()
    told()
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => { told = resolve })
  }
  client.socket.send('{"type":"ping"', { fin: false })
  client.socket.send('x'.repeat(5000), { fin: false })
  await until(() => held > 5000)
  client.socket.send('}', { fin: true })
  await until(() => held === 0)
  t.match(await client.next('error'), { code: 'invalid_json' }, 'and then it is read')
})

t.test('one address has half of the places [LIMIT-2]', async (t) => {
  const { app } = await startServer(t, { MAX_SUBSCRIBERS: '4' })
  const [one, two] = [app.live.reserve('10.0.0.1'), app.live.reserve('10.0.0.1')]
  t.ok(one !== undefined && two !== undefined)
  t.equal(app.live.reserve('10.0.0.1'), undefined)
  const other = app.live.reserve('10.0.0.2')
  t.ok(other !== undefined, 'others still come in')
  t.ok(app.live.reserve('10.0.0.3') !== undefined)
  t.equal(app.live.reserve('10.0.0.4'), undefined, 'until all are taken')
  other?.release()
  one?.release()
  one?.release()
  t.ok(app.live.reserve('10.0.0.1') !== undefined)
  t.equal(app.live.reserve('10.0.0.1'), undefined, 'a place is given back once')
})
