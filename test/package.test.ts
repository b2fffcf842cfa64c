/** The TypeScript client as people get it: packed, installed into a folder of their own, and doing what its page says. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import packageJson from '../package.json' with { type: 'json' }
import clientJson from '../clients/typescript/package.json' with { type: 'json' }
import { codeOf } from '../clients/check/pages.ts'
import { startRehearsal } from '../clients/check/rehearsal.ts'
import { startServer } from './harness.ts'

const root = join(import.meta.dirname, '..')
const run = promisify(execFile)
const keys = { WRITE_KEY: 'writer', READ_KEY: 'reader' }

/** Packs what is in some folders, as npm publishes it; the paths of the archives. */
async function pack(folders: readonly string[], destination: string): Promise<string[]> {
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', destination, ...folders])
  return stdout.trim().split('\n').map((name) => join(destination, name))
}

/** A folder elsewhere in which the package is installed without a network, made of a copy of what it is made of. */
async function install(t: Test): Promise<string> {
  const copy = t.testdir({ consumer: { 'package.json': '{"type":"module"}' } })
  for (const name of ['LICENSE', 'package.json', 'tsconfig.json', 'clients/client.js', 'openapi/client.ts', 'openapi/types.d.ts']) {
    await cp(join(root, name), join(copy, name))
  }
  await mkdir(join(copy, 'clients/typescript'))
  for (const name of ['README.md', 'index.ts', 'package.json', 'tsconfig.json']) await cp(join(root, 'clients/typescript', name), join(copy, 'clients/typescript', name))
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))

  const modules = Object.keys(clientJson.dependencies).concat('openapi-typescript-helpers').map((name) => join(root, 'node_modules', name))
  const archives = await pack([join(copy, 'clients/typescript'), ...modules], copy)
  const consumer = join(copy, 'consumer')
  await run('npm', ['install', '--offline', '--no-audit', '--ignore-scripts', ...archives.map((path) => `file:${path}`)], { cwd: consumer })
  return consumer
}

t.setTimeout(290_000) // compilers on a busy machine are slow

t.test('the package has the version of the service, and the libraries that its tests have', async (t) => {
  t.equal(clientJson.version, packageJson.version)
  for (const [name, version] of Object.entries(clientJson.dependencies)) t.equal(version, packageJson.devDependencies[name as 'openapi-fetch'])
})

t.test('the package', async (t) => {
  const consumer = await install(t)
  await writeFile(join(consumer, 'page.ts'), await codeOf('typescript/README.md'))
  await writeFile(join(consumer, 'follow.ts'), `
    import { subscribe, type ActivityEvent, type Subscription } from 'event-processing-client'
    const subscription: Subscription = subscribe({
      url: process.env.SERVICE_URL!, key: process.env.READ_KEY, after: 'earliest', onGap: console.error,
      onEvents: ([event]: ActivityEvent[]) => { console.log(event.event_type); void subscription.close() }
    })`)
  const go = (script: string, url: string) => run(process.execPath, [script], { cwd: consumer, env: { ...process.env, ...keys, SERVICE_URL: url } })

  t.test('has what it needs and nothing else', async (t) => {
    const installed = join(consumer, 'node_modules/event-processing-client')
    for (const name of ['README.md', 'LICENSE']) t.ok((await readFile(join(installed, name), 'utf8')).length > 0, name)
    await t.rejects(readFile(join(installed, 'index.ts')), { code: 'ENOENT' }, 'Node strips no types of packages')
  })

  t.test('is typed', async (t) => {
    await writeFile(join(consumer, 'wrong.ts'), `
      import { createEventClient, createSender } from 'event-processing-client'
      createSender({ url: 'http://localhost' }).send({ user_id: 'ada', event_type: 'poke' })
      await createEventClient('http://localhost').GET('/analytics/summary', { params: { query: { window: '2h' } } })`)
    const check = run(join(root, 'node_modules/.bin/tsc'), [
      '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2024,dom', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types'),
      '--skipLibCheck', 'page.ts', 'follow.ts', 'wrong.ts'
    ], { cwd: consumer })
    const { stdout } = await check.catch((error: { stdout: string }) => error)
    const lines = stdout.trim().split('\n').filter((line) => !line.startsWith(' '))
    t.equal(lines.length, 2, stdout)
    t.match(lines, [/^wrong\.ts\(3,.*'"poke"' is not assignable/, /^wrong\.ts\(4,.*'"2h"' is not assignable/])
  })

  t.test('does what its page says, and follows events', async (t) => {
    const { port } = await startServer(t, { WRITE_KEYS: 'writer', READ_KEYS: 'reader' })
    const url = `http://127.0.0.1:${port}`
    t.equal((await go('page.ts', url)).stdout, '2 events of 1 users\n')
    t.equal((await go('follow.ts', url)).stdout, 'page_view\n')
  })

  t.test('sends again until every event has its verdict', async (t) => {
    const rehearsal = await startRehearsal()
    t.teardown(() => rehearsal.close())
    const { stdout, stderr } = await go('page.ts', rehearsal.url)
    t.equal(stdout, '12 events of 3 users\n')
    t.match(stderr, /^invalid_timestamp /, 'and tells of the rejected one')
    t.same(rehearsal.faults(), [])
  })
})
