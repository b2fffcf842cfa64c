import t from 'tap'
import { Liveness, Outbox } from '../../src/live/peer.ts'
import { FakePeer } from './fake-peer.ts'
import { createRig } from './rig.ts'

const TIMES = { ping: 25_000, pong: 8_000, slowPong: 60_000 }

/** A peer that is looked after every quarter of a second. */
function watchOver({ eager = true } = {}) {
  let now = 1000
  const peer = new FakePeer({ eager })
  const outbox = new Outbox(peer, () => now)
  const liveness = new Liveness(peer, outbox, TIMES, now)
  return {
    peer,
    outbox,
    /** Lets time pass; returns after how long the peer was given up, or undefined. */
    pass(ms: number, { paused = false, every = () => {} } = {}): number | undefined {
      for (let passed = 250; passed <= ms; passed += 250) {
        now += 250
        every()
        if (!liveness.check(now, paused)) return passed
      }
      return undefined
    }
  }
}

t.test('a peer that answers is asked every 25 s and lives', async (t) => {
  const { peer, pass } = watchOver()
  t.equal(pass(24_750), undefined)
  t.equal(peer.pings, 0)
  t.equal(pass(250), undefined)
  t.equal(peer.pings, 1)
  let seen = 1
  t.equal(pass(250_000, { every: () => { if (peer.pings > seen) peer.received += 6; seen = peer.pings; if (seen === 1) peer.received += 6 } }), undefined)
  t.equal(peer.pings, 11)
})

t.test('a peer that stays silent is given up 8 s later [LIVE-5]', async (t) => {
  const { peer, pass } = watchOver()
  t.equal(pass(100_000), 33_000)
  t.equal(peer.pings, 1)
})

t.test('one that reads and never answers, too', async (t) => {
  const { peer, outbox, pass } = watchOver()
  t.equal(pass(100_000, { every: () => outbox.send(Buffer.alloc(10), () => {}) }), 33_000)
  t.equal(peer.pings, 1)
})

t.test('whatever it sends is an answer: a long frame may be ahead of its pong', async (t) => {
  const { peer, pass } = watchOver()
  t.equal(pass(500_000, { every: () => peer.received++ }), undefined)
})

t.test('a slow reader of a long resume lives as long as it takes something', async (t) => {
  const { peer, outbox, pass } = watchOver({ eager: false })
  let ticks = 0
  outbox.send(Buffer.alloc(10), () => {})
  t.equal(pass(300_000, {
    every: () => {
      if (++ticks % 200 !== 0) return // every 50 s
      outbox.send(Buffer.alloc(10), () => {})
      peer.drain(1)
    }
  }), undefined)
  t.equal(peer.pings, 1, 'it was asked, and the question waits for what it has not read')
  const left = pass(300_000)
  t.ok(left !== undefined && left <= 60_000, `nothing for a minute: gone after ${left} ms`)
})

t.test('whom this side does not read from cannot answer', async (t) => {
  const { pass } = watchOver()
  t.equal(pass(300_000, { paused: true }), undefined)
  const stuck = watchOver({ eager: false })
  stuck.outbox.send(Buffer.alloc(10), () => {})
  t.equal(stuck.pass(300_000, { paused: true }), 60_000, 'but if it is because it takes no answers, it is gone')
})

t.test('the hub cuts off who is gone and counts it', async (t) => {
  const rig = createRig()
  const peer = new FakePeer()
  const alive = new FakePeer()
  rig.hub.openSession(peer, { canRead: true, canWrite: true, location: rig.here })
  rig.hub.openSession(alive, { canRead: true, canWrite: true, location: rig.here })
  for (let i = 0; i < 40; i++) {
    rig.clock.advance(1000)
    alive.received++
    rig.hub.tick()
    if (i < 32) t.notOk(peer.isTerminated, `after ${i + 1} s`)
  }
  t.ok(peer.isTerminated)
  t.notOk(alive.isTerminated)
  t.ok(rig.hub.stats.cuts > 0)
})
