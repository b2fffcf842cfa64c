/** The dashboard in a real Chromium: what it shows is what the service counts, and stays so whatever happens. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { EVENT_TYPES, TIME_WINDOWS, type Event as ActivityEvent, type Summary, type TimeSeries, type TimeWindow } from '../../schemas/index.ts'
import { HOUR, MINUTE, TestClock } from '../backends/test-clock.ts'
import { anEvent, startApp, startServer } from '../harness.ts'
import { ServerProcess } from '../server-process.ts'
import { noChromium, openChromium } from './chromium.ts'
import { FORWARDED, noNginx, startNginx } from './nginx.ts'

// What the browser has and Node has not.
declare const document: any
declare const axe: { run(within: string): Promise<{ violations: { id: string, nodes: { html: string }[] }[] }> }
declare class MutationObserver { constructor(listener: () => void); observe(target: unknown, options: object): void }

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Two users and every type, now and in the past, with a name that would be HTML. */
const EVIL = '<img src=x onerror="document.title=1">'
const some = (): ActivityEvent[] => [0, 0, MINUTE, 30 * MINUTE, 3 * HOUR, 50 * HOUR].flatMap((ago, i) => EVENT_TYPES.slice(0, i % 4 + 1).map((type) =>
  anEvent({ event_type: type, user_id: i % 2 === 0 ? 'ada' : EVIL, timestamp: new Date(Date.now() - ago).toISOString(), properties: { page: '/a' } })))

/** A service, and what a test asks of it. */
class Service {
  readonly url: string
  readonly #key: string

  constructor(url: string, key = '') {
    this.url = url
    this.#key = key
  }

  async #ask(path: string, init: RequestInit = {}): Promise<any> {
    const headers = { 'content-type': 'application/json', ...this.#key === '' ? {} : { authorization: `Bearer ${this.#key}` } }
    return await (await fetch(`${this.url}${path}`, { ...init, headers })).json()
  }

  send(events: readonly object[]): Promise<{ accepted: number }> {
    return this.#ask('events', { method: 'POST', body: JSON.stringify(events) })
  }

  summary(window: TimeWindow): Promise<Summary> {
    return this.#ask(`analytics/summary?window=${window}`)
  }

  series(window: TimeWindow): Promise<TimeSeries> {
    return this.#ask(`analytics/timeseries?window=${window}&interval=${window === '1h' ? 'minute' : 'hour'}`)
  }
}

const number = (text: string | null) => Number(text?.replaceAll(',', ''))

/** What a card says. */
async function readCard(page: Page, window: TimeWindow): Promise<object> {
  const card = page.locator(`.card[data-window="${window}"]`)
  return {
    total: number(await card.locator('.total').textContent()),
    users: number(await card.locator('.unit .number').textContent()),
    types: (await card.locator('dd').allTextContents()).map(number)
  }
}

const cardOf = ({ total_events: total, unique_users: users, events_by_type: types }: Summary) =>
  ({ total, users, types: EVENT_TYPES.map((type) => types[type]) })

/** Waits until a card has this many events. */
const awaitTotal = (page: Page, total: number, window = '1h') =>
  page.locator(`.card[data-window="${window}"] .total`).filter({ hasText: new RegExp(`^${total.toLocaleString('en-US')}$`) }).waitFor()

/** Waits until a card has this many users, which are told once a second. */
const awaitUsers = (page: Page, users: number, window = '1h') =>
  page.locator(`.card[data-window="${window}"] .unit .number`).filter({ hasText: new RegExp(`^${users}$`) }).waitFor()

/** Opens the page until the test is over; what is wrong with it fails the test. */
async function openPage(t: Test, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await browser.newPage({ locale: 'en-GB', timezoneId: 'Asia/Kolkata', reducedMotion: 'reduce', ...options })
  t.teardown(() => page.context().close())
  page.setDefaultTimeout(60_000)
  page.on('pageerror', (error) => t.fail(error.message))
  page.on('console', (message) => { if (/Content.Security|Trusted/i.test(message.text())) t.fail(message.text()) })
  await page.goto(url)
  return page
}

