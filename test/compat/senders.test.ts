/** The programs of examples/send, run against a service whose answers get lost: each event is counted, and once. [DEDUP-3] */
import { createServer, request, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { anEvent, startServer } from '../harness.ts'
import { missing, runProgram } from './programs.ts'

const FOLDER = join(import.meta.dirname, '../../examples/send')

/** A program that reads events from its standard input. */
interface Sender {
  name: string
  skip: string | false
  /** What is run; compiled into a folder first where that is needed. */
  command: (folder: string) => Promise<readonly [string, ...string[]]>
}

const SENDERS: readonly Sender[] = [
  { name: 'send.py', skip: missing('python3'), command: async () => ['python3', join(FOLDER, 'send.py')] },
  { name: 'send_requests.py', skip: await missingRequests(), command: async () => ['python3', join(FOLDER, 'send_requests.py')] },
  { name: 'send.sh', skip: missing('curl'), command: async () => ['sh', join(FOLDER, 'send.sh')] },
  {
    name: 'send.go',
    skip: missing('go', 'version'),
    command: async (folder) => {
      await compile('go', 'build', '-o', join(folder, 'send'), join(FOLDER, 'send.go'))
      return [join(folder, 'send')]
    }
  },
  {
    name: 'Send.java',
    skip: missing('javac'),
    command: async (folder) => {
      await compile('javac', '-d', folder, join(FOLDER, 'Send.java'))
      return ['java', '-XX:TieredStopAtLevel=1', '-cp', folder, 'Send']
    }
  }
]

async function compile(program: string, ...args: string[]): Promise<void> {
  const { code, output } = await runProgram(program, args, {})
  if (code !== 0) throw new Error(output)
}

async function missingRequests(): Promise<string | false> {
  const found = await runProgram('python3', ['-c', 'import requests'], {}).catch(() => undefined)
  return found?.code === 0 ? false : 'there is no python3 with the package requests'
}

/** A way to a port that drops the answer of each sender's first request, and turns its second one away. */
async function startLossyWay(t: Test, port: number): Promise<string> {
  const counts = new Map<string, number>()
  const pass: RequestListener = (incoming, outgoing) => {
    const name = incoming.url!.split('/')[1]
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    if (count === 2) {
      incoming.resume()
      outgoing.writeHead(503, { 'content-type': 'text/html' }).end('<h1>503</h1>')
      return
    }
    const path = incoming.url!.slice(name.length + 1)
    incoming.pipe(request({ port, host: '127.0.0.1', path, method: incoming.method, headers: incoming.headers }, (answer) => {
      if (count === 1) {
        answer.resume().once('end', () => outgoing.destroy())
      } else {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      }
    }))
  }
  const server = createServer(pass).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const { port } = await startServer(t, { WRITE_KEYS: 'secret' })
const way = await startLossyWay(t, port)

t.jobs = SENDERS.length
for (const { name, skip, command } of SENDERS) {
  t.test(`${name} sends until each event is counted or rejected`, { skip, timeout: 120_000 }, async (t) => {
    const [program, ...args] = await command(t.testdir({}))
    const events = [...Array.from({ length: 20 }, () => anEvent({ user_id: name })), anEvent({ user_id: name, event_type: 'like' as 'click' })]
    const input = events.map((event) => JSON.stringify(event)).join('\n') + '\n'
    const { code, output } = await runProgram(program, args, { EVENT_SERVICE: `${way}/${name}`, WRITE_KEY: 'secret' }, input)
    t.equal(code, 0, output)
    t.match(output, /invalid_event_type/, 'it says what was rejected')
    const { users } = await (await fetch(`http://127.0.0.1:${port}/analytics/users?window=1h&user_id=${name}`)).json() as { users: { total_events: number }[] }
    t.equal(users[0].total_events, 20, 'counted once each, though they were sent twice')
    const refused = await runProgram(program, args, { EVENT_SERVICE: `http://127.0.0.1:${port}`, WRITE_KEY: 'wrong' }, input)
    t.not(refused.code, 0, 'a wrong key ends it')
    t.match(refused.output, /40[13]|unauthorized/)
  })
}
