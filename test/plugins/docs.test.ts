import t from 'tap'
import { startApp } from '../harness.ts'

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
  const moved = await app.inject('/docs')
  t.match(moved, { statusCode: 302, headers: { location: 'docs/' } }, 'what it refers to is relative')
  const page = await app.inject('/docs/')
  const policy = String(page.headers['content-security-policy'])
  t.match(policy, /script-src 'self'/)
  t.notMatch(policy, /upgrade-insecure-requests|https?:|\*/)
  t.notOk('strict-transport-security' in page.headers)
  t.notMatch(page.body, /(src|href)="(https?:)?\/\//)
})

t.test('the page is told what is too long to be read in brief', async (t) => {
  const app = await startApp(t)
  const document = (await app.inject('/openapi.json')).json()
  const shown = (await app.inject('/docs/json')).json()
  t.same(Object.keys(shown.paths), [...Object.keys(document.paths), '/ws/events'])
  const { responses } = shown.paths['/events'].post
  t.same(Object.keys(responses), ['200', '207', 'default'])
  for (const status of Object.keys(document.paths['/events'].post.responses)) {
    t.ok(status in responses || responses.default.description.includes(`| [${status}](../problems/`), status)
  }
  t.notMatch(shown.info.description, /\]\(\//, 'a proxy may have put a prefix before the addresses')
})

t.test('the document of Swagger UI as YAML is the one that is made once', async (t) => {
  const app = await startApp(t)
  const answer = await app.inject('/docs/yaml')
  t.equal(answer.statusCode, 302)
  t.equal(answer.headers.location, '../openapi.yaml', 'relative, as there may be a path before it')
})