/** What axe finds in a part of the page. */
async function findFaults(page: Page, within = 'html'): Promise<string[]> {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation: { finish(): void }) => animation.finish())))
  await page.evaluate(AXE)
  const { violations } = await page.evaluate((within) => axe.run(within), within)
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

t.test('a dashboard', { skip: noChromium, timeout: 290_000 }, async (t) => {
  const browser = await openChromium(t)

  t.test('shows what the service counts, and moves with every event [LIVE-3]', async (t) => {
    const { port } = await startServer(t)
    const service = new Service(`http://localhost:${port}/`)
    await service.send(some())
    await service.send([{ ...anEvent(), event_type: 'like' }])
    const asked: string[] = []
    const page = await openPage(t, browser, 'about:blank')
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.goto(service.url)
    await awaitTotal(page, (await service.summary('7d')).total_events, '7d')

    const newest = anEvent({ event_type: 'purchase', user_id: 'grace', properties: { product_id: 'mug', amount: 12 } })
    await service.send([...some(), newest])
    for (const window of TIME_WINDOWS) {
      const expected = cardOf(await service.summary(window))
      await awaitTotal(page, expected.total, window)
      await awaitUsers(page, 3, window)
      t.same(await readCard(page, window), expected, window)
    }

    await page.locator('.chosen').filter({ hasText: 'Last hour' }).waitFor()
    for (const window of TIME_WINDOWS) {
      await page.locator(`.card[data-window="${window}"] button`).click()
      const said = (await service.series(window)).series.filter(({ total_events: total }) => total > 0)
        .map(({ events_by_type: types, total_events: total }) => [...EVENT_TYPES.map((type) => types[type]), total]).reverse()
      let shown: number[][] = []
      while (JSON.stringify(shown) !== JSON.stringify(said)) { // it has to be loaded first
        await page.locator('#chart-table-open').click()
        shown = (await page.locator('#table-rows tr').evaluateAll((rows: any[]) => rows.map((row) => [...row.children].slice(1).map(({ textContent }) => textContent))))
          .map((row: string[]) => row.map(number)).filter((row: number[]) => row[4] > 0)
        await page.keyboard.press('Escape')
      }
      t.pass(`the chart of ${window}`)
    }
    await page.locator('#chart-table-open').click()
    t.same(await findFaults(page, '#table-dialog'), [], 'with the table open')
    await page.keyboard.press('Escape')
    t.match(await page.locator('#chart canvas').evaluate((canvas: any) => canvas.width), /^\d{3,}$/)

    const row = page.locator('#tail .row').first()
    t.match(await row.innerText(), /Purchase\s+grace\s+mug · 12/)
    await row.click()
    t.same(JSON.parse(await page.locator('#event-json').innerText()), newest, 'the JSON of an event')
    t.same(await findFaults(page, '#event-dialog'), [], 'with an event open')
    await page.locator('#event-user').click()
    await page.locator('#user-counts dd').first().waitFor()
    t.same(await page.locator('#user-counts dd').allTextContents(), ['1', '1', '1'])
    t.equal(await page.locator('#user-events li').count(), 1)
    t.same(await findFaults(page, '#user-dialog'), [], 'with a user open')
    await page.keyboard.press('Escape')

    await page.locator('#users button', { hasText: EVIL }).waitFor()
    t.not(await page.title(), '1', 'what is in an event is text')
    await page.locator('#rejections-rows', { hasText: 'invalid_event_type' }).waitFor()
    t.same(await findFaults(page), [], 'in light')
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize({ width: 375, height: 700 })
    t.same(await findFaults(page), [], 'in dark, on a phone')
    t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375, 'nothing reaches over the edge')
    t.equal(asked.filter((path) => path === '/analytics/summary').length, 1, 'summaries are not polled')
  })

  t.test('the chart of another window is loaded after minutes in which nothing happened', async (t) => {
    const clock = new TestClock()
    const { port } = await startServer(t, {}, { clock })
    const service = new Service(`http://localhost:${port}/`)
    await service.send([anEvent({ timestamp: new Date(clock.wall()).toISOString() })])
    let connections = 0
    const page = await openPage(t, browser, 'about:blank')
    page.on('websocket', () => { connections++ })
    await page.goto(service.url)
    await page.locator('#chart[aria-label*="per minute"]').waitFor()
    clock.advance(3 * MINUTE)
    await page.locator('.card[data-window="24h"] button').click()
    await page.locator('#chart[aria-label*="per hour"]').waitFor()
    t.equal(connections, 1, 'not by connecting anew')
  })

  t.test('the live events can be filtered, held and walked through', async (t) => {
    const { port } = await startServer(t)
    const service = new Service(`http://localhost:${port}/`)
    await service.send(['ada', 'adam', 'grace'].map((user) => anEvent({ user_id: user })))
    const page = await openPage(t, browser, service.url)
    const users = () => page.locator('#tail .user').allTextContents()
    await page.locator('#tail li').nth(2).waitFor()
    await page.locator('#tail-user').fill('ADA')
    t.same(await users(), ['adam', 'ada'])
    await page.locator('#tail-type').selectOption('signup')
    await page.locator('#tail-none', { hasText: 'None of the newest' }).waitFor()
    await service.send([anEvent({ user_id: 'grace', event_type: 'signup' }), anEvent({ user_id: 'adal', event_type: 'signup' })])
    await page.locator('#tail .new').waitFor()
    t.same(await users(), ['adal'])
    await page.locator('#tail-type').selectOption('')
    await page.locator('#tail-user').fill('')

    await page.locator('#tail-pause').click()
    await service.send([anEvent({ user_id: 'late' })])
    await page.locator('#tail-rate', { hasText: 'Paused, 1 more since' }).waitFor()
    t.same(await users(), ['adal', 'grace', 'grace', 'adam', 'ada'])
    await page.locator('#tail-pause').click()
    t.equal((await users())[0], 'late')

    await page.locator('#tail-user').focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    await page.locator('#tail-rate', { hasText: 'Holds still' }).waitFor()
    await page.keyboard.press('Enter')
    t.equal(JSON.parse(await page.locator('#event-json').innerText()).user_id, 'adal')
  })

  t.test('an empty service shows a command that works', async (t) => {
    const { port } = await startServer(t)
    const page = await openPage(t, browser, `http://localhost:${port}/`)
    await page.locator('#first-event-copy').click() // a new id, and the time of now
    t.same(await findFaults(page), [])
    const { stdout } = await promisify(execFile)('sh', ['-c', await page.locator('#first-event-command').innerText()])
    t.match(JSON.parse(stdout), { accepted: 1 })
    await awaitTotal(page, 1)
    await page.locator('#first-event').waitFor({ state: 'hidden' })
    await page.locator('#tail .new').waitFor()
  })

  t.test('a service that is killed and started again with its journal has told everything', async (t) => {
    const env = { STORE: 'journal', DATA_DIR: t.testdir({}), DEDUP_CAPACITY: '10000', USER_CAPACITY: '10000' }
    const first = new ServerProcess(t, env)
    const PORT = String(await first.port())
    const service = new Service(`http://localhost:${PORT}/`)
    await service.send([anEvent(), anEvent()])
    const page = await openPage(t, browser, service.url)
    await awaitTotal(page, 2)
    first.child.kill('SIGKILL')
    await page.locator('#connection', { hasText: 'Not connected' }).waitFor()
    await first.exit
    await new ServerProcess(t, { ...env, PORT }).port()
    await service.send([anEvent({ user_id: 'grace' })])
    await awaitTotal(page, 3)
    t.equal(await page.locator('#tail .user').first().innerText(), 'grace')
    t.notOk(await page.locator('#notice').isVisible())
    await page.locator('#connection', { hasText: 'Live' }).waitFor()
    await awaitUsers(page, 2, '24h')
    t.same(await readCard(page, '24h'), cardOf(await service.summary('24h')))
  })

  t.test('a service that has started anew without its events leaves a gap', async (t) => {
    const { app, port } = await startServer(t)
    const service = new Service(`http://localhost:${port}/`)
    await service.send([anEvent(), anEvent()])
    const page = await openPage(t, browser, service.url)
    await awaitTotal(page, 2)
    await app.close()
    await page.locator('#connection', { hasText: 'Not connected' }).waitFor()
    const next = await startApp(t)
    await next.listen({ port, host: '127.0.0.1' })
    await service.send([anEvent({ user_id: 'grace' })])
    await page.locator('#notice', { hasText: 'started anew' }).waitFor()
    await awaitTotal(page, 1)
    await page.locator('#tail .break').waitFor()
    await service.send([anEvent()])
    await awaitTotal(page, 2)
    await awaitUsers(page, 2)
    t.same(await readCard(page, '1h'), cardOf(await service.summary('1h')))
  })

  t.test('keys, behind a prefix', { skip: noNginx }, async (t) => {
    const { port } = await startServer(t, { READ_KEYS: 'reader', WRITE_KEYS: 'writer', TRUST_PROXY: 'loopback' })
    await new Service(`http://localhost:${port}/`, 'writer').send([anEvent()])
    const front = await startNginx(t, port, FORWARDED, '/a/events')
    const page = await openPage(t, browser, `http://localhost:${front}/a/events/`)
    await page.locator('#key').waitFor()
    t.same(await findFaults(page), [])
    for (const [key, answer] of [['nobody', 'does not know'], ['writer', 'may send'], ['no key!', 'cannot be a key']]) {
      await page.locator('#key').fill(key)
      await page.keyboard.press('Enter')
      await page.locator('#key-error', { hasText: answer }).waitFor()
    }
    await page.locator('#key').fill('reader')
    await page.keyboard.press('Enter')
    await awaitTotal(page, 1)
    await page.reload()
    await awaitTotal(page, 1)
    t.notOk(await page.locator('#key').isVisible(), 'the tab keeps it')
    const other = await openPage(t, browser, page.url())
    await other.locator('#key').waitFor()
    await page.locator('#forget-key').click()
    await page.locator('#key').waitFor()
  })

  t.test('many events: few drawings, a sample of the list, and exact figures; a hidden page costs nothing', async (t) => {
    const { app, port } = await startServer(t)
    const service = new Service(`http://localhost:${port}/`)
    await service.send([anEvent()])
    const page = await openPage(t, browser, service.url)
    await awaitTotal(page, 1)
    await page.evaluate(() => {
      const drawings: number[] = document.drawings = []
      new MutationObserver(() => drawings.push(performance.now())).observe(document.querySelector('.total'), { childList: true, characterData: true, subtree: true })
    })
    for (let batch = 0; batch < 20; batch++) await service.send(Array.from({ length: 250 }, () => anEvent()))
    await awaitTotal(page, 5001)
    const drawings = await page.evaluate(() => document.drawings as number[])
    t.ok(drawings.every((time, i) => i === 0 || time - drawings[i - 1] > 90), `${drawings.length} drawings`)
    await page.locator('#tail-rate', { hasText: 'a sample is shown' }).waitFor()
    t.ok(await page.locator('#tail li').count() <= 60)

    const setHidden = (isHidden: boolean) => page.evaluate((isHidden) => {
      Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, isHidden)
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await setHidden(true)
    while (app.live.subscribers > 0) await new Promise(setImmediate)
    await service.send([anEvent(), anEvent()])
    t.same(asked, [])
    await setHidden(false)
    await awaitTotal(page, 5003)
  })
})
