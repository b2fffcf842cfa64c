import t from 'tap'
import { anEvent, checkProblem, post, startApp } from '../harness.ts'

const PAGE = 'https://shop.example'

t.test('unset: the same origin, or none', async (t) => {
  const app = await startApp(t, { HOST: '0.0.0.0' })
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
    t.match(response.json().detail, /ALLOWED_ORIGINS.*TRUST_PROXY/)
    t.equal(response.headers['access-control-allow-origin'], undefined)
    checkProblem(t, await app.inject({ url: '/analytics/summary', headers }), 'origin_not_allowed')
    const preflight = await app.inject({ method: 'OPTIONS', url: '/events', headers: { ...headers, 'access-control-request-method': 'POST' } })
    checkProblem(t, preflight, 'origin_not_allowed')
    t.match(preflight.json().detail, /ALLOWED_ORIGINS/, 'a preflight names the setting, too')
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
    t.equal(response.headers['access-control-allow-credentials'], 'true', 'beacons always carry credentials [CORS-1]')

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
  for (const origin of ['https://anywhere.example', 'null']) {
    const response = await post(app, anEvent(), { origin })
    t.equal(response.statusCode, 200)
    t.equal(response.headers['access-control-allow-origin'], origin)
  }
})

t.test('credentials: everywhere for an origin with a name, under a star for sending alone, never for null [CORS-1]', async (t) => {
  const named = await startApp(t, { ALLOWED_ORIGINS: `*,${PAGE}` })
  const star = await startApp(t, { ALLOWED_ORIGINS: '*' })
  const credentialsOf = async (app: typeof named, origin: string, method: string, url: string) => {
    const headers = { origin, 'content-type': 'application/json' }
    const payload = method === 'POST' ? JSON.stringify(anEvent()) : undefined
    const preflight = await app.inject({ method: 'OPTIONS', url, headers: { origin, 'access-control-request-method': method } })
    t.equal(preflight.statusCode, 204)
    t.equal(preflight.headers['access-control-allow-origin'], origin, 'never a star, which browsers do not take with credentials')
    const answer = await app.inject({ method: method as 'GET', url, headers, payload })
    const allowed = answer.headers['access-control-allow-credentials']
    t.equal(preflight.headers['access-control-allow-credentials'], allowed, 'a preflight says what the answer says')
    return allowed
  }
  const reads = ['/events', '/events?limit=1', '/analytics/summary', '/nope', '/events/x', '/eventsx']
  for (const url of [...reads, '/events/']) t.equal(await credentialsOf(named, PAGE, 'GET', url), 'true', url)
  for (const url of reads) t.equal(await credentialsOf(star, PAGE, 'GET', url), undefined, url)
  for (const url of ['/events', '/events?validate_only=true']) {
    t.equal(await credentialsOf(named, PAGE, 'POST', url), 'true')
    t.equal(await credentialsOf(named, 'https://other.example', 'POST', url), 'true')
    t.equal(await credentialsOf(star, PAGE, 'POST', url), 'true')
    t.equal(await credentialsOf(star, 'null', 'POST', url), undefined)
  }
  t.equal(await credentialsOf(star, PAGE, 'POST', '/analytics/summary'), undefined)
})

t.test('a proxy that is trusted says which host and scheme were asked [CORS-3]', async (t) => {
  const trusting = await startApp(t, { HOST: '0.0.0.0', TRUST_PROXY: '10.0.0.0/8, 192.0.2.7' })
  const plain = await startApp(t, { HOST: '0.0.0.0' })
  const status = async (app: typeof plain, remoteAddress: string, origin: string, headers: Record<string, string>) =>
    (await app.inject({ url: '/events', remoteAddress, headers: { host: 'backend:8080', origin, ...headers } })).statusCode

  const said: [string, Record<string, string>, number][] = [
    [PAGE, {}, 403],
    [PAGE, { 'x-forwarded-host': 'shop.example' }, 200],
    [PAGE, { 'x-forwarded-host': 'SHOP.example:443', 'x-forwarded-proto': 'https' }, 200],
    [PAGE, { 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'wss' }, 200],
    [PAGE, { 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'http' }, 403],
    [PAGE, { 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'gopher' }, 200],
    [PAGE, { 'x-forwarded-host': 'shop.example:8443' }, 403],
    [PAGE, { 'x-forwarded-host': 'shop.example, evil.example' }, 403],
    [PAGE, { 'x-forwarded-host': 'evil.example, shop.example' }, 200],
    ['http://shop.example:8081', { 'x-forwarded-host': 'shop.example:8081' }, 200],
    ['http://shop.example:8081', { 'x-forwarded-host': 'shop.example' }, 403],
    ['null', { 'x-forwarded-host': '%' }, 403]
  ]
  for (const [origin, headers, expected] of said) {
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7']) t.equal(await status(trusting, address, origin, headers), expected, `${origin} ${JSON.stringify(headers)}`)
    for (const address of ['192.0.2.8', '::1']) t.equal(await status(trusting, address, origin, headers), 403, 'somebody else\'s do not count')
    t.equal(await status(plain, '10.1.2.3', origin, headers), 403, 'nor does anybody\'s without the setting')
  }
})
