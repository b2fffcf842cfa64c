/** `createSender()` where time, the network and the page are the test's: batches, verdicts, retries, storage and beacons. */
import t from 'tap'
import { REJECTION_CODES, UNAVAILABLE_CODES } from '../../schemas/index.ts'
import { createSender, type SenderOptions } from '../../clients/client.js'
import { FakeHost, FakeStorage, nextTurn } from './fake-host.ts'

const URL_ = 'http://events.example/prefix'

/** A sender, what it is told, and where it runs. */
function rig(options: Partial<SenderOptions> = {}, host = new FakeHost()) {
  const told: unknown[][] = []
  const sender = createSender({
    url: URL_,
    maxBatch: 4,
    onRejected: (event, { code }) => told.push(['rejected', event.user_id, code]),
    onDropped: (events, reason) => told.push(['dropped', events.map(({ user_id: user }) => user), reason]),
    onFailure: ({ status, code, retryIn }) => told.push(['failure', status, code, retryIn]),
    ...options
  }, host)
  const send = (...users: string[]) => users.map((user) => sender.send({ user_id: user, event_type: 'click' }))
  return { host, sender, told, send }
}

type Errors = [index: number, code: string][]

/** A receipt for so many events. */
function receipt(size: number, rejected: Errors = [], unavailable: Errors = []) {
  const errors = [...rejected, ...unavailable].map(([index, code]) => ({ index, code, pointer: '', detail: code }))
  return { accepted: size - errors.length, duplicates: 0, rejected: rejected.length, unavailable: unavailable.length, late: 0, cursor: 'c', errors }
}

const users = ({ events }: FakeHost['request']) => events.map(({ user_id: user }) => user).join('')

