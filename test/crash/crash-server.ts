/** As little of a server as the crash test needs, so that it starts quickly: a journal, ingest, pages and summaries. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createJournalBackend } from '../../src/backends/journal/journal.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { systemClock } from '../../src/backends/system-clock.ts'

const { store, aggregator } = await createJournalBackend({
  clock: systemClock,
  dedupCapacity: 1_000_000,
  userCapacity: 10_000,
  logBytes: 64 << 20,
  directory: process.env.DATA_DIR!,
  sync: 'full'
})
const ingest = createIngest({ store, maxEvents: 10_000 })

async function answer(method: string, url: URL, body: Buffer): Promise<[number, string]> {
  if (url.pathname === '/health/ready') return [store.readiness().ready ? 200 : 503, '']
  if (method === 'POST') return [200, JSON.stringify(await ingest(body, 'json'))]
  if (url.pathname === '/analytics/summary') return [200, JSON.stringify(await aggregator.summary('7d'))]
  const after = url.searchParams.get('after')!
  const page = await store.read(after === 'earliest' ? (await store.locate('earliest')).cursor : after, {}, { events: 1000, bytes: 1 << 20 })
  return [200, `{"events":[${page.bytes.toString()}],"cursor":"${page.cursor}","has_more":${page.hasMore}}`]
}

const server = createServer((request, response) => {
  buffer(request).then((body) => answer(request.method!, new URL(request.url!, 'http://localhost'), body)).then(
    ([status, text]) => response.writeHead(status).end(text),
    (error: Error) => response.writeHead(500).end(error.message)
  )
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`127.0.0.1:${(server.address() as AddressInfo).port}\n`))
process.once('SIGTERM', () => {
  server.close(() => store.close().then(() => process.exit(0)))
  server.closeAllConnections()
})
