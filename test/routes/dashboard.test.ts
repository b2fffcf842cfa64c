/** How the dashboard's files are served; test/compat/dashboard.test.ts looks at the page in a browser. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkProblem, startApp } from '../harness.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'dashboard')
const HTML = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

t.test('a browser gets the page at /, programs are led to the documentation', async (t) => {
  const app = await startApp(t, { READ_KEYS: 'r', WRITE_KEYS: 'w' })
  const page = await app.inject({ url: '/', headers: HTML })
  t.equal(page.statusCode, 200, 'without a key: the page holds nothing of anybody')
  t.match(page.headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache', vary: 'accept', 'x-content-type-options': 'nosniff' })
  t.equal((await app.inject({ url: '/', headers: { ...HTML, 'if-none-match': String(page.headers.etag) } })).statusCode, 304)

  for (const accept of ['*/*', 'application/json', undefined]) {
    const { statusCode, headers } = await app.inject({ url: '/', headers: accept === undefined ? {} : { accept } })
    t.match({ statusCode, ...headers }, { statusCode: 302, location: 'docs/', vary: 'accept' }, String(accept))
  }
  checkProblem(t, await app.inject({ url: '/?a=b', headers: HTML }), 'invalid_query')
  checkProblem(t, await app.inject({ method: 'POST', url: '/' }), 'method_not_allowed')
})

t.test('the page runs no script and no style but the service\'s files, and writes no HTML', async (t) => {
  const app = await startApp(t)
  const { headers, body } = await app.inject({ url: '/', headers: HTML })
  const policy = String(headers['content-security-policy'])
  t.match(policy, /default-src 'none';.*script-src 'self';.*style-src 'self';.*require-trusted-types-for 'script'/)
  t.notMatch(policy, /unsafe|\*|https?:/)
  t.notMatch(body, /<script(?![^>]*src=)|<style|\sstyle=|\son\w+=/)
  for (const file of globSync('*.js', { cwd: FOLDER })) {
    t.notMatch(readFileSync(join(FOLDER, file), 'utf8'), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTMLUnsafe|\beval\b|https?:\/\//, file)
  }
})

t.test('everything that the page loads is there, under relative addresses', async (t) => {
  const app = await startApp(t)
  const { body } = await app.inject({ url: '/', headers: HTML })
  const queue = [...body.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, address]) => new URL(address, 'http://a/x/').pathname)
  const seen = new Set(queue)
  for (const path of queue) {
    t.match(path, /^\/x\//, 'stays under a prefix')
    const { statusCode, body } = await app.inject(path.slice('/x'.length))
    t.ok(statusCode < 400 || path === '/x/analytics/summary', path)
    if (!path.endsWith('.js')) continue
    for (const [, address] of body.matchAll(/^import .* from '([^']+)'/gm)) {
      const { pathname } = new URL(address, `http://a${path}`)
      if (!seen.has(pathname)) queue.push(pathname)
      seen.add(pathname)
    }
  }
  const loaded = [...seen].map((path) => path.slice('/x/dashboard/'.length))
  t.same(globSync('*.{js,css,svg}', { cwd: FOLDER }).filter((file) => !loaded.includes(file)), [], 'no file lies there for nothing')
  t.ok(loaded.includes('vendor/uPlot.esm.js'))
})

t.test('nothing else is served from there', async (t) => {
  const app = await startApp(t)
  for (const file of ['', 'tsconfig.json', 'index.html', 'nope.js', '%2e%2e/package.json', '..%2fpackage.json', 'vendor/uPlot.cjs.js', 'vendor/uPlot.esm.d.ts', 'vendor/..%2fpackage.json']) {
    checkProblem(t, await app.inject(`/dashboard/${file}`), 'not_found')
  }
})
