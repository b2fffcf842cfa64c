/** The bounds that hold for all peers together. */
import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { REJECTION_CODES, type RejectionList } from '../../schemas/index.ts'
import { Batch, Verdict } from '../../src/backends/batch.ts'
import { Appender, type AppenderOptions } from '../../src/backends/redis/append.ts'
import { PROBLEMS, type ProblemCode } from '../../src/errors.ts'
import { RejectionLog } from '../../src/ingest/rejection-log.ts'
import { IncomingMessages, type MessageSource } from '../../src/live/incoming-messages.ts'
import type { Session } from '../../src/live/session.ts'
import { MAX_FRAME_BYTES } from '../../src/live/shared-frames.ts'
import { toDescriptor } from '../../src/logger.ts'
import { BodyQuota, BodyShare, SMALL_BODY_BYTES, quotaBytes } from '../../src/plugins/body-quota.ts'
import { MAX_HEADER_BYTES } from '../../src/plugins/client-errors.ts'
import { Connections, MAX_OTHER_CONNECTIONS, MAX_UNFINISHED_HEADS } from '../../src/plugins/connections.ts'
import { Decompression } from '../../src/plugins/decompression.ts'
import { LINGER_TIMES, LingeringConnections } from '../../src/plugins/lingering-close.ts'
import { LongTurns } from '../../src/plugins/long-turns.ts'
import { WindowCounts } from '../../src/plugins/rate-limit.ts'
import { loadSettings } from '../../src/settings.ts'
import { TestClock } from '../backends/test-clock.ts'
import { anEvent, forgetIds, post, startApp, startServer } from '../harness.ts'
import { LiveClient } from '../live/clients.ts'
import { FakePeer, passTurns, passTurnsUntil } from '../live/fake-peer.ts'
import { createRig } from '../live/rig.ts'
import { RawClient, request } from '../raw-client.ts'
import { checkCode, codeOf, until, type Bound, type Case } from './bound.ts'

const MIB = 1 << 20

/** Bodies of one pool that fill it; then one byte more. */
function fillQuota(t: Test, bytesOfOne: number, part: number): void {
  const maxBodyBytes = 10 * MIB
  const total = quotaBytes(maxBodyBytes)
  const quota = new BodyQuota(total, () => 0)
  const ended: number[] = []
  let left = total * part
  for (let i = 0; left > 0; i++) {
    const share = new BodyShare(quota)
    share.arrives(() => ended.push(i))
    const bytes = Math.min(bytesOfOne, left)
    share.grow(bytes)
    left -= bytes
  }
  t.same(ended, [], 'at the bound')
  const next = new BodyShare(quota)
  next.arrives(() => ended.push(-1))
  next.grow(bytesOfOne)
  t.same(ended, [0], 'the oldest makes room')
}

/** How many are listed after so many refusals of these codes. */
function listed(count: number, codes: readonly ProblemCode[], origin = ''): RejectionList['rejections'] {
  const log = new RejectionLog(() => 0)
  for (let i = 0; i < count; i++) log.addRequest(codes[i % codes.length], { key: String(i), origin })
  return (JSON.parse(log.toJson()) as RejectionList).rejections
}

async function openStreams(t: Test, port: number, addresses: readonly string[]): Promise<(string | number)[]> {
  const codes: (string | number)[] = []
  for (const address of addresses) {
    const client = new RawClient(t, port)
    await client.send(request('GET /events/stream', { 'x-forwarded-for': address }))
    const text = await client.until(/\r\n\r\n.*(?:retry|\})/s)
    codes.push(/^HTTP\/1\.1 200/.test(text) ? 200 : /"code":"(\w+)"/.exec(text)![1])
  }
  return codes
}

async function checkStreams(t: Test, bound: Bound, within: readonly string[], beyond: string): Promise<number> {
  const { port } = await startServer(t, { MAX_SUBSCRIBERS: '5', TRUST_PROXY: 'loopback' })
  t.same(await openStreams(t, port, within), within.map(() => 200), 'at the bound')
  checkCode(t, bound, (await openStreams(t, port, [beyond]))[0])
  return port
}

