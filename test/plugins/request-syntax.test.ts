/** What HTTP asks of every request, whatever it is about. */
import t from 'tap'
import { checkProblem, startApp, startServer } from '../harness.ts'
import { RawClient, request } from '../raw-client.ts'

t.test('there is one host, and it is one', async (t) => {
  const { port } = await startServer(t)
  const ask = async (lines: string[], version = '1.1') => {
    const client = new RawClient(t, port)
    await client.send(`GET /health HTTP/${version}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)
    const answer = await client.answer()
    client.socket.destroy()
    return answer!
  }
  for (const host of ['a', 'localhost:8080', '127.0.0.1', '[::1]:80', '[v1.a:b]', 'a_b.example', 'a:', '', 'xn--bcher-kva.example', 'a%20b', 'a,b']) {
    t.not((await ask([`Host: ${host}`])).status, 400, `a host: ${host}`)
  }
  for (const lines of [
    [], ['host: a', 'host: a'], ['Host: a', 'x: y', 'HOST: b'], ['host: a b'], ['host: a, b'], ['host: a/b'], ['host: user@a'], ['host: http://a'],
    ['host: a:b'], ['host: a:80:80'], ['host: [::1'], ['host: ::1'], ['host: a%zz'], ['host: a?b'], ['host: a#b'], ['host: a\\b'], ['host: <a>'], ['host: \xe9']
  ]) {
    const answer = await ask(lines)
    t.equal(answer.status, 400, `no host: ${lines.join(' | ')}`)
    t.match(JSON.parse(answer.body), { code: 'bad_request', request_id: answer.headers['x-request-id'] })
  }
  t.equal((await ask([], '1.0')).status, 200, 'HTTP/1.0 may have none')
  t.equal((await ask(['host: a', 'host: a'], '1.0')).status, 400)
})

t.test('a query is percent-encoded UTF-8, as a path is', async (t) => {
  const app = await startApp(t)
  for (const query of ['user_id=%ff', 'user_id=%zz', 'user_id=%', 'user_id=a%4', 'user_id=%c0%af', 'user_id=%c3%28', 'user_id=%ed%a0%80', '%ff=1', 'limit=1&user_id=%f8%88%80%80%80']) {
    checkProblem(t, await app.inject(`/events?${query}`), 'bad_request')
  }
  for (const query of ['user_id=%c3%a9', 'user_id=a+b', 'user_id=%F0%9F%98%80', 'user_id=100%25']) {
    t.equal((await app.inject(`/events?${query}`)).statusCode, 200, query)
  }
})

t.test('`*` is for OPTIONS, and an address may be absolute', async (t) => {
  const { port } = await startServer(t)
  const client = new RawClient(t, port)
  await client.send(request('GET *') + request('OPTIONS *') + request('GET http://test/health') + request('GET /health'))
  t.match(await client.answer(), { status: 400, body: /bad_request/ })
  t.match(await client.answer(), { status: 204, headers: { allow: 'GET, HEAD, OPTIONS, POST' } })
  t.match(await client.answer(), { status: 200, body: /uptime_seconds/ })
  t.match(await client.answer(), { status: 200 }, 'and the connection stays usable')
})

t.test('a trailing slash changes nothing', async (t) => {
  const app = await startApp(t)
  for (const url of ['/events', '/analytics/summary', '/analytics/users', '/analytics/timeseries', '/health', '/health/live', '/health/ready', '/metrics', '/openapi.json', '/problems/not_found']) {
    t.equal((await app.inject(url)).statusCode, 200, url)
    t.equal((await app.inject(`${url}/`)).statusCode, 200, `${url}/`)
    const wrong = await app.inject({ method: 'DELETE', url: `${url}/?a=b` })
    checkProblem(t, wrong, 'method_not_allowed')
    t.equal(wrong.headers.allow, (await app.inject({ method: 'DELETE', url })).headers.allow)
  }
  for (const url of ['/docs', '/docs/']) t.ok([200, 302].includes((await app.inject(url)).statusCode), url)
  checkProblem(t, await app.inject('/events//'), 'not_found')
})

t.test('numbers are plain decimal', async (t) => {
  const app = await startApp(t)
  for (const limit of ['0x10', '1e2', '1.0', '%2010', '10%20', '+10', '010', '1_0', '%D9%A1', 'Infinity', '']) {
    checkProblem(t, await app.inject(`/events?limit=${limit}`), 'invalid_query')
    checkProblem(t, await app.inject(`/analytics/users?limit=${limit}`), 'invalid_query')
  }
  t.equal((await app.inject('/events?limit=10')).statusCode, 200)
  t.match((await app.inject('/events?limit=0x10')).json().detail, /`limit`.*decimal/)
})

t.test('probes of health and metrics may carry any query', async (t) => {
  const app = await startApp(t)
  for (const url of ['/health', '/health/live', '/health/ready', '/metrics']) t.equal((await app.inject(`${url}?cache=1&x=y&x=z`)).statusCode, 200, url)
})

t.test('a thousand ids of users fit into a request, and twenty of the longest', async (t) => {
  const { port } = await startServer(t)
  const ask = async (ids: string[]) => {
    const client = new RawClient(t, port)
    await client.send(request(`GET /analytics/users?${ids.map((id) => `user_id=${encodeURIComponent(id)}`).join('&')}`, { authorization: `Bearer ${'k'.repeat(512)}`, 'user-agent': 'x'.repeat(500) }))
    return client.answer()
  }
  const many = await ask(Array.from({ length: 1000 }, (_, i) => `${i}-`.padEnd(54, 'x')))
  t.equal(many?.status, 200)
  t.equal(JSON.parse(many!.body).users.length, 1000)
  t.equal((await ask(Array.from({ length: 20 }, () => '😀'.repeat(256))))?.status, 200)
  t.equal((await ask(Array.from({ length: 22 }, () => '😀'.repeat(256))))?.status, 431)
})
