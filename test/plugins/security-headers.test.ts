import t from 'tap'
import { checkProblem, startApp } from '../harness.ts'

t.test('pages carry helmet\'s headers, and nothing that needs TLS', async (t) => {
  const app = await startApp(t)
  for (const url of ['/dashboard/dashboard.js', '/docs/', '/docs/static/swagger-ui-bundle.js', '/docs/static/swagger-ui.css']) {
    const { statusCode, headers } = await app.inject(url)
    t.equal(statusCode, 200, url)
    const policy = String(headers['content-security-policy'])
    t.match(policy, /default-src 'none';.*script-src 'self';.*connect-src 'self'/)
    t.notMatch(policy, /upgrade-insecure-requests|script-src[^;]*unsafe/)
    t.match(headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
    t.equal(headers['strict-transport-security'], undefined)
    t.equal(headers['cross-origin-opener-policy'], undefined)
  }
})

t.test('a page loads nothing that its policy forbids', async (t) => {
  const app = await startApp(t)
  const { body } = await app.inject('/docs/')
  t.notMatch(body, /<script(?![^>]*src=)/, 'no script in the page itself')
  const sources = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1])
  t.ok(sources.length >= 5)
  for (const source of sources) {
    t.notMatch(source, /^\w+:|^\/\//, 'from this service only')
    t.equal((await app.inject(new URL(source, 'http://a/docs/').pathname)).statusCode, 200, source)
  }
})

t.test('API answers do without, and so does what is not there', async (t) => {
  const app = await startApp(t)
  t.equal((await app.inject('/health')).headers['content-security-policy'], undefined)
  checkProblem(t, await app.inject('/docs/nope'), 'not_found')
  checkProblem(t, await app.inject('/docs/static/nope.js'), 'not_found')
  checkProblem(t, await app.inject({ method: 'POST', url: '/docs' }), 'method_not_allowed')
})
