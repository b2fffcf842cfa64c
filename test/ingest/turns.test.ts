import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Turns } from '../../src/ingest/turns.ts'

/** A clock that goes on when a test says so. */
function makeTurns() {
  const clock = { now: 0 }
  return { clock, turns: new Turns(() => clock.now) }
}

/** Work of so many pieces, each of which takes some milliseconds. */
function * work(pieces: number, milliseconds: number, clock: { now: number }, log: string[] = [], name = ''): Generator<void, string> {
  for (let i = 0; i < pieces; i++) {
    clock.now += milliseconds
    log.push(name)
    yield
  }
  return 'done'
}

t.test('short work is done before the call returns', async (t) => {
  const { clock, turns } = makeTurns()
  let result = ''
  turns.run(work(3, 1, clock), (outcome) => { result = outcome() })
  t.equal(result, 'done')
})

t.test('long work lets others have their turns, and goes on where it was [LIMIT-3]', async (t) => {
  const { clock, turns } = makeTurns()
  const results: string[] = []
  turns.run(work(100, 5, clock), (outcome) => results.push(outcome()))
  let turnsOfOthers = 0
  while (results.length === 0) {
    await turn()
    turnsOfOthers++
  }
  t.same(results, ['done'])
  t.ok(turnsOfOthers >= 25, `${turnsOfOthers} turns`)
})

t.test('many long works together take no more of a turn than one', async (t) => {
  const { clock, turns } = makeTurns()
  const done: string[] = []
  for (let i = 0; i < 20; i++) turns.run(work(50, 1, clock), (outcome) => done.push(outcome()))
  let longest = 0
  for (let before = clock.now; done.length < 20; before = clock.now) {
    await turn()
    longest = Math.max(longest, clock.now - before)
  }
  t.ok(longest < 20, `${longest} ms`)
})

t.test('what waits goes on in the order in which it came, and all of it in turn', async (t) => {
  const { clock, turns } = makeTurns()
  const log: string[] = []
  const done: string[] = []
  for (const name of ['a', 'b', 'c']) turns.run(work(3, 10, clock, log, name), (outcome) => done.push(outcome()))
  while (done.length < 3) await turn()
  t.equal(log.join(''), 'aabcabcbc', 'the first began before the others were there')
})

t.test('new work has time of its own while old work waits', async (t) => {
  const { clock, turns } = makeTurns()
  const old: string[] = []
  turns.run(work(100, 10, clock), (outcome) => old.push(outcome()))
  await turn()
  let result = ''
  turns.run(work(3, 1, clock), (outcome) => { result = outcome() })
  t.equal(result, 'done')
  t.same(old, [])
  while (old.length === 0) await turn()
})

t.test('what work throws reaches whoever waits for it', async (t) => {
  const { clock, turns } = makeTurns()
  function * failing(): Generator<void, string> {
    yield * work(5, 10, clock)
    throw new Error('broken')
  }
  const outcomes: (() => string)[] = []
  turns.run(failing(), (outcome) => outcomes.push(outcome))
  while (outcomes.length === 0) await turn()
  t.throws(outcomes[0], /broken/)
})
