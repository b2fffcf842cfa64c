import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { JournalFile } from '../../../src/backends/journal/journal-file.ts'
import { secureLog } from '../../../src/backends/journal/write-ahead-log.ts'
import { Journal, makeFolder } from './rig.ts'

/** Numbers of events after which each batch was complete, and the folder as it was then, with everything in the write-ahead log. */
async function makeJournal(t: Test): Promise<{ file: string, log: Buffer, sums: number[] }> {
  const directory = makeFolder(t)
  await (await Journal.open(t, directory)).close()
  const journal = await Journal.open(t, directory)
  const sums = [0]
  for (const size of [1, 3, 40, 1, 200, 7, 1, 90, 13, 2]) {
    await journal.send(...journal.events(size, { properties: { page: 'x'.repeat(300) } }))
    sums.push(sums.at(-1)! + size)
  }
  const copy = join(makeFolder(t), 'events.db')
  copyFileSync(join(directory, 'events.db'), copy)
  return { file: copy, log: readFileSync(join(directory, 'events.db-wal')), sums }
}

/** How many events there are in a file with such a write-ahead log; reading checks every row. */
function countWith(t: Test, file: string, log: Buffer, name: string): number {
  const folder = join(makeFolder(t), name)
  mkdirSync(folder)
  const copy = join(folder, 'events.db')
  copyFileSync(file, copy)
  writeFileSync(`${copy}-wal`, log)
  const journal = new JournalFile({ file: copy, sync: 'normal', boot: 'any', mark: join(folder, 'mark'), log: secureLog(`${copy}-wal`), isLockNew: true })
  try {
    let count = 0
    for (const row of journal.rows.read(0, 0)) {
      const events = JSON.parse(`[${Buffer.from(row.events!).toString()}]`) as unknown[]
      if (events.length !== row.count) throw new Error(`a row of ${row.count} holds ${events.length}`)
      count += row.count
    }
    return count
  } finally {
    journal.abandon()
  }
}

t.test('a write-ahead log that ends anywhere: each batch is wholly there or wholly absent', async (t) => {
  const { file, log, sums } = await makeJournal(t)
  t.equal(countWith(t, file, log, 'whole'), sums.at(-1))
  const found: number[] = []
  for (let point = 0; point <= 120; point++) {
    const length = Math.floor(log.length * point / 120) - (point % 3)
    found.push(countWith(t, file, log.subarray(0, Math.max(0, length)), `cut-${length}`))
  }
  t.same(found.filter((count) => !sums.includes(count)), [], 'nothing in part')
  t.same(found, found.toSorted((a, b) => a - b), 'the longer, the more')
  t.ok(new Set(found).size >= 6, `cut at ${[...new Set(found)].join(' ')}`)
})

t.test('a write-ahead log with a byte that is not what was written: nothing after it, nothing in part', async (t) => {
  const { file, log, sums } = await makeJournal(t)
  const found: number[] = []
  for (let point = 0; point < 40; point++) {
    const spoiled = Buffer.from(log)
    spoiled[Math.floor(log.length * (point + 0.5) / 40)] ^= 0x40
    found.push(countWith(t, file, spoiled, `byte-${point}`))
  }
  t.same(found.filter((count) => !sums.includes(count)), [])
  t.ok(found.some((count) => count < sums.at(-1)!))
})
