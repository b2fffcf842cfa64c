/** Faults of the running service that last: a file that is taken away, and a disk that goes on failing. [STORE-3] */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import type { WriterAnswer, WriterRequest } from '../../../src/backends/journal/messages.ts'
import { serveJournal } from '../../../src/backends/journal/writer.ts'
import { Journal, makeFolder } from './rig.ts'

t.test('a file that was moved away is noticed without an event, and taken up again when it is back', async (t) => {
  const directory = makeFolder(t)
  const journal = await Journal.open(t, directory)
  await journal.send(journal.event())
  const file = join(directory, 'events.db')
  renameSync(file, `${file}.away`)
  t.match(await journal.reports.find('failed'), { detail: 'events.db was deleted or replaced' })
  t.match(journal.backend.store.readiness(), { ready: false })
  t.match(await journal.send(journal.event()), { unavailable: 1, errors: [{ code: 'storage_unavailable' }] })
  t.equal(await journal.total(), 1, 'reads go on')
  renameSync(`${file}.away`, file)
  await journal.reports.find('recovered')
  t.match(await journal.send(journal.event()), { accepted: 1 })
})

t.test('so are a file in whose place another one was put, and a folder that was deleted', async (t) => {
  for (const harm of [(directory: string) => {
    const file = join(directory, 'events.db')
    writeFileSync(`${file}.other`, 'another one')
    renameSync(`${file}.other`, file)
  }, (directory: string) => rmSync(directory, { recursive: true })]) {
    const directory = makeFolder(t)
    const journal = await Journal.open(t, directory)
    await journal.send(journal.event())
    harm(directory)
    await journal.reports.find('failed')
    t.match(await journal.send(journal.event()), { unavailable: 1 })
    await journal.close()
  }
})

t.test('a fault that lasts is told once when it begins, and then once a minute', async (t) => {
  const directory = makeFolder(t)
  const { port1, port2 } = new MessageChannel()
  const answers: WriterAnswer[] = []
  let wake = () => {}
  port2.on('message', (answer: WriterAnswer) => {
    answers.push(answer)
    wake()
  })
  const find = async (type: WriterAnswer['type'], count: number): Promise<void> => {
    while (answers.filter((answer) => answer.type === type).length < count) await new Promise<void>((resolve) => { wake = resolve })
  }
  const ask = (request: WriterRequest): void => port2.postMessage(request)
  let fails = false
  let now = 0
  const attempts: number[] = []
  serveJournal(port1, { directory, sync: 'full', logBytes: 1 << 20, horizon: 1, wall: Date.now() }, (db) => {
    if (!fails) return db.exec('COMMIT')
    now += 20_000
    attempts.push(now)
    throw Object.assign(new Error('disk I/O error'), { errcode: 1034 })
  }, () => now)
  await find('opened', 1)
  fails = true
  ask({ type: 'commit', rows: [{ position: 0, count: 1, wall: 1, elapsed: 1, columns: new Uint8Array(32), events: new Uint8Array(2) }] })
  await find('failed', 1)
  ask({ type: 'recover' })
  await find('warning', 2)
  t.same(attempts, [20_000, 40_000, 60_000, 80_000, 100_000, 120_000, 140_000], 'at 80 s and at 140 s')
  t.match(answers.at(-1), { type: 'warning', detail: 'the journal still cannot be written: disk I/O error (SQLite 1034)' })
  fails = false
  await find('recovered', 1)
  ask({ type: 'close' })
  await new Promise((resolve) => port2.once('close', resolve))
  t.equal(answers.filter(({ type }) => type === 'failed').length, 1)
})
