/**
 * Pages of another origin in a real browser: every way of reaching the service, with and without credentials. What works is
 * read from the table in docs/access.md, cell by cell. [CORS-1]
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Frame, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { anEvent, startServer } from '../harness.ts'
import { Answers } from './answers.ts'
import { noChromium, openChromium } from './chromium.ts'

// What the browser has and Node has not.
declare const XMLHttpRequest: new () => Record<string, any>
declare function addEventListener(type: 'pagehide', listener: () => void): void
declare global {
  interface Navigator { sendBeacon(url: string, data: string | Blob): boolean }
}

const KEY = 'k-1'
const DOCUMENT = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8')

/** What a page is told to do, in the words of the table. */
type Way = keyof typeof WAYS

/** What a page gets to do its work. */
interface Task {
  url: string
  key: string
  event: object
}

/**
 * How a page reaches the service. Each runs in the browser; sending resolves with whether the page saw success, or with nothing
 * where it sees no answer, and reading with whether it got what it asked for.
 */
const WAYS = {
  '`fetch` that sends': ({ url, key, event }: Task) =>
    fetch(`${url}/events`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify(event) })
      .then((answer) => answer.ok, () => false),

  '`fetch` that sends, `credentials: \'include\'`': ({ url, key, event }: Task) =>
    fetch(`${url}/events`, { method: 'POST', credentials: 'include', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify(event) })
      .then((answer) => answer.ok, () => false),

  '`fetch` that sends, `keepalive`': ({ url, key, event }: Task) =>
    fetch(`${url}/events?key=${key}`, { method: 'POST', keepalive: true, headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) })
      .then((answer) => answer.ok, () => false),

  '`fetch` that sends, `keepalive` and `credentials: \'include\'`': ({ url, key, event }: Task) =>
    fetch(`${url}/events?key=${key}`, { method: 'POST', keepalive: true, credentials: 'include', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) })
      .then((answer) => answer.ok, () => false),

  'XHR that sends': ({ url, key, event }: Task) => new Promise<boolean>((resolve) => {
    const request = new XMLHttpRequest()
    request.open('POST', `${url}/events`)
    request.setRequestHeader('authorization', `Bearer ${key}`)
    request.setRequestHeader('content-type', 'application/json')
    request.onloadend = () => resolve(request.status === 200)
    request.send(JSON.stringify(event))
  }),

  'XHR that sends, `withCredentials`': ({ url, key, event }: Task) => new Promise<boolean>((resolve) => {
    const request = new XMLHttpRequest()
    request.open('POST', `${url}/events`)
    request.withCredentials = true
    request.setRequestHeader('authorization', `Bearer ${key}`)
    request.setRequestHeader('content-type', 'application/json')
    request.onloadend = () => resolve(request.status === 200)
    request.send(JSON.stringify(event))
  }),

  '`sendBeacon` of a string': ({ url, key, event }: Task) => {
    navigator.sendBeacon(`${url}/events?key=${key}`, JSON.stringify(event))
  },

  '`sendBeacon` of a `Blob` of `application/json`': ({ url, key, event }: Task) => {
    navigator.sendBeacon(`${url}/events?key=${key}`, new Blob([JSON.stringify(event)], { type: 'application/json' }))
  },

  '`sendBeacon` of a string, on `pagehide`': ({ url, key, event }: Task) => {
    addEventListener('pagehide', () => navigator.sendBeacon(`${url}/events?key=${key}`, JSON.stringify(event)))
  },

  '`sendBeacon` of a `Blob` of `application/json`, on `pagehide`': ({ url, key, event }: Task) => {
    addEventListener('pagehide', () => navigator.sendBeacon(`${url}/events?key=${key}`, new Blob([JSON.stringify(event)], { type: 'application/json' })))
  },

  '`fetch` that sends, `keepalive`, on `pagehide`': ({ url, key, event }: Task) => {
    addEventListener('pagehide', () => {
      fetch(`${url}/events?key=${key}`, { method: 'POST', keepalive: true, headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) }).catch(() => {})
    })
  },

  '`fetch` that sends, `keepalive` and `credentials: \'include\'`, on `pagehide`': ({ url, key, event }: Task) => {
    addEventListener('pagehide', () => {
      fetch(`${url}/events?key=${key}`, { method: 'POST', keepalive: true, credentials: 'include', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) }).catch(() => {})
    })
  },

  '`fetch` that reads': ({ url, key }: Task) =>
    fetch(`${url}/analytics/summary`, { headers: { authorization: `Bearer ${key}` } }).then((answer) => answer.ok, () => false),

  '`fetch` that reads, `credentials: \'include\'`': ({ url, key }: Task) =>
    fetch(`${url}/analytics/summary`, { credentials: 'include', headers: { authorization: `Bearer ${key}` } }).then((answer) => answer.ok, () => false),

  '`EventSource`': ({ url, key }: Task) => new Promise<boolean>((resolve) => {
    const source = new EventSource(`${url}/events/stream?after=earliest&key=${key}`)
    source.onmessage = () => { source.close(); resolve(true) }
    source.onerror = () => { source.close(); resolve(false) }
  }),

  '`EventSource`, `withCredentials`': ({ url, key }: Task) => new Promise<boolean>((resolve) => {
    const source = new EventSource(`${url}/events/stream?after=earliest&key=${key}`, { withCredentials: true })
    source.onmessage = () => { source.close(); resolve(true) }
    source.onerror = () => { source.close(); resolve(false) }
  }),

  '`WebSocket`, key as a subprotocol': ({ url, key, event }: Task) => new Promise<boolean>((resolve) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/events`, ['events.v1', `bearer.${key}`])
    socket.onopen = () => socket.send(JSON.stringify(event))
    socket.onmessage = ({ data }) => { if (JSON.parse(data).type === 'ack') { resolve(true); socket.close() } }
    socket.onclose = () => resolve(false)
  }),

  '`WebSocket`, key in the address': ({ url, key, event }: Task) => new Promise<boolean>((resolve) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/events?key=${key}`)
    socket.onopen = () => socket.send(JSON.stringify(event))
    socket.onmessage = ({ data }) => { if (JSON.parse(data).type === 'ack') { resolve(true); socket.close() } }
    socket.onclose = () => resolve(false)
  })
} satisfies Record<string, (task: Task) => Promise<boolean> | void>

