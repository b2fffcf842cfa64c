import t from 'tap'
import { anEvent, checkProblem, post, startApp } from '../harness.ts'

const PAGE = 'https://shop.example'

t.test('unset: the same origin, or none', async (t) => {
  const app = await startApp(t)
  const host = 'events.example:8080'
  const allowed: Record<string, string>[] = [
    { host }, { host, origin: `http://${host}` }, { host, origin: `https://${host}` },
    { host: 'inside:1', origin: PAGE, 'sec-fetch-site': 'same-origin' }
  ]
  for (const headers of allowed) t.equal((await post(app, anEvent(), headers)).statusCode, 200, JSON.stringify(headers))
  const refused: Record<string, string>[] = [
    { host, origin: PAGE }, { host, origin: 'null' }, { host, origin: 'http://events.example' }, { host, origin: `http://${host}.evil.example` },
    { host, origin: PAGE, 'sec-fetch-site': 'cross-site' }, { host, origin: '' }
  ]
  for (const headers of refused) {
    const response = await post(app, anEvent(), { 'content-type': 'text/plain', ...headers })
    checkProblem(t, response, 'origin_not_allowed')
    t.equal(response.headers['access-control-allow-origin'], undefined)
    checkProblem(t, await app.inject({ url: '/analytics/summary', headers }), 'origin_not_allowed')
    t.equal((await app.inject({ url: '/health', headers })).statusCode, 200, 'health is for everybody')
  }
  t.equal(app.store.health().ids, allowed.length)
})

t.test('pages of the allowed origins', async (t) => {
  const app = await startApp(t, { ALLOWED_ORIGINS: `${PAGE}, http://localhost:3000`, WRITE_KEYS: 'w' })
  const preflight = (origin: string, url = '/events') => app.inject({
    method: 'OPTIONS',
    url,
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' }
  })

  for (const origin of [PAGE, 'http://localhost:3000']) {
    const response = await preflight(origin)
    t.equal(response.statusCode, 204, 'a preflight needs no key')
    t.match(response.headers, {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': /POST/,
      'access-control-allow-headers': 'authorization,content-type',
      vary: /Origin/
    })
    t.equal(response.headers['access-control-allow-credentials'], undefined)

    const sent = await post(app, anEvent(), { origin, authorization: 'Bearer w' })
    t.equal(sent.statusCode, 200)
    t.equal(sent.headers['access-control-allow-origin'], origin)
    t.match(sent.headers['access-control-expose-headers'], /x-request-id.*retry-after/)

    const refused = await post(app, anEvent(), { origin })
    checkProblem(t, refused, 'unauthorized')
    t.equal(refused.headers['access-control-allow-origin'], origin, 'a page may read why')
  }

  for (const origin of ['https://evil.example', 'http://shop.example', `${PAGE}.evil.example`, 'null']) {
    const response = await preflight(origin)
    checkProblem(t, response, 'origin_not_allowed')
    t.equal(response.headers['access-control-allow-origin'], undefined)
    checkProblem(t, await post(app, anEvent(), { origin, authorization: 'Bearer w' }), 'origin_not_allowed')
  }
  checkProblem(t, await app.inject({ method: 'OPTIONS', url: '/nope' }), 'not_found')
  const plain = await app.inject({ method: 'OPTIONS', url: '/analytics/summary' })
  checkProblem(t, plain, 'method_not_allowed')
})

t.test('a star lets in the pages of every site', async (t) => {
  const app = await startApp(t, { ALLOWED_ORIGINS: '*' })
  const response = await post(app, anEvent(), { origin: 'https://anywhere.example' })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['access-control-allow-origin'], 'https://anywhere.example')
})
