/** Long answers take turns. [LIMIT-3] */
import { once } from 'node:events'
import t from 'tap'
import { LongTurns } from '../../src/plugins/long-turns.ts'
import { anEvent, post, startServer } from '../harness.ts'
import { RawClient, request } from '../raw-client.ts'

/** Turns that pass when the test says so. */
function makeTurns() {
  const next: (() => void)[] = []
  const turns = new LongTurns((callback) => next.push(callback))
  const begun: string[] = []
  return {
    turns,
    begun,
    take: (name: string) => { turns.next().then(() => begun.push(name), t.error) },
    /** Lets a turn pass, and what it resolves happen. */
    pass: async () => {
      for (const callback of next.splice(0)) callback()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

t.test('one in each turn, in the order of the calls', async (t) => {
  const { begun, take, pass } = makeTurns()
  for (const name of ['a', 'b', 'c']) take(name)
  await Promise.resolve()
  t.same(begun, ['a'], 'the first at once')
  await pass()
  t.same(begun, ['a', 'b'])
  take('d')
  await pass()
  await pass()
  t.same(begun, ['a', 'b', 'c', 'd'])
})

t.test('a turn that nobody waits for is free again', async (t) => {
  const { begun, take, pass } = makeTurns()
  take('a')
  await pass()
  take('b')
  await Promise.resolve()
  t.same(begun, ['a', 'b'])
  take('c')
  await Promise.resolve()
  t.same(begun, ['a', 'b'], 'which is taken now')
  await pass()
  t.same(begun, ['a', 'b', 'c'])
})

t.test('turns are left to those who connect, but not all', async (t) => {
  const { turns, begun, take, pass } = makeTurns()
  for (const name of ['a', 'b', 'c']) take(name)
  for (let i = 0; i < 20; i++) {
    turns.noteConnection()
    await pass()
  }
  t.same(begun, ['a'], 'as long as somebody connects')
  await pass()
  t.same(begun, ['a', 'b'])
  for (let i = 0; i < 64; i++) {
    turns.noteConnection()
    await pass()
  }
  t.same(begun, ['a', 'b'])
  turns.noteConnection()
  await pass()
  t.same(begun, ['a', 'b', 'c'], 'but not for ever')
})

t.test('who has gone while waiting is not answered, and holds up nobody', async (t) => {
  let made = 0
  const { app, port } = await startServer(t)
  const { users } = app.aggregator
  app.aggregator.users = (...options) => {
    made++
    return users.apply(app.aggregator, options)
  }
  await post(app, anEvent())
  const clients = Array.from({ length: 20 }, () => new RawClient(t, port))
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')))
  for (const client of clients) client.socket.write(request('GET /analytics/users'))
  for (const client of clients.slice(10)) client.socket.resetAndDestroy()
  const answers = await Promise.all(clients.slice(0, 10).map((client) => client.answer()))
  t.same(answers.map((answer) => answer?.status), new Array(10).fill(200))
  t.ok(made >= 10 && made <= 20)
})