export const TOTAL_CASES: Readonly<Record<string, Case>> = {
  connections: async (t, bound) => {
    t.match(bound.answer, /longest/)
    t.equal(MAX_OTHER_CONNECTIONS, 4096)
    const { app, port } = await startServer(t, { MAX_SUBSCRIBERS: '0' })
    const idle = Array.from({ length: MAX_OTHER_CONNECTIONS - 1 }, () => new Socket())
    const first = new RawClient(t, port)
    await until(() => app.connections.count === 1)
    for (const socket of idle) app.connections.add(socket)
    t.notOk(first.socket.closed)
    app.connections.add(new Socket())
    t.equal(await first.answer(), undefined, 'the first ends')
  },
  'requests whose line and headers are there in part': (t, bound) => {
    t.equal(bound.number, MAX_UNFINISHED_HEADS)
    t.equal(MAX_UNFINISHED_HEADS * MAX_HEADER_BYTES, 64 * MIB)
    const ended: Socket[] = []
    const connections = new Connections(Infinity, (connection) => ended.push(connection))
    const sockets = Array.from({ length: bound.number + 1 }, () => new Socket())
    for (const socket of sockets.slice(0, -1)) connections.beginHead(socket)
    t.equal(ended.length, 0, 'at the bound')
    connections.beginHead(sockets.at(-1)!)
    t.same(ended.map((socket) => sockets.indexOf(socket)), [0], bound.answer)
  },
  'connections closing in stages': (t, bound) => {
    const lingering = new LingeringConnections(1, LINGER_TIMES)
    const sockets = Array.from({ length: bound.number + 1 }, () => Object.assign(new Socket(), { end: () => {}, resume: () => {} }))
    for (const socket of sockets.slice(0, -1)) lingering.add(socket)
    t.notOk(sockets[0].destroyed, 'at the bound')
    lingering.add(sockets.at(-1)!)
    t.same([sockets[0].destroyed, sockets[1].destroyed], [true, false], bound.answer)
    lingering.destroy()
  },
  'unread answers and requests sent ahead': async (t, bound) => {
    const { app, port } = await startServer(t)
    const client = new RawClient(t, port)
    client.socket.write(request('GET /events/stream') + request('GET /health'))
    await until(() => app.connectionMemory.bytes > 0)
    const other = new Socket()
    app.connectionMemory.hold({}, other, bound.number - app.connectionMemory.bytes)
    t.equal(app.connectionMemory.bytes, bound.number)
    app.connectionMemory.hold({}, other, 1)
    await client.until(/(?!)/)
    t.notOk(other.destroyed, 'the one stuck longest has ended')
  },
  'frames of events being sent, to all subscribers': async (t, bound) => {
    t.equal(bound.number, MAX_FRAME_BYTES)
    t.match(bound.answer, /longest/)
    const rig = createRig({ maxFrameBytes: MIB })
    const peers = Array.from({ length: 9 }, () => new FakePeer({ eager: false }))
    const location = rig.here
    const sessions: Session[] = []
    for (const [i, peer] of peers.entries()) {
      sessions[i] = rig.hub.openSession(peer, { canRead: true, canWrite: false, filter: { users: new Set(['ada', `u${i}`]) }, location })
      await passTurns()
      rig.clock.advance(1)
    }
    const sent = await rig.send(rig.events(2000))
    await passTurns()
    const got = () => peers.map((peer) => peer.framesOf('events').length)
    const frames = got().reduce((sum, count) => sum + count, 0)
    t.ok(frames >= 10 && frames <= 11, `${frames} frames, not 18`)
    rig.hub.tick()
    t.notOk(peers.some(({ isTerminated }) => isTerminated), 'at first they wait')
    rig.clock.advance(1000)
    const last = peers.findLastIndex((peer) => peer.framesOf('events').length > 0)
    peers[last].wakeUp() // so it is not stuck
    await passTurns()
    rig.hub.tick()
    t.ok(peers[0].isTerminated, bound.answer)
    t.notOk(peers[last].isTerminated, 'who takes its frames stays')
    for (const [i, peer] of peers.entries()) {
      if (!peer.isTerminated) continue
      rig.hub.leave(sessions[i])
      peer.drain() // a socket that ends lets go of its memory
    }
    rig.hub.tick()
    await passTurnsUntil(() => peers[last].has(sent.at(-1)!))
    t.same(peers[last].eventIds, sent, 'and is told all')
  },
  'bodies over 64 KiB, from their first byte to their answer': (t) => fillQuota(t, 10 * MIB, 0.75),
  'bodies up to 64 KiB': (t) => {
    t.equal(SMALL_BODY_BYTES, 64 * 1024)
    fillQuota(t, SMALL_BODY_BYTES, 0.25)
  },
  'bodies being decompressed': async (t, bound) => {
    const decompression = new Decompression()
    const quota = new BodyQuota(MIB)
    const done: Promise<void>[] = []
    const waiting: number[] = []
    for (let i = 0; i <= bound.number; i++) {
      done.push(new Promise((resolve, reject) => {
        decompression.decompress('gzip', gzipSync('[]'), { limit: 100, share: new BodyShare(quota) }, (error) => error === null ? resolve() : reject(error))
      }))
      waiting.push(decompression.waiting)
    }
    t.same(waiting, [...new Array<number>(bound.number).fill(0), 1], bound.answer)
    await Promise.all(done)
    t.equal(decompression.waiting, 0)
  },
  'long answers (pages, users, series)': async (t, bound) => {
    const next: (() => void)[] = []
    const turns = new LongTurns((callback) => next.push(callback))
    let begun = 0
    for (let i = 0; i < bound.number + 2; i++) turns.next().then(() => begun++, t.error)
    await passTurns()
    t.equal(begun, bound.number, 'in this turn')
    next.pop()!()
    await passTurns()
    t.equal(begun, bound.number + 1, 'and in the next')
  },
  'WebSocket messages, from their first byte until they are carried out': (t, bound) => {
    const ended: string[] = []
    const source = (name: string): MessageSource => ({ held: () => 10 * MIB, isPaused: false, expire: () => {}, end: () => { ended.push(name) } })
    const messages = new IncomingMessages(10 * MIB, () => 0)
    messages.update(source('oldest'))
    messages.update(source('younger'))
    t.ok(messages.reserve(bound.number - 20 * MIB))
    t.same(ended, [], 'at the bound')
    t.ok(messages.reserve(1))
    t.same(ended, ['oldest'], bound.answer)
    t.ok(messages.reserve(20 * MIB - 1))
    t.notOk(messages.reserve(1), bound.answer)
    t.ok(new IncomingMessages(100 * MIB, () => 0).reserve(200 * MIB))
    t.notOk(new IncomingMessages(100 * MIB, () => 0).reserve(200 * MIB + 1))
  },
  'live connections': async (t, bound) => {
    const port = await checkStreams(t, bound, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'], '10.0.0.6')
    const refusal = await LiveClient.open(t, port).catch((error) => error)
    checkCode(t, bound, refusal.code)
  },
  'live connections of one address': async (t, bound) => {
    await checkStreams(t, bound, ['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2'], '10.0.0.1')
  },
  'requests and publishes a second of one client': async (t, bound, { small: { app } }) => {
    const send = async () => codeOf(await app.inject({ method: 'POST', url: '/events', payload: anEvent(), remoteAddress: '10.1.0.1' }))
    for (let i = 0; i < 3; i++) t.equal(await send(), 200)
    checkCode(t, bound, await send())
  },
  'clients counted in a second': (t, bound) => {
    const counts = new WindowCounts(() => 0)
    const count = (client: string) => {
      let current = 0
      counts.incr(client, (_error, result) => { current = result.current })
      return current
    }
    for (let i = 0; i < bound.number; i++) count(`c${i}`)
    t.equal(count('c0'), 2, 'at the bound')
    count('one more')
    t.equal(count('c1'), 2)
    t.equal(count('c0'), 1, bound.answer)
  },
  'event ids': async (t, bound) => {
    t.match(bound.answer, 'exact')
    const clock = new TestClock(Date.now())
    const app = await startApp(t, { DEDUP_CAPACITY: '100' }, { clock })
    await post(app, Array.from({ length: 100 }, () => anEvent()))
    t.ok(app.store.health().exact, 'at the bound')
    await forgetIds(app, clock)
    t.notOk(app.store.health().exact)
  },
  users: async (t, bound, { small: { app } }) => {
    const send = (user: string) => app.inject({ method: 'POST', url: '/events', payload: anEvent({ user_id: user }), remoteAddress: `10.2.0.${user.charCodeAt(0)}` })
    for (const user of ['ada', 'b', 'ada']) t.equal(codeOf(await send(user)), 200)
    checkCode(t, bound, (await send('c')).json().errors[0].code)
  },
  'retained events': async (t, bound) => {
    const app = await startApp(t, { EVENT_LOG_BYTES: String(MIB) })
    const send = (count: number) => post(app, Array.from({ length: count }, () => anEvent({ properties: { page: 'x'.repeat(10_000) } })))
    const { cursor } = (await send(1)).json()
    await send(50)
    t.equal(codeOf(await app.inject(`/events?after=${cursor}`)), 200, 'within')
    await send(200)
    checkCode(t, bound, codeOf(await app.inject(`/events?after=${cursor}`)))
  },
  'events on their way to Redis': async (t, bound) => {
    const partition = { claim() {}, enqueue() {} } // which never answers
    const appender = new Appender({
      engine: {}, partitions: [partition], now: () => 0, hash: { hash: () => ({ ids: Buffer.alloc(9), idPartitions: [0], userPartitions: [0] }) }
    } as unknown as AppenderOptions)
    const batchOf = (bytes: number) => Object.assign(new Batch(), { count: 1, end: Uint32Array.of(bytes) })
    const within = [batchOf(bound.number - 1), batchOf(1)]
    for (const batch of within) appender.append(batch).catch(t.error)
    t.same(within.map(({ verdicts }) => verdicts[0]), [Verdict.Pending, Verdict.Pending], 'at the bound they are on their way')
    const beyond = batchOf(1)
    await appender.append(beyond)
    t.equal(beyond.verdicts[0], Verdict.StorageUnavailable)
    checkCode(t, bound, 'storage_unavailable')
  },
  'rejections that are listed': (t, bound) => {
    const codes = Object.keys(PROBLEMS) as ProblemCode[]
    t.equal(listed(bound.number, codes).length, bound.number)
    t.equal(listed(bound.number + 1, codes).length, bound.number)
  },
  'rejections of one code': (t, bound) => {
    t.equal(listed(bound.number, ['forbidden']).length, bound.number)
    t.match(listed(bound.number + 1, ['forbidden']), { length: bound.number, [bound.number - 1]: { key: '1' } }, bound.answer)
  },
  'bytes of the list of rejections': (t, bound) => {
    const log = new RejectionLog(() => 0)
    let most = 0
    for (let i = 0; i < 2000; i++) {
      log.addEvents([{ index: 0, code: REJECTION_CODES[i % REJECTION_CODES.length], pointer: '/é'.repeat(128), detail: '' }], { origin: 'é'.repeat(300) })
      if (i % 100 === 99) most = Math.max(most, Buffer.byteLength(log.toJson()))
    }
    t.ok(most <= bound.number && most > bound.number * 0.99, `${most} bytes`)
  },
  'log lines that wait for a slow reader': async (t, bound) => {
    const reader = spawn('sleep', ['60'], { stdio: ['pipe', 'ignore', 'ignore'] }) // reads nothing
    t.teardown(() => reader.kill('SIGKILL'))
    const { fd } = (reader.stdin as unknown as { _handle: { fd: number } })._handle
    const target = toDescriptor(fd)
    t.teardown(() => target.destroy())
    target.on('error', () => {}) // its reader ends
    let dropped = 0
    target.on('drop', () => { dropped++ })
    const line = 'x'.repeat(64 * 1024 - 1) + '\n'
    for (let bytes = 0; bytes + line.length < bound.number; bytes += line.length) target.write(line)
    t.equal(dropped, 0, 'within')
    for (let i = 0; i < 4; i++) target.write(line)
    t.ok(dropped > 0, bound.answer)
  },
  'characters of a key': (t, bound) => {
    for (const name of bound.settings) {
      t.ok(loadSettings({ [name]: 'k'.repeat(bound.number) }))
      t.throws(() => loadSettings({ [name]: 'k'.repeat(bound.number + 1) }), { message: new RegExp(String(bound.number)) }, bound.answer)
    }
  }
}
