/** clients/javascript.md is true: its program is run, and its figures are those of the client. */
import { execFile } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startServer } from '../harness.ts'
import { PAGE, block } from './document.ts'

const CLIENT = join(import.meta.dirname, '..', '..', 'clients', 'client.js')

t.test('the program prints what the page says', async (t) => {
  const { port } = await startServer(t, { WRITE_KEYS: 'WRITE_KEY', READ_KEYS: 'READ_KEY' })
  const directory = t.testdir({ 'package.json': '{ "type": "module" }' })
  copyFileSync(CLIENT, join(directory, 'client.js'))
  writeFileSync(join(directory, 'program.js'), block('js').replaceAll('localhost:8080', `127.0.0.1:${port}`))
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'program.js')], { timeout: 60_000 })
  t.equal(stdout, block('text'))
})

t.test('its figures are those of the client', async (t) => {
  const client = readFileSync(CLIENT, 'utf8')
  for (const [said, written] of [
    ['500 events wait', 'maxBatch = 500'], ['waited a second', 'maxDelay ?? 1000'], ['10,000 events', 'maxQueue = 10_000'],
    ['up to 512 KiB', 'MAX_BODY = 512 * 1024'], ['16 MiB wait', 'MAX_QUEUE_LENGTH = 16 * 1024 * 1024'], ['last seven days', 'MAX_AGE = 7 * 86_400_000'],
    ['after 1 s and then twice as long each time, up to a minute', '{ min: 1000, max: 60_000 }'], ['at most 1,000', 'PAGE_LIMIT = 1000'],
    ['after 0.5 s, then twice as long each time, up to half a minute', '{ min: 500, max: 30_000 }'], ['one and a half times', 'PATIENCE = 1.5']
  ]) {
    t.ok(PAGE.includes(said), `the page says ${said}`)
    t.ok(client.includes(written), `the client says ${written}`)
  }
})
