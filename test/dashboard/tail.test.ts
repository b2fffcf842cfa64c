/** The list of live events: what is shown of many, and what is told of the rest. */
import t from 'tap'
import { Rate } from '../../dashboard/rate.js'
import { KEPT, Tail } from '../../dashboard/tail.js'
import { anEvent } from '../harness.ts'

const of = (user: string) => anEvent({ user_id: user })
const names = (events: { user_id: string }[]) => events.map(({ user_id: user }) => user).join('')

t.test('a taking shows the newest, in order and once, and tells how many there were', async (t) => {
  const tail = new Tail(2)
  t.same(tail.drain(), [])
  tail.push(['a', 'b', 'c'].map(of))
  t.equal(tail.matched, 3)
  t.equal(names(tail.drain()), 'bc')
  t.equal(tail.matched, 0)
  t.same(tail.drain(), [])
  tail.push([of('d')])
  t.equal(names(tail.drain()), 'd')
})

t.test('a filter looks through what is kept, newest first', async (t) => {
  const tail = new Tail(2)
  tail.push([of('Ada'), of('grace'), anEvent({ user_id: 'adam', event_type: 'signup' })])
  t.equal(names(tail.filter('', 'aDa', 10)), 'adamAda')
  t.equal(names(tail.filter('signup', '', 10)), 'adam')
  tail.push([of('ada'), anEvent({ user_id: 'eve', event_type: 'signup' })])
  t.equal(tail.matched, 1)
  t.equal(names(tail.drain()), 'eve')
  t.equal(names(tail.filter('', '', 2)), 'eveada')
  tail.push(Array.from({ length: KEPT + 3 }, (_, i) => of(`u${i}`)))
  t.equal(tail.newest(2 * KEPT).length, KEPT, 'a bounded number is kept')
  t.equal(names(tail.newest(1)), `u${KEPT + 2}`)
  tail.clear()
  t.same(tail.newest(1), [])
})

t.test('a rate is that of the last seconds', async (t) => {
  const rate = new Rate()
  t.equal(rate.perSecond(0), 0)
  for (let now = 1000; now <= 20_000; now += 100) rate.add(500, now)
  t.equal(rate.perSecond(20_000), 5000)
  t.equal(rate.perSecond(25_000), 0)
  rate.add(3, 60_000)
  t.equal(rate.perSecond(60_000), 3)
})