t.test('a batch goes out when it is full or its first event has waited', async (t) => {
  const { host, send, sender } = rig({ maxDelay: 500, key: 'k-1' })
  const ids = send('a', 'b')
  await host.advance(499)
  t.equal(host.requests.length, 0)
  await host.advance(1)
  const { url, init, events } = host.request
  t.equal(url.href, `${URL_}/events`)
  t.match(init, { method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer k-1' } })
  t.match(events, [{ event_id: ids[0], user_id: 'a', timestamp: '2026-11-23T14:00:00.000Z' }, { event_id: ids[1], user_id: 'b' }])
  await host.request.answer(200, receipt(2))
  t.equal(sender.waiting, 0)

  send('c', 'd', 'e', 'f', 'g')
  t.equal(users(host.request), 'cdef', 'full, so at once')
  await host.request.answer(200, receipt(4))
  t.equal(users(host.request), 'g', 'and what came meanwhile is not kept waiting')
  await host.request.answer(200, receipt(1))
  t.equal(host.requests.length + host.timers, 0)
})

t.test('an id and a time that the event has already are kept', async (t) => {
  const { host, sender } = rig({ maxBatch: 1 })
  const event = { event_id: '019ab10e-4250-7aa4-b3f1-7c6d5e4f3a03', user_id: 'a', event_type: 'click', timestamp: '2026-11-20T00:00:00Z' } as const
  t.equal(sender.send(event), event.event_id)
  t.same(host.request.events, [event])
})

t.test('ids are made without randomUUID, too, which pages without TLS have not', async (t) => {
  Object.defineProperty(crypto, 'randomUUID', { value: undefined, configurable: true })
  t.teardown(() => { Reflect.deleteProperty(crypto, 'randomUUID') })
  const ids = rig().send('a', 'b')
  for (const id of ids) t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.not(ids[0], ids[1])
})

t.test('without an answer the same events are sent again, ever later, up to the longest delay [DEDUP-3]', async (t) => {
  const { host, send, told } = rig({ backoff: { min: 100, max: 300 } })
  const ids = send('a', 'b', 'c', 'd')
  for (const delay of [100, 200, 300, 300]) {
    await host.request.fail()
    t.same(told.at(-1), ['failure', undefined, undefined, delay])
    await host.advance(delay - 1)
    t.equal(host.requests.length, 0)
    await host.advance(1)
    t.same(host.request.events.map(({ event_id: id }) => id), ids)
  }
  await host.request.answer(200, receipt(4))
  host.chance = 0.999_999
  send('e', 'f', 'g', 'h')
  await host.request.fail()
  t.equal(Math.round(told.at(-1)![3] as number), 50, 'success begins anew, and chance takes up to a half away')
})

t.test('Retry-After is waited for, in seconds or as a date', async (t) => {
  const { host, send, told } = rig()
  send('a', 'b', 'c', 'd')
  await host.request.answer(429, { code: 'too_many_requests' }, { 'retry-after': '7' })
  t.same(told.at(-1), ['failure', 429, 'too_many_requests', 7000])
  await host.advance(7000)
  await host.request.answer(503, { code: 'overloaded' }, { 'retry-after': new Date(host.time + 90_000).toUTCString() })
  t.same(told.at(-1), ['failure', 503, 'overloaded', 90_000])
  await host.advance(90_000)
  await host.request.answer(503, '<h1>Bad gateway</h1>', { 'retry-after': 'soon' })
  t.same(told.at(-1), ['failure', 503, undefined, 1000 * 2 ** 0], 'what makes no sense is none')
  await host.advance(1000)
  await host.request.answer(503, {}, { 'retry-after': '0' })
  t.same(told.at(-1), ['failure', 503, undefined, 1000 * 2 ** 1], 'nor is none at all')
  host.chance = 0.8
  await host.advance(2000)
  await host.request.answer(503, {}, { 'retry-after': '10' })
  t.same(told.at(-1), ['failure', 503, undefined, 11_000], 'later by chance, never earlier')
  await host.advance(11_000)
  await host.request.answer(503, {}, { 'retry-after': '999999999' })
  t.ok((told.at(-1)![3] as number) <= 3_600_000 * 1.125, 'but never for ever')
})

t.test('a verdict is final; what is unavailable is sent again with the same id', async (t) => {
  const { host, send, told } = rig({ backoff: { min: 100, max: 100 } })
  const ids = send('a', 'b', 'c', 'd')
  await host.request.answer(207, receipt(4, [[1, 'invalid_user_id']], [[2, 'storage_full']]))
  t.same(told, [['rejected', 'b', 'invalid_user_id'], ['failure', 207, undefined, 100]])
  send('e')
  await host.advance(100)
  t.equal(users(host.request), 'ce')
  t.equal(host.request.events[0].event_id, ids[2])
  await host.request.answer(422, receipt(2, [[0, 'invalid_event_type'], [1, 'invalid_event_type']]))
  t.same(told.slice(2), [['rejected', 'c', 'invalid_event_type'], ['rejected', 'e', 'invalid_event_type']])
  t.equal(host.requests.length, 0)
})

t.test('every code is known for what it is, and one of a later version goes by the counts', async (t) => {
  for (const code of REJECTION_CODES) {
    const { host, send, told } = rig()
    send('a', 'b', 'c', 'd')
    await host.request.answer(207, receipt(4, [[0, code]], [[1, 'user_capacity']]))
    t.same(told[0], ['rejected', 'a', code])
  }
  for (const code of UNAVAILABLE_CODES) {
    const { host, send, sender } = rig()
    send('a', 'b', 'c', 'd')
    await host.request.answer(207, receipt(4, [[0, 'invalid_event']], [[1, code]]))
    t.equal(sender.waiting, 1)
  }
  const { host, send, told, sender } = rig({ backoff: { min: 100, max: 100 } })
  send('a', 'b', 'c', 'd')
  await host.request.answer(207, receipt(4, [[0, 'new_rule']], [[1, 'new_trouble']]))
  t.equal(sender.waiting, 2)
  await host.advance(100)
  await host.request.answer(207, receipt(2, [[0, 'new_rule']]))
  t.same(told.at(-1), ['rejected', 'a', 'new_rule'])
  t.equal(sender.waiting, 0)
})

t.test('an answer that is no receipt of these events settles nothing', async (t) => {
  const { host, send, sender, told } = rig()
  send('a', 'b', 'c', 'd')
  await host.request.answer(200, '<h1>Sign in to the hotel\'s network</h1>')
  t.equal(sender.waiting, 4)
  await host.advance(1000)
  await host.request.answer(200, receipt(3))
  t.equal(sender.waiting, 4)
  for (const status of [401, 403, 404, 500]) {
    await host.advance(60_000)
    await host.request.answer(status, { code: 'some' })
    t.same(told.at(-1)!.slice(0, 2), ['failure', status])
    t.equal(sender.waiting, 4, 'somebody may put it right')
  }
})

t.test('a batch that is too large is halved, and from then on batches are small', async (t) => {
  const { host, send, told } = rig()
  send('a', 'b', 'c', 'd')
  await host.request.answer(413, 'nginx')
  t.equal(users(host.request), 'ab', 'at once')
  await host.request.answer(413)
  t.equal(users(host.request), 'a')
  await host.request.answer(413, { code: 'body_too_large', detail: 'too large' })
  t.same(told, [['rejected', 'a', 'body_too_large']], 'a single one that is too large will never do')
  t.equal(users(host.request), 'b')
  await host.request.answer(200, receipt(1))
  t.equal(users(host.request), 'c')
})

t.test('a body has at most 512 KiB, whatever the number of events', async (t) => {
  const { host, sender } = rig({ maxBatch: 1000 })
  for (let i = 0; i < 30; i++) sender.send({ user_id: String(i), event_type: 'click', properties: { text: 'x'.repeat(30_000) } })
  await host.advance(1000)
  t.equal(host.request.events.length, 17)
})

t.test('an event that spoils the whole body is found by halving, and costs no other', async (t) => {
  const { host, send, told } = rig({ maxBatch: 8 })
  send('a', 'b', 'c', 'd', 'e', 'X', 'g', 'h')
  const taken: string[] = []
  while (host.requests.length > 0) {
    const names = users(host.request)
    if (names.includes('X')) {
      await host.request.answer(400, { code: 'nesting_too_deep', detail: 'too deep' })
    } else {
      taken.push(names)
      await host.request.answer(200, receipt(names.length))
    }
  }
  t.same(told, [['rejected', 'X', 'nesting_too_deep']])
  t.equal(taken.join(''), 'abcdegh')
  send(...'ijklmnop')
  t.equal(users(host.request), 'ijklmnop', 'and batches are as large as before')
  await host.request.answer(400, '<h1>Bad request</h1>')
  t.same(told.at(-1)!.slice(0, 2), ['failure', 400], 'a 400 of somebody else blames no event')
})

t.test('the queue is bounded, in events and in characters', async (t) => {
  const { host, send, told, sender } = rig({ maxQueue: 5 })
  send('a', 'b', 'c', 'd', 'e', 'f')
  t.same(told, [['dropped', ['f'], 'queue_full']])
  await host.request.answer(200, receipt(4))
  send('g')
  t.equal(sender.waiting, 2)

  const wide = rig({ maxQueue: 1e6, maxBatch: 1e6 })
  for (let i = 0; i < 600; i++) wide.sender.send({ user_id: 'a', event_type: 'click', properties: { text: 'x'.repeat(32_000) } })
  t.ok(wide.sender.waiting > 500 && wide.sender.waiting < 550)
  t.equal(wide.told.length, 600 - wide.sender.waiting)
  const full = wide.told.length
  await wide.host.advance(1000)
  await wide.host.request.answer(200, receipt(wide.host.request.events.length))
  wide.send('b')
  t.equal(wide.told.length, full, 'there is room again')
})

t.test('flush sends at once and resolves when every event sent before has its verdict', async (t) => {
  const { host, send, sender } = rig({ backoff: { min: 100, max: 100 } })
  await sender.flush()
  send('a', 'b')
  let isDone = false
  const flushed = sender.flush().then(() => { isDone = true })
  send('c')
  t.equal(users(host.request), 'ab')
  await host.request.answer(207, receipt(2, [], [[0, 'storage_unavailable']]))
  t.notOk(isDone)
  await host.advance(100)
  t.equal(users(host.request), 'ac')
  await host.request.answer(200, receipt(2))
  await flushed
})

t.test('close lets the request under way end, and says what is left', async (t) => {
  const { host, send, sender, told } = rig()
  send('a', 'b', 'c', 'd', 'e')
  const flushed = sender.flush()
  const closed = sender.close()
  t.throws(() => send('f'), /closed/)
  await host.request.answer(200, receipt(4))
  await Promise.all([closed, flushed, sender.close()])
  t.same(told, [['dropped', ['e'], 'closed']])
  t.equal(host.timers + host.listeners('pagehide') + host.listeners('visibilitychange'), 0, 'nothing is left behind')

  const waiting = rig()
  waiting.send('a', 'b', 'c', 'd')
  await waiting.host.request.fail()
  await waiting.sender.close()
  t.equal(waiting.host.timers, 0, 'also of a retry')
})

t.test('where there is storage, a reload loses nothing', async (t) => {
  const storage = new FakeStorage()
  storage.setItem('something else', 'of the page')
  const first = rig({ storage })
  const ids = first.send('a', 'b', 'c', 'd', 'e')
  await first.host.request.answer(207, receipt(4, [[0, 'invalid_event']], [[1, 'storage_full']]))
  t.equal(storage.length, 3, 'b, e and what is not ours')

  const second = rig({ storage })
  t.equal(users(second.host.request), 'be')
  t.same(second.host.request.events.map(({ event_id: id }) => id), [ids[1], ids[4]])
  await second.host.request.answer(200, receipt(2))
  t.equal(storage.length, 1)

  const elsewhere = rig({ storage })
  elsewhere.send('x')
  t.equal(rig({ storage, url: 'http://other.example' }).sender.waiting, 0, 'each service has its own')
})

t.test('what is stored is bounded in age and number', async (t) => {
  const storage = new FakeStorage()
  rig({ storage }).send('a', 'b')
  const host = new FakeHost()
  host.time += 7 * 86_400_000 + 1
  const { told, sender } = rig({ storage }, host)
  t.same(told, [['dropped', ['a', 'b'], 'too_old']], 'the service may have forgotten the ids')
  t.equal(storage.length, 0)

  sender.send({ user_id: 'c', event_type: 'click' })
  sender.send({ user_id: 'd', event_type: 'click' })
  storage.setItem(`events.v1 ${URL_}/ broken`, 'nonsense')
  storage.setItem(`events.v1 ${URL_}/ cut short`, '1 {"event_id":')
  const next = rig({ storage, maxQueue: 1 }, host)
  t.equal(next.sender.waiting, 1)
  t.equal(storage.length, 2, 'the other waits for the next page, and what makes no sense is gone')
})

t.test('a storage that is full costs no event', async (t) => {
  const { send, host, told } = rig({ storage: new FakeStorage(1) })
  send('a', 'b', 'c', 'd')
  t.equal(users(host.request), 'abcd')
  await host.request.answer(200, receipt(4))
  t.same(told, [])
})

t.test('a page that is left sends what has no verdict, also what is under way, and keeps it', async (t) => {
  const storage = new FakeStorage()
  const { host, send } = rig({ storage, key: 'k-1' })
  send('a', 'b', 'c', 'd', 'e')
  await host.happen('pagehide')
  t.equal(host.beacons.length, 1)
  t.equal(host.beacons[0].url.href, `${URL_}/events?key=k-1`)
  t.equal((JSON.parse(host.beacons[0].text) as { user_id: string }[]).map(({ user_id: user }) => user).join(''), 'abcde')
  t.equal(storage.length, 5, 'nobody knows whether it arrived')
  await host.request.answer(200, receipt(4))
  await host.request.answer(200, receipt(1))
  await host.happen('pagehide')
  t.equal(host.beacons.length, 1, 'nothing waits, nothing is sent')
})

t.test('beacons are small, since a browser takes only so much', async (t) => {
  const host = new FakeHost()
  host.beaconsLeft = 2
  const { sender } = rig({ maxBatch: 100 }, host)
  for (let i = 0; i < 20; i++) sender.send({ user_id: String(i), event_type: 'click', properties: { text: 'x'.repeat(4000) } })
  await host.happen('pagehide')
  t.equal(host.beacons.length, 2)
  for (const { text } of host.beacons) t.ok(text.length < 16_500)
  t.equal((JSON.parse(host.beacons[1].text) as { user_id: string }[])[0].user_id, '3', 'in order')
})

t.test('a page that is hidden sends at once', async (t) => {
  const { host, send } = rig()
  await host.happen('visibilitychange')
  send('a')
  await host.happen('visibilitychange')
  t.equal(host.requests.length, 0, 'it is shown')
  host.hidden = true
  await host.happen('visibilitychange')
  t.equal(users(host.request), 'a')
})

t.test('a callback that throws is reported and costs nothing', async (t) => {
  const { host, send, sender } = rig({ onReceipt() { throw new Error('of the page') } })
  const reported = new Promise((resolve) => process.once('uncaughtException', resolve))
  send('a', 'b', 'c', 'd')
  await host.request.answer(200, receipt(4))
  t.match(await reported, { message: 'of the page' })
  t.equal(sender.waiting, 0)
})

t.test('what makes no sense is said at once', async (t) => {
  t.throws(() => createSender({ url: 'ftp://events.example' }), /http/)
  t.throws(() => createSender({ url: 'somewhere' }), /Invalid URL/, 'relative, and there is no page')
  t.throws(() => createSender({ url: URL_, key: 'two words' }), /a key has/)
  const { sender } = rig()
  t.throws(() => sender.send({ user_id: 'a', event_type: 'click', properties: { big: 1n } }), TypeError)
  t.equal(sender.waiting, 0)
  await nextTurn()
})
