import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { validate, version } from 'uuid'
import { requestId } from '../../src/plugins/headers.ts'
import { startApp } from '../harness.ts'

t.test('a sane x-request-id is echoed, on every answer', async (t) => {
  const app = await startApp(t)
  for (const [method, url] of [['GET', '/health'], ['GET', '/nope'], ['DELETE', '/events'], ['GET', '/analytics/summary?window=x'], ['POST', '/events'], ['GET', '/%zz'], ['GET', `/problems/${'x'.repeat(200)}`]] as const) {
    for (const id of ['a', 'req_1.2-3', 'x'.repeat(128)]) {
      const response = await app.inject({ method, url, headers: { 'x-request-id': id } })
      t.equal(response.headers['x-request-id'], id, `${method} ${url}`)
      if (response.statusCode >= 400) t.equal(response.json().request_id, id)
    }
  }
})

t.test('any other is replaced by a new UUID v7', async (t) => {
  const app = await startApp(t)
  const seen = new Set<string>()
  for (const id of [undefined, '', ' ', 'x'.repeat(129), 'a b', 'a\tb', 'é', '{"a":1}', '../..', 'a;b', ['a', 'b']]) {
    const response = await app.inject({ url: '/health', headers: id === undefined ? {} : { 'x-request-id': id as string } })
    const given = String(response.headers['x-request-id'])
    t.ok(validate(given) && version(given) === 7, given)
    seen.add(given)
  }
  t.equal(seen.size, 11, 'each a new one')
})

t.test('no two are the same', async (t) => {
  const request = { headers: {} } as IncomingMessage
  const ids = Array.from({ length: 10_000 }, () => requestId(request))
  t.equal(new Set(ids).size, ids.length)
  t.ok(ids.every((id) => validate(id) && version(id) === 7))
})

t.test('nothing is guessed from an answer or kept of it', async (t) => {
  const app = await startApp(t)
  for (const url of ['/health', '/events', '/analytics/summary', '/nope']) {
    t.match((await app.inject(url)).headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  }
})
