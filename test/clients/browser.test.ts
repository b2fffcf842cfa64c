/** Pages of another origin in a real browser: the one of clients/javascript.md, and one that is left while events wait. [CORS-1] */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { Answers } from '../compat/answers.ts'
import { noChromium, openChromium } from '../compat/chromium.ts'
import { startServer } from '../harness.ts'
import { block } from './document.ts'

t.setTimeout(290_000) // a browser on a busy machine is slow

const KEY = 'public-1'

/** A site of another origin, all of whose pages have this on them. */
async function startSite(t: Test, content: () => string): Promise<string> {
  const site = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(`<title>A shop</title>${content()}`)).listen(0, '127.0.0.1')
  await once(site, 'listening')
  t.teardown(() => site.close())
  t.teardown(() => site.closeAllConnections())
  return `http://localhost:${(site.address() as AddressInfo).port}`
}

/** Runs in the page: a sender that waits for more, and so many events. */
async function send({ url, key, count, isStored }: { url: string, key: string, count: number, isStored: boolean }): Promise<void> {
  const { createSender } = await import(`${url}client.js`) as typeof import('../../clients/client.js')
  const sender = createSender({ url, key, maxDelay: 3_600_000, maxBatch: 10_000, ...isStored ? {} : { storage: null } })
  for (let i = 0; i < count; i++) sender.send({ user_id: 'ada', event_type: 'page_view', properties: { page: `/${i}`, text: 'é'.repeat(40) } })
}

/** Runs in the page: how many events are stored. */
const stored = () => Object.keys((globalThis as any).localStorage).length

/** Resolves when so many events were answered, first or again. */
async function answered(app: FastifyInstance, answers: Answers, count: number): Promise<void> {
  for (;;) {
    const before = answers.count
    const { body } = await app.inject({ url: '/metrics' })
    const sum = [...body.matchAll(/^events_total\{verdict="(?:accepted|duplicate)".*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
    if (sum >= count) return
    await answers.reach(before + 1)
  }
}

const browser = noChromium === false ? await openChromium(t, 'browser') : undefined
const options = { skip: noChromium, timeout: 140_000 }

t.test('the page of clients/javascript.md sends what its visitors do', options, async (t) => {
  let content = ''
  const site = await startSite(t, () => content)
  const { app, port } = await startServer(t, { WRITE_KEYS: 'PUBLIC_WRITE_KEY', ALLOWED_ORIGINS: site })
  content = `<p>Hello</p>${block('html').replaceAll('localhost:8080', `127.0.0.1:${port}`)}`
  const answers = new Answers(app)
  const page = await browser!.newPage()
  await page.goto(`${site}/basket`)
  await answered(app, answers, 1)
  await page.click('p')
  await answered(app, answers, 2)
  t.match((await app.inject('/events')).json().events, [{ user_id: 'ada', event_type: 'page_view', properties: { page: '/basket' } }, { event_type: 'click' }])
  await page.close()
})

t.test('what waits when a page is left is counted once, from another origin, with a key, and where it was stored also after a return', options, async (t) => {
  const site = await startSite(t, () => '')
  const { app, port } = await startServer(t, { ALLOWED_ORIGINS: site, WRITE_KEYS: KEY })
  const answers = new Answers(app)
  const url = `http://127.0.0.1:${port}/`
  const total = async () => (await app.aggregator.summary('1h')).total_events
  const page = await browser!.newPage()

  await page.goto(`${site}/basket`)
  await page.evaluate(send, { url, key: KEY, count: 100, isStored: true })
  t.equal(await page.evaluate(stored), 100)
  await page.goto(`${site}/thank-you`)
  await answered(app, answers, 100)
  t.equal(await total(), 100, 'several beacons')
  t.equal(await page.evaluate(stored), 100, 'whose answers nobody saw')

  await page.evaluate(send, { url, key: KEY, count: 0, isStored: true })
  await answered(app, answers, 200)
  t.equal(await total(), 100, 'sent again, and counted once')
  await page.waitForFunction(() => Object.keys((globalThis as any).localStorage).length === 0)

  await page.evaluate(send, { url, key: KEY, count: 10, isStored: false })
  await page.close({ runBeforeUnload: true })
  await answered(app, answers, 210)
  t.equal(await total(), 110, 'also when the tab is closed')
})
