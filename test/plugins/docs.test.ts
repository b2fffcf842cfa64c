import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import t from 'tap'
import { noChromium, openChromium } from '../compat/chromium.ts'
import { startApp, startServer } from '../harness.ts'

t.setTimeout(120_000) // a browser on a busy machine is slow

t.test('the documents', async (t) => {
  const app = await startApp(t, { READ_KEYS: 'reader', WRITE_KEYS: 'writer' })

  t.test('are served without a key, each as what it is', async (t) => {
    for (const [url, type] of [
      ['/openapi.json', 'application/json; charset=utf-8'],
      ['/openapi.yaml', 'application/yaml; charset=utf-8'],
      ['/asyncapi.json', 'application/json; charset=utf-8'],
      ['/docs/json', 'application/json; charset=utf-8']
    ]) {
      const answer = await app.inject(url)
      t.equal(answer.statusCode, 200, url)
      t.equal(answer.headers['content-type'], type)
    }
  })

  t.test('take no query parameters', async (t) => {
    const answer = await app.inject('/openapi.json?version=3')
    t.match(answer.json(), { status: 400, code: 'invalid_query' })
  })

  t.test('are where a newcomer looks first', async (t) => {
    const answer = await app.inject('/')
    t.equal(answer.statusCode, 302)
    t.equal(answer.headers.location, 'docs/', 'relative, for a proxy may put a prefix before it')
  })

  t.test('describe themselves nowhere, and every other route once', async (t) => {
    const { paths } = (await app.inject('/openapi.json')).json()
    t.same(Object.keys(paths).filter((path) => /docs|openapi|asyncapi|\*/.test(path) || path === '/'), [])
    for (const path of ['/events', '/events/stream', '/analytics/summary', '/analytics/users', '/analytics/timeseries', '/health', '/health/live', '/health/ready', '/metrics']) {
      t.ok(path in paths, path)
    }
  })

  t.test('say which routes ask for a key', async (t) => {
    const { paths, components } = (await app.inject('/openapi.json')).json()
    t.same(Object.keys(components.securitySchemes), ['readKey', 'writeKey'])
    t.same(paths['/analytics/summary'].get.security, [{}, { readKey: [] }])
    t.same(paths['/events'].post.security, [{}, { writeKey: [] }])
    t.notOk('/ws/events' in paths, 'no client can do anything with it')
    t.same(paths['/health'].get.security, [])
  })
})

t.test('the page works over plain HTTP and loads nothing from elsewhere', async (t) => {
  const app = await startApp(t)
  const page = await app.inject('/docs')
  const policy = String(page.headers['content-security-policy'])
  t.match(policy, /script-src 'self'/)
  t.notMatch(policy, /upgrade-insecure-requests|https?:|\*/)
  t.notOk('strict-transport-security' in page.headers)
  t.notMatch(page.body, /(src|href)="(https?:)?\/\//)
})

/** One operation on the page of Swagger UI. */
function operationOn(page: Page, id: string) {
  const block = page.locator(`[id="${id}"]`)
  const answers = block.locator('.live-responses-table')
  return {
    tryOut: block.locator('.try-out__btn'),
    mediaType: block.locator('.opblock-section-request-body select.content-type'),
    async open() {
      await block.locator('.opblock-summary-control').click()
      await block.locator('.opblock-body').waitFor()
    },
    async execute() {
      const [answer] = await Promise.all([
        page.waitForResponse((response) => response.request().resourceType() === 'fetch'),
        block.locator('.execute').click()
      ])
      await answers.waitFor()
      return { status: answer.status(), body: await answer.json(), shown: answers }
    }
  }
}

t.test('"Try it out" counts, in a browser', { skip: noChromium, timeout: 115_000 }, async (t) => {
  const { port } = await startServer(t)
  const page = await (await openChromium(t)).newPage()
  page.setDefaultTimeout(60_000)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))

  await page.goto(`http://127.0.0.1:${port}/`)
  const send = operationOn(page, 'operations-events-sendEvents')
  await send.open()
  await send.tryOut.click()
  const first = await send.execute()
  t.match(first, { status: 200, body: { accepted: 1, duplicates: 0 } })
  t.match(await first.shown.innerText(), /"accepted": 1/, 'and shows it')
  t.match(await send.execute(), { status: 200, body: { accepted: 0, duplicates: 1 } }, 'the same event again is a duplicate')

  await send.mediaType.selectOption('application/x-ndjson')
  t.match(await send.execute(), { status: 200, body: { accepted: 1 } }, 'NDJSON')
  await send.mediaType.selectOption('text/plain')
  t.match(await send.execute(), { status: 200, body: { accepted: 1 } }, 'text')

  await page.goto(`http://127.0.0.1:${port}/docs/`)
  await send.open()
  await send.tryOut.click()
  t.match(await send.execute(), { status: 200, body: { accepted: 1 } }, 'after another load the examples are new')

  const summary = operationOn(page, 'operations-analytics-getSummary')
  await summary.open()
  await summary.tryOut.click()
  t.match(await summary.execute(), { status: 200, body: { total_events: 4, events_by_type: { page_view: 4 } } })

  const stream = operationOn(page, 'operations-live-streamEvents')
  await stream.open()
  t.equal(await stream.tryOut.count(), 0, 'it never ends, so it cannot be tried out')
  t.same(complaints, [], 'nothing is blocked and nothing fails')
})

t.test('the page works behind a prefix, and on a phone', { skip: noChromium, timeout: 115_000 }, async (t) => {
  const { port } = await startServer(t)
  const proxy = createServer((incoming, outgoing) => {
    const path = incoming.url!.replace(/^\/events-api/, '')
    if (path === incoming.url) return outgoing.writeHead(404).end() // the host's root is somebody else's
    const { method, headers } = incoming
    incoming.pipe(request({ port, path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(outgoing)
    }))
  }).listen(0, '127.0.0.1')
  t.teardown(() => proxy.close().closeAllConnections())
  await once(proxy, 'listening')

  const page = await (await openChromium(t)).newPage({ viewport: { width: 375, height: 700 } })
  page.setDefaultTimeout(60_000)
  for (const path of ['/docs', '/docs/']) {
    await page.goto(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/events-api${path}`)
    const send = operationOn(page, 'operations-events-sendEvents')
    await send.open()
    await send.tryOut.click()
    t.match(await send.execute(), { status: 200, body: { accepted: 1 } }, path)
    t.equal(await page.locator('meta[name=viewport]').count(), 1)
  }
})
