/** The page of examples/ in a real browser, from another origin: what a visitor does is counted, also when the page is left at once. [CORS-1] */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { freePort } from '../../cluster/redis-process.ts'
import type { Summary } from '../../schemas/index.ts'
import { startServer } from '../harness.ts'
import { noChromium, openChromium } from './chromium.ts'

t.test('examples/page.html', { skip: noChromium, timeout: 60_000 }, async (t) => {
  const pagePort = await freePort()
  const { port } = await startServer(t, { ALLOWED_ORIGINS: `http://localhost:${pagePort}` })
  const html = readFileSync(join(import.meta.dirname, '../../examples/page.html'), 'utf8').replaceAll('http://localhost:8080', `http://localhost:${port}`)
  const site = createServer((_request, answer) => answer.setHeader('content-type', 'text/html').end(html)).listen(pagePort, 'localhost')
  t.teardown(() => {
    site.closeAllConnections()
    site.close()
  })
  t.equal(new Set(html.match(/http:\/\/localhost:\d+/g)).size, 1, 'the page knows one address, that of the service')

  const browser = await openChromium(t)
  const page = await browser.newPage()
  await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`)
  await page.locator('output', { hasText: /^\d+$/ }).waitFor()
  await page.click('#buy')
  await page.locator('output', { hasText: /^1$/ }).waitFor()
  await page.click('#buy')
  await page.goto('about:blank') // at once: the second purchase leaves as a beacon
  let summary: Summary
  do {
    await delay(20)
    summary = await (await fetch(`http://127.0.0.1:${port}/analytics/summary?window=1h`)).json() as Summary
  } while (summary.total_events < 3)
  t.match(summary, { total_events: 3, unique_users: 1, events_by_type: { page_view: 1, purchase: 2 } })
})
