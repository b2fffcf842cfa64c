import t from 'tap'
import { makeFolder } from '../backends/journal/rig.ts'
import { noChromium, openChromium } from '../compat/chromium.ts'
import { runChurn } from './churn-run.ts'

t.setTimeout(290_000) // two starts of the service and one of a browser, on a machine that may be busy

t.test('whatever is cut and killed, every event counts once and every subscriber sees each once and in order [DEDUP-3] [LIVE-1] [LIVE-2] [LIVE-3]', { skip: noChromium, timeout: 280_000 }, async (t) => {
  const count = 240
  const result = await runChurn({ directory: makeFolder(t), rate: 200, count, killEvery: count / 2, browser: await openChromium(t) })
  t.comment(result)
  t.ok(result.kills >= 1, 'it was killed')
  t.ok(result.cuts >= 5, 'connections were cut')
  t.match(result, { sent: 2 * count, counted: 2 * count, kept: 2 * count })
  for (const [name, client] of result.clients) {
    t.match(client, { sent: count, dropped: 0, seen: 2 * count, missing: 0, twice: 0, misplaced: 0, gaps: 0, counted: 2 * count }, name)
    t.equal(client.accepted + client.duplicates, count, `${name} has each verdict once`)
  }
})
