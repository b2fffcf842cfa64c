/**
 * Appends, reads, wake-ups, arrivals and departures in any order: each step of the store ends when fast-check says so, so
 * that a read may be overtaken by an append, and a wake-up by whoever comes next. Nobody may miss an event or see it twice.
 */
import t from 'tap'
import fc from 'fast-check'
import type { EventType } from '../../schemas/index.ts'
import type { EventStore } from '../../src/backends/backend.ts'
import { makeFilter } from '../../src/backends/filter.ts'
import { FakePeer, passTurns } from './fake-peer.ts'
import { createRig, override } from './rig.ts'

/** So few that many a frame ends before the log does. */
const PAGE_EVENTS = 2

const type = fc.constantFrom<EventType>('click', 'purchase')

/** What happens next; who is meant is counted round. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('append' as const), types: fc.array(type, { minLength: 1, maxLength: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('open' as const), wants: fc.option(type), isEager: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('drain' as const), who: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('leave' as const), who: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('wait' as const), steps: fc.nat(8) }) }
)

/** A store whose reads are short, begin and end when the scheduler says so, and whose listeners are told as late as that. */
function scheduled(store: EventStore, scheduler: () => fc.Scheduler): EventStore {
  const listeners = new Set<() => void>()
  return override(store, {
    async append(batch) {
      const judgement = await store.append(batch)
      scheduler().schedule(Promise.resolve(), 'wake').then(() => { for (const listener of listeners) listener() })
      return judgement
    },
    async read(after, filter, limits, allocate) {
      await scheduler().schedule(Promise.resolve(), 'read')
      const page = await store.read(after, filter, { ...limits, events: PAGE_EVENTS }, allocate)
      return scheduler().schedule(Promise.resolve(page), 'page')
    },
    onAppend(listener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    }
  })
}

t.test('in whatever order things happen, a subscriber sees each event that matches once and in order [LIVE-1]', async (t) => {
  let scheduler: fc.Scheduler
  const rig = createRig({ wrap: (store) => scheduled(store, () => scheduler) })
  let delivered = 0
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (given, steps) => {
    scheduler = given
    const log: { id: string, type: EventType }[] = []
    const readers: { peer: FakePeer, wanted: () => string[], leave: () => void }[] = []
    const pick = (who: number) => readers.length === 0 ? undefined : who % readers.length
    for (const step of steps) {
      if (step.what === 'append') {
        const ids = await rig.send(step.types.map((type) => rig.event({ event_type: type })))
        ids.forEach((id, i) => log.push({ id, type: step.types[i] }))
      } else if (step.what === 'open') {
        const peer = new FakePeer({ eager: step.isEager })
        const from = log.length
        const { wants } = step
        const session = rig.hub.openSession(peer, { canRead: true, canWrite: false, filter: makeFilter(wants === null ? [] : [wants]), location: rig.here })
        readers.push({
          peer,
          wanted: () => log.slice(from).filter(({ type }) => wants === null || type === wants).map(({ id }) => id),
          leave: () => rig.hub.leave(session)
        })
      } else if (step.what === 'wait') {
        for (let i = 0; i < step.steps && scheduler.count() > 0; i++) await scheduler.waitOne()
        await passTurns(1)
      } else {
        const who = pick(step.who)
        if (who === undefined) continue
        if (step.what === 'drain') readers[who].peer.drain(1)
        else readers.splice(who, 1)[0].leave()
      }
    }
    for (const { peer } of readers) peer.wakeUp()
    do {
      await scheduler.waitAll()
      await passTurns(2)
    } while (scheduler.count() > 0)
    for (const { peer, wanted, leave } of readers) {
      leave()
      delivered += peer.eventIds.length
      if (JSON.stringify(peer.eventIds) !== JSON.stringify(wanted())) throw new Error(`sent ${peer.eventIds.length} of ${wanted().length} events`)
    }
  }), { numRuns: 150 })
  t.ok(delivered > 1000, `${delivered} events were delivered`)
})
