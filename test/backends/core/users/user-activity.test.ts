import fc from 'fast-check'
import t from 'tap'
import { TIME_WINDOWS, WINDOW_MINUTES } from '../../../../schemas/index.ts'
import { KeyedHash, viewOf } from '../../../../src/backends/core/users/keyed-hash.ts'
import { UserActivity, firstHour } from '../../../../src/backends/core/users/user-activity.ts'
import { UserRanking, type RankedUser } from '../../../../src/backends/core/users/user-ranking.ts'
import { UserTable } from '../../../../src/backends/core/users/user-table.ts'
import { DAY, HOUR, MINUTE, START } from '../../test-clock.ts'

class Rig {
  readonly table = new UserTable(200_000, new KeyedHash())
  readonly activity: UserActivity
  now = START

  constructor(foldFrom?: number) {
    this.activity = new UserActivity(this.table, this.now, foldFrom)
  }

  count(name: string, time: number): void {
    const bytes = viewOf(Buffer.from(name))
    const hash = this.table.hash(bytes, 0, bytes.byteLength)
    const known = this.table.find(hash, bytes, 0, bytes.byteLength)
    this.activity.count(known >= 0 ? known : this.table.add(hash, bytes, 0, bytes.byteLength), time)
  }

  /** Brings every total up to date in pieces of `budget` entries. */
  bringUpToDate(budget: number): void {
    while (!this.activity.advance(this.now, budget));
  }

  /** @param meanwhile is called between the parts of a ranking, of 7 users each */
  rank(window: number, limit: number, meanwhile = (): void => {}): RankedUser[] {
    const ranking = new UserRanking(this.table, this.activity, window, limit, 7)
    for (;;) {
      const best = ranking.step()
      if (best === undefined) {
        meanwhile()
        continue
      }
      ranking.end()
      return best
    }
  }

  totals(window: number): Record<string, number> {
    return Object.fromEntries(this.rank(window, 1000).map(({ user, total }) => [this.table.name(user).toString(), total]))
  }
}

for (const foldFrom of [1, 8, 4096]) {
  t.test(`totals follow the hours out of every window, however small the pieces and however often an hour is folded: from ${foldFrom} entries on`, async (t) => {
    totalsFollow(foldFrom)
    t.pass('no difference found')
  })
}

function totalsFollow(foldFrom: number): void {
  const ago = fc.oneof(fc.integer({ min: -5 * MINUTE, max: 2 * HOUR }), fc.integer({ min: 0, max: 7 * DAY }))
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ user: fc.nat(6), ago }) },
    // To and fro between hours, so that they are folded.
    { weight: 12, arbitrary: fc.record({ user: fc.nat(4), ago: fc.constantFrom(0, HOUR) }) },
    fc.record({ pass: fc.oneof(fc.integer({ min: 0, max: 3 * HOUR }), fc.integer({ min: 0, max: 8 * DAY })) }),
    fc.record({ sweep: fc.integer({ min: 1, max: 10 }) })
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
    const rig = new Rig(foldFrom)
    const events: { user: string, hour: number }[] = []
    for (const step of steps) {
      if ('pass' in step) {
        rig.now += step.pass
      } else if ('sweep' in step) {
        rig.activity.advance(rig.now, step.sweep)
      } else {
        rig.activity.advance(rig.now, 1)
        const time = rig.now - step.ago
        if (Math.floor(time / HOUR) < firstHour(rig.now, WINDOW_MINUTES['7d'])) continue
        rig.count(`u${step.user}`, time)
        events.push({ user: `u${step.user}`, hour: Math.floor(time / HOUR) })
      }
    }
    rig.bringUpToDate(1)
    return TIME_WINDOWS.every((name, w) => {
      const wanted: Record<string, number> = {}
      for (const { user, hour } of events) if (hour >= firstHour(rig.now, WINDOW_MINUTES[name])) wanted[user] = (wanted[user] ?? 0) + 1
      const found = rig.totals(w)
      return Object.keys(found).length === Object.keys(wanted).length && Object.entries(wanted).every(([user, total]) => found[user] === total)
    }) && rig.table.size === new Set(events.filter(({ hour }) => hour >= firstHour(rig.now, WINDOW_MINUTES['7d'])).map(({ user }) => user)).size
  }), { numRuns: 300 })
}

t.test('users who go to and fro between hours do not grow an hour without end', async (t) => {
  const rig = new Rig()
  for (let i = 0; i < 60_000; i++) {
    rig.count(`u${i % 7}`, rig.now - (i % 3) * HOUR)
    if (i % 100 === 0) rig.activity.advance(rig.now, 2048)
  }
  t.same(Object.values(rig.totals(2)).reduce((a, b) => a + b), 60_000)
  rig.now += 8 * DAY
  let pieces = 0
  while (!rig.activity.advance(rig.now, 1000)) pieces++
  t.ok(pieces < 60, `${pieces} pieces of 1,000 entries: the hours were folded`)
  t.equal(rig.table.size, 0)
})

t.test('top users: most events first, ties by the bytes of the id', async (t) => {
  const rig = new Rig()
  const counts = { b: 2, a: 2, '\u{1f600}': 2, ﬀ: 2, z: 5, c: 1, ab: 2 }
  for (const [user, count] of Object.entries(counts)) for (let i = 0; i < count; i++) rig.count(user, rig.now)
  const names = (limit: number): string[] => rig.rank(0, limit).map(({ user }) => rig.table.name(user).toString())
  const wanted = ['z', 'a', 'ab', 'b', 'ﬀ', '\u{1f600}', 'c']
  for (let limit = 1; limit <= 8; limit++) t.same(names(limit), wanted.slice(0, limit))
})

t.test('top users are right among many', async (t) => {
  const rig = new Rig()
  const totals = new Map<string, number>()
  for (let i = 0; i < 70_000; i++) {
    const user = `u${(i * 7919) % 66_000}`
    rig.count(user, rig.now)
    totals.set(user, (totals.get(user) ?? 0) + 1)
  }
  const wanted = [...totals].sort((a, b) => b[1] - a[1] || Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0]))).slice(0, 50)
  t.same(rig.rank(1, 50).map(({ user, total }) => [rig.table.name(user).toString(), total]), wanted)
})

t.test('what is counted, forgotten and added while users are ranked is in the answer', async (t) => {
  const change = fc.record({ user: fc.nat(60), hours: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1) })
  fc.assert(fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (changes, limit) => {
    const rig = new Rig()
    for (let i = 0; i < 50; i++) rig.count(`u${i % 40}`, rig.now - (i % 5) * HOUR)
    const left = [...changes]
    const found = rig.rank(0, limit, () => {
      const change = left.shift()
      if (change === undefined) return
      rig.now += change.hours * HOUR
      rig.bringUpToDate(3)
      rig.count(`u${change.user}`, rig.now)
    })
    const wanted = rig.rank(0, limit)
    return JSON.stringify(found) === JSON.stringify(wanted)
  }))
  t.pass('no difference found')
})
