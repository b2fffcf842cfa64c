/** syslog-ng as in examples/shippers: what the service cannot take waits, what is wrong is given up, and nothing counts twice. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { freePort } from '../../cluster/redis-process.ts'
import type { Summary } from '../../schemas/index.ts'
import { anEvent, startServer } from '../harness.ts'
import { missing, startProgram } from './programs.ts'

const RECIPE = join(import.meta.dirname, '../../examples/shippers/syslog-ng.conf')

t.test('syslog-ng', { skip: missing('syslog-ng'), timeout: 60_000 }, async (t) => {
  const folder = t.testdir({})
  const { port: service } = await startServer(t)
  // The first request is turned away; of the second the answer is lost.
  const counts = { requests: 0 }
  const way = createServer((incoming, outgoing) => {
    const number = ++counts.requests
    if (number === 1) return incoming.resume().once('end', () => outgoing.writeHead(503).end())
    incoming.pipe(request({ port: service, host: '127.0.0.1', path: incoming.url, method: incoming.method, headers: incoming.headers }, (answer) => {
      if (number === 2) return answer.resume().once('end', () => outgoing.destroy())
      answer.pipe(outgoing.writeHead(answer.statusCode!, answer.headers))
    }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => way.once('listening', resolve))
  t.teardown(() => way.close())

  const port = await freePort()
  const file = join(folder, 'syslog-ng.conf')
  writeFileSync(file, readFileSync(RECIPE, 'utf8')
    .replace('port(5140)', `port(${port})`)
    .replace('127.0.0.1:8080', `127.0.0.1:${(way.address() as AddressInfo).port}`)
    .replace('reliable(yes)', `reliable(yes) dir("${folder}")`)
    .replace('batch-timeout(1000)', 'batch-timeout(100)'))
  await startProgram(t, port, 'syslog-ng', [
    '--foreground', '--no-caps', `--cfgfile=${file}`, `--persist-file=${folder}/persist`, `--pidfile=${folder}/pid`, `--control=${folder}/control`
  ])
  const socket = connect(port, '127.0.0.1')
  const events = Array.from({ length: 30 }, (_, i) => anEvent({ user_id: `user ${i % 3}`, ...i === 7 && { event_type: 'like' as 'click' } }))
  for (const { event_id: id, user_id: user, event_type: type } of events) {
    socket.write(JSON.stringify({ id, user, type, at: new Date().toISOString().replace('Z', '+00:00'), page: '/' }) + '\n')
  }
  socket.end()
  const ask = async <T>(path: string): Promise<T> => await (await fetch(`http://127.0.0.1:${service}${path}`)).json() as T
  let summary: Summary
  do {
    await delay(50)
    summary = await ask<Summary>('/analytics/summary?window=1h')
  } while (summary.total_events < 29)
  t.match(summary, { total_events: 29, unique_users: 3 })
  while (counts.requests < 4) await delay(50) // what was not sure is sent again
  t.match(await ask('/analytics/summary?window=1h'), { total_events: 29 }, 'and counts once')
  t.match(await ask('/events/rejections'), { rejections: [{ code: 'invalid_event_type', event_id: events[7].event_id }] })
  t.match(await ask('/events?limit=1'), { events: [{ properties: { page: '/' } }] })
})
