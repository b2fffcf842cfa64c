/** The page for curl, with a real curl: its commands, each as it stands but for the address. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { codeOf } from '../../clients/check/pages.ts'
import { startRehearsal } from '../../clients/check/rehearsal.ts'
import { startServer } from '../harness.ts'

const skip = ['curl', 'bash'].some((program) => spawnSync(program, ['--version']).error !== undefined) ? 'there is no curl' : false
const keys = { WRITE_KEY: 'writer', READ_KEY: 'reader' }

t.test('the page for curl', { skip }, async (t) => {
  const [send, read, follow] = (await codeOf('curl.md', 'bash')).split(/^(?=curl )/m)
  const curl = async (command: string, url: string) => {
    const { stdout } = await promisify(execFile)('bash', ['-c', command.replace('http://localhost:8080', url)], { env: { ...process.env, ...keys } })
    return stdout // of every try
  }
  const { port } = await startServer(t, { WRITE_KEYS: 'writer', READ_KEYS: 'reader' })
  const url = `http://127.0.0.1:${port}`

  t.test('sends, reads and follows', async (t) => {
    t.match(await curl(send, url), /"accepted":1,/)
    t.match(await curl(read, url), /"total_events":1,/)
    const stream = spawn('bash', ['-c', `exec ${follow.replace('http://localhost:8080', url)}`], { env: { ...process.env, ...keys }, stdio: ['ignore', 'pipe', 'ignore'] })
    t.teardown(() => stream.kill())
    let text = ''
    for await (const chunk of stream.stdout) {
      text += chunk
      if (text.includes('"user-42"')) break
    }
    t.match(text, /^data: .*"event_type":"click"/m)
  })

  t.test('sends again', async (t) => {
    const rehearsal = await startRehearsal(['stopping'])
    t.teardown(() => rehearsal.close())
    t.match(await curl(send, rehearsal.url), /"stopping".*"accepted":1,/)
    t.match(await curl(read, rehearsal.url), /"total_events":12,/)
    t.same(rehearsal.faults(), [])
  })
})
