/** Swagger UI's page in a real Chromium on a phone at night, with keys, behind a real nginx that puts a prefix before the service. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { startServer } from '../harness.ts'
import { noChromium, openChromium } from './chromium.ts'
import { FORWARDED, noNginx, startNginx } from './nginx.ts'

t.setTimeout(290_000) // a browser on a busy machine is slow

const WIDTH = 375

/** One operation on the page. */
function operationOn(page: Page, id: string) {
  const block = page.locator(`[id="operations-${id}"]`)
  const answers = block.locator('.live-responses-table')
  return {
    block,
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

/** Enters a key for each scheme. */
async function authorize(page: Page, keys: Record<string, string>): Promise<void> {
  await page.locator('.btn.authorize').click()
  for (const [scheme, key] of Object.entries(keys)) {
    const form = page.locator('.auth-container', { has: page.getByText(`${scheme} `, { exact: false }) })
    await form.locator('input').fill(key)
    await form.locator('.authorize').click()
    await form.locator('code', { hasText: '***' }).waitFor()
  }
  await page.locator('.btn-done').last().click()
}

t.test('the page', { skip: noChromium || noNginx }, async (t) => {
  const { port } = await startServer(t, { WRITE_KEYS: 'writer', READ_KEYS: 'reader', TRUST_PROXY: 'loopback' })
  const address = `http://127.0.0.1:${await startNginx(t, port, FORWARDED, '/events-api')}/events-api`
  const page = await (await openChromium(t)).newPage({ viewport: { width: WIDTH, height: 700 }, colorScheme: 'dark' })
  page.setDefaultTimeout(120_000)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  const send = operationOn(page, 'events-sendEvents')
  const summary = operationOn(page, 'analytics-getSummary')
  const isWide = () => page.evaluate('document.documentElement.scrollWidth') as Promise<number>

  await page.goto(`${address}/docs/`)
  await send.open()

  t.test('follows the scheme, and fits a phone', async (t) => {
    const inScheme = async (colorScheme: 'light' | 'dark') => {
      await page.emulateMedia({ colorScheme })
      await page.locator(colorScheme === 'dark' ? 'html.dark-mode' : 'html:not(.dark-mode)').waitFor()
      return await page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    }
    const dark = await inScheme('dark')
    t.not(await inScheme('light'), dark)
    t.equal(await inScheme('dark'), dark)
    t.equal(await isWide(), WIDTH, 'nothing is wider than the screen')
    const { height } = (await send.block.boundingBox())!
    t.ok(height < 5 * 700, `POST /events ends after ${height} px`)
  })

  t.test('sends what it shows, with a key, and what it shows counts', async (t) => {
    await send.tryOut.click()
    t.match(await send.execute(), { status: 401, body: { code: 'unauthorized' } })
    complaints.length = 0 // a browser tells of every 401
    await authorize(page, { readKey: 'reader', writeKey: 'writer' })
    const first = await send.execute()
    t.match(first, { status: 200, body: { accepted: 1, duplicates: 0 } })
    t.match(await first.shown.innerText(), /"accepted": 1/, 'and shows it')
    t.match(await send.execute(), { status: 200, body: { accepted: 0, duplicates: 1 } }, 'the same event again is a duplicate')
    for (const mediaType of ['application/x-ndjson', 'text/plain']) {
      await send.mediaType.selectOption(mediaType)
      t.match(await send.execute(), { status: 200, body: { accepted: 1 } }, mediaType)
    }
    t.equal(await isWide(), WIDTH, 'with an answer, too')
  })

  t.test('says how to try what never ends', async (t) => {
    const stream = operationOn(page, 'live-streamEvents')
    await stream.open()
    t.match(await stream.block.innerText(), /curl -N http/)
    t.equal(await stream.tryOut.count(), 0, 'it cannot be tried out')

    const live = operationOn(page, 'live-openLive')
    await live.open()
    t.equal(await live.tryOut.count(), 0)
    const code = await live.block.locator('pre code').innerText()
    const told = page.waitForEvent('console', (message) => message.text().includes('"welcome"'))
    await page.evaluate(code.replace(/'\)$/m, "', ['events.v1', 'bearer.reader'])"))
    t.match((await told).text(), /^\{"type":"welcome"/, 'its snippet works')
  })

  t.test('keeps its keys over a reload, and shows other ids', async (t) => {
    await page.goto(`${address}/docs`)
    t.equal(page.url(), `${address}/docs/`)
    await send.open()
    await send.tryOut.click()
    t.match(await send.execute(), { status: 200, body: { accepted: 1 } })
    await summary.open()
    await summary.tryOut.click()
    t.match(await summary.execute(), { status: 200, body: { total_events: 4, events_by_type: { page_view: 4 } } })
    t.same(complaints, [], 'nothing is blocked and nothing fails')
  })
})
