import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Fault, FaultSwitch } from './fault.ts'
import { Journal, makeFolder } from './rig.ts'

t.test('nothing is seen before it is durable, and what repeats it waits with it [STORE-2]', async (t) => {
  const disk = new FaultSwitch()
  const journal = await Journal.open(t, makeFolder(t), disk)
  const { store, aggregator } = journal.backend
  const start = (await store.locate()).cursor
  const event = journal.event()
  disk.set(Fault.Hang)
  const trying = disk.nextCommit()
  const sent = journal.send(event, journal.event())
  await trying
  let answered = 0
  const others = [
    sent, journal.send(event), journal.send(journal.event({ user_id: 'bob' }), event), journal.check(event)
  ].map((answer) => answer.finally(() => { answered++ }))
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve))
  t.equal(answered, 0, 'no answer yet')
  t.equal((await store.locate()).cursor, start)
  t.match(await aggregator.summary('1h'), { total_events: 0, unique_users: 0, cursor: start })
  t.equal((await store.newest({}, { events: 10, bytes: 1 << 20 })).count, 0)
  t.match((await aggregator.users('1h', 10)).users, [])
  disk.set(Fault.None)
  const [first, second, third, checked] = await Promise.all(others)
  t.match(first, { accepted: 2, duplicates: 0 })
  t.match(second, { accepted: 0, duplicates: 1 })
  t.match(third, { accepted: 1, duplicates: 1 })
  t.match(checked, { accepted: 0, duplicates: 1 })
  t.equal(await journal.total(), 3)
})

t.test('batches that arrive while a commit runs share the next one', async (t) => {
  const disk = new FaultSwitch()
  const journal = await Journal.open(t, makeFolder(t), disk)
  let commits = 0
  disk.set(Fault.Hang)
  const trying = disk.nextCommit()
  const first = journal.send(journal.event())
  await trying
  const rest = Array.from({ length: 50 }, () => journal.send(journal.event()))
  const next = disk.nextCommit().then(() => { commits++ })
  disk.set(Fault.None)
  await Promise.all([first, ...rest, next])
  t.equal(commits, 1)
  t.equal(await journal.total(), 51)
})

for (const [name, fault, code] of [
  ['fails before it', Fault.Before, 'storage_unavailable'],
  ['reaches the file although it fails', Fault.After, 'storage_unavailable'],
  ['finds the disk full', Fault.Full, 'storage_full']
] as const) {
  t.test(`a commit that ${name}: nothing partial, reservations are aborted, and it recovers by itself [STORE-3]`, async (t) => {
    const disk = new FaultSwitch()
    const directory = makeFolder(t)
    let journal = await Journal.open(t, directory, { thread: disk.thread, userCapacity: 3 })
    const known = journal.event()
    await journal.send(known)
    const before = await journal.backend.aggregator.summary('1h')
    const batch = [journal.event({ user_id: 'bob' }), known, journal.event({ user_id: 'cyd' })]
    disk.set(fault)
    const answers = await Promise.all([journal.send(...batch), journal.send(batch[0]), journal.send(known)])
    t.match(answers[0], { accepted: 0, duplicates: 1, unavailable: 2, errors: [{ index: 0, code }, { index: 2, code }] })
    t.match(answers[1], { accepted: 0, duplicates: 0, unavailable: 1, errors: [{ code }] }, 'it shares the fate of what it repeats')
    t.match(answers[2], { duplicates: 1 }, 'what was durable before is a duplicate all the same')
    t.same(await journal.backend.aggregator.summary('1h'), before)
    t.match(journal.backend.store.health(), { ids: 1, users: 1 })
    t.match(journal.backend.store.readiness(), { ready: false })
    t.match(await journal.send(batch[0], known), { unavailable: 1, duplicates: 1 }, 'still')
    t.match(await journal.check(batch[0], known), { unavailable: 1, duplicates: 1 }, 'and so says validate_only')
    t.equal((await journal.log()).length, 1, 'reads go on')
    await disk.nextCommit()
    disk.set(Fault.None)
    await journal.reports.find('recovered')
    t.match(journal.backend.store.readiness(), { ready: true })
    t.match(await journal.send(...batch), { accepted: 2, duplicates: 1, errors: [] }, 'the very same batch again')
    t.match(await journal.send(...batch), { accepted: 0, duplicates: 3 })
    t.equal(await journal.total(), 3)
    const log = await journal.log()
    const { cursor } = await journal.backend.aggregator.summary('1h')
    await journal.close()
    journal = await Journal.open(t, directory, { clock: journal.clock })
    t.equal(await journal.total(), 3, 'after a restart as well')
    t.same(await journal.log(), log)
    t.equal((await journal.backend.store.locate()).cursor, cursor)
    t.match(await journal.send(...batch), { duplicates: 3 })
  })
}

t.test('a writing thread that is gone: nothing more is taken, reads go on, and a new start has all that was acknowledged', async (t) => {
  const disk = new FaultSwitch()
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory, disk)
  const known = journal.event()
  await journal.send(known)
  disk.set(Fault.Crash)
  const lost = journal.event()
  t.match(await journal.send(lost, known), { unavailable: 1, duplicates: 1, errors: [{ code: 'storage_unavailable' }] })
  t.match(await journal.send(lost), { unavailable: 1 })
  t.match(journal.backend.store.readiness(), { ready: false })
  t.equal(await journal.total(), 1)
  await journal.close()
  const again = await Journal.open(t, directory, { clock: journal.clock })
  t.match(await again.send(known, lost), { accepted: 1, duplicates: 1 })
})

t.test('a real full disk, where this user may mount a small one', async (t) => {
  const disk = await smallDisk(t)
  if (disk === undefined) return t.pass('on a small file system', { skip: 'none can be mounted here' })
  const journal = await Journal.open(t, disk.folder)
  const sent: string[] = []
  const taken = new Set<string>()
  let full = 0
  for (let i = 0; i < 400 && full < 3; i++) {
    const events = journal.events(100, { properties: { page: 'x'.repeat(500) } })
    const receipt = await journal.send(...events)
    sent.push(...events.map((event) => event.event_id))
    if (receipt.errors.length === 0) for (const event of events) taken.add(event.event_id)
    else if (receipt.errors.every(({ code }) => code === 'storage_full')) full++
    t.ok(receipt.accepted === 100 || receipt.unavailable === 100, 'all or nothing')
  }
  t.equal(full, 3, 'it became full')
  t.equal(await journal.total(), taken.size, 'reads go on')
  disk.makeRoom()
  while (!journal.backend.store.readiness().ready) await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(await journal.send(journal.event()), { accepted: 1 }, 'it recovers by itself')
  await journal.close()
  const again = await Journal.open(t, disk.folder, { clock: journal.clock })
  t.equal(await again.total(), taken.size + 1)
  await again.close()
})

/** A file system of 16 MiB with a file on it that takes half of that. */
async function smallDisk(t: Test): Promise<{ folder: string, makeRoom: () => void } | undefined> {
  const folder = makeFolder(t)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  t.teardown(() => { execFileSync('umount', ['-l', folder]) })
  const ballast = `${folder}/ballast`
  writeFileSync(ballast, Buffer.alloc(8 << 20))
  return { folder, makeRoom: () => rmSync(ballast) }
}
