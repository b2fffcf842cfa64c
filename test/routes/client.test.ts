/** `/client.js`: the file as it is, for pages of any origin, without a key. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkProblem, startApp } from '../harness.ts'

const TEXT = readFileSync(new URL('../../clients/client.js', import.meta.url), 'utf8')

t.test('the client is served as it is, whatever the keys', async (t) => {
  const app = await startApp(t, { READ_KEYS: 'reader', WRITE_KEYS: 'writer' })
  const { statusCode, headers, body } = await app.inject('/client.js')
  t.equal(statusCode, 200)
  t.equal(body, TEXT)
  t.match(headers, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache', 'access-control-allow-origin': '*' })
  t.equal(headers['content-length'], String(Buffer.byteLength(TEXT)))
})

t.test('who has it already is not sent it again', async (t) => {
  const app = await startApp(t)
  const { headers: { etag } } = await app.inject('/client.js')
  const again = await app.inject({ url: '/client.js', headers: { 'if-none-match': `W/"other", ${etag}` } })
  t.equal(again.statusCode, 304)
  t.equal(again.body, '')
  t.match(again.headers, { etag, 'access-control-allow-origin': '*' })
  t.equal((await app.inject({ url: '/client.js', headers: { 'if-none-match': '"other"' } })).statusCode, 200)
})

t.test('pages of other origins may import it, whoever ALLOWED_ORIGINS names', async (t) => {
  for (const origins of ['', 'https://shop.example', '*']) {
    const app = await startApp(t, origins === '' ? {} : { ALLOWED_ORIGINS: origins })
    for (const origin of ['https://shop.example', 'https://elsewhere.example', 'null']) {
      const { statusCode, headers } = await app.inject({ url: '/client.js', headers: { origin } })
      t.equal(statusCode, 200)
      t.equal(headers['access-control-allow-origin'], '*', `${origin} where ${origins} may`)
      t.equal(headers['access-control-allow-credentials'], undefined)
    }
  }
})

t.test('it takes no query', async (t) => {
  const app = await startApp(t)
  checkProblem(t, await app.inject('/client.js?v=1'), 'invalid_query')
})