const work = WAYS as Readonly<Record<Way, (task: Task) => Promise<boolean | undefined>>>

/** Ways that only read; all others send the event. */
const READS = /reads|EventSource/

/** The columns of the table: how the service is set, and whether the page has the origin `null`. */
const COLUMNS: readonly { name: string, origins: (page: string) => string, isSandboxed: boolean }[] = [
  { name: 'allowed by name', origins: (page) => page, isSandboxed: false },
  { name: 'under `*`', origins: () => '*', isSandboxed: false },
  { name: '`null` under `*`', origins: () => '*', isSandboxed: true },
  { name: 'not allowed', origins: () => 'https://elsewhere.example', isSandboxed: false }
]

/** The table of the document: for each way, whether it works, by column. */
function readTable(): Map<string, string[]> {
  const section = DOCUMENT.split('\n## ').find((text) => text.startsWith('Pages of other origins')) ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(' | ').map((cell) => cell.trim()))
  if (rows[0]?.slice(1).join() !== COLUMNS.map(({ name }) => name).join()) throw new Error(`the table has other columns: ${rows[0]}`)
  return new Map(rows.slice(2).map(([way, ...cells]) => [way, cells]))
}

/** A site of another origin: an empty page, and one in a sandbox, whose origin is `null`. */
async function startSite(t: Test): Promise<string> {
  const site = createServer((request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(request.url === '/sandbox' ? '<iframe sandbox="allow-scripts" src="/page"></iframe>' : '<p>a page</p>')
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  t.teardown(() => site.close())
  t.teardown(() => site.closeAllConnections())
  return `http://localhost:${(site.address() as AddressInfo).port}`
}

async function frameOf(page: Page, site: string, isSandboxed: boolean): Promise<Frame> {
  await page.goto(`${site}/${isSandboxed ? 'sandbox' : 'page'}`)
  return isSandboxed ? page.frames()[1] : page.mainFrame()
}

t.test('every cell of the table of docs/access.md', { skip: noChromium, timeout: 240_000 }, async (t) => {
  const table = readTable()
  t.same([...table.keys()], Object.keys(WAYS), 'the table has the ways that are tried')
  const site = await startSite(t)
  const browser = await openChromium(t)

  t.jobs = COLUMNS.length // they wait for the browser most of the time
  // Each has a key of its own, so that its requests can be told apart.
  const ways = Object.keys(WAYS) as Way[]
  const keyOf = (way: Way) => `k-${ways.indexOf(way)}`
  const keys = [KEY, ...ways.map(keyOf)].join()

  for (const [column, { name, origins, isSandboxed }] of COLUMNS.entries()) {
    t.test(name, async (t) => {
      const { app, port } = await startServer(t, { ALLOWED_ORIGINS: origins(site), WRITE_KEYS: keys, READ_KEYS: keys })
      const isCounted = async (id: string) => {
        const { body } = await app.inject({ url: '/events?limit=1000', headers: { authorization: `Bearer ${KEY}` } })
        return body.includes(id)
      }
      await app.inject({ method: 'POST', url: '/events', headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }, payload: anEvent() })
      const answers = new Answers(app)
      const page = await browser.newPage()
      const frame = await frameOf(page, site, isSandboxed)
      const events = new Map(ways.map((way) => [way, anEvent()]))

      // All at once; those of `pagehide` begin when the page is left.
      const seen = await Promise.all(ways.map((way) => frame.evaluate(work[way], { url: `http://127.0.0.1:${port}`, key: keyOf(way), event: events.get(way)! })))
      await page.goto(`${site}/other`)
      for (const [i, way] of ways.entries()) {
        const expected = table.get(way)![column]
        const { event_id: id } = events.get(way)!
        if (seen[i] !== undefined) t.equal(seen[i] ? 'yes' : 'no', expected, `${way}, as the page sees it`)
        else if (expected === 'yes') await answers.until(() => isCounted(id))
        else await answers.until(() => answers.with(keyOf(way)) > 0) // the refusal, or the preflight that does not allow it
      }
      await page.evaluate(() => fetch('/').then(() => fetch('/'))) // by then what a preflight let through is there, too
      for (const way of ways) if (!READS.test(way)) t.equal(await isCounted(events.get(way)!.event_id) ? 'yes' : 'no', table.get(way)![column], way)
      await page.close()
    })
  }
})

t.test('a browser refuses the subprotocol with the key alone, because a key is never answered', { skip: noChromium, timeout: 120_000 }, async (t) => {
  const site = await startSite(t)
  const { port } = await startServer(t, { ALLOWED_ORIGINS: site, READ_KEYS: KEY })
  const page = await (await openChromium(t)).newPage()
  await page.goto(`${site}/page`)
  const open = (protocols: string[]) => page.evaluate(([url, ...protocols]) => new Promise<string>((resolve) => {
    const socket = new WebSocket(url, protocols)
    socket.onopen = () => resolve(`opened with ${socket.protocol}`)
    socket.onerror = () => resolve('failed')
  }), [`ws://127.0.0.1:${port}/ws/events`, ...protocols])
  t.equal(await open([`bearer.${KEY}`]), 'failed')
  t.equal(await open(['events.v1', `bearer.${KEY}`]), 'opened with events.v1')
  t.equal(await open([`bearer.${KEY}`, 'events.v1']), 'opened with events.v1')
})
