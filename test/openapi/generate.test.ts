import { execFile } from 'node:child_process'
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { findDrift, writeDocuments } from '../../openapi/generate.ts'
import { startApp } from '../harness.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = new URL('../../openapi/', import.meta.url)
const NAMES = ['openapi.json', 'openapi.yaml', 'asyncapi.json']

t.test('what is committed is what the service serves, byte for byte and whatever its settings', async (t) => {
  const apps = [await startApp(t), await startApp(t, { WRITE_KEYS: 'w', READ_KEYS: 'r', MAX_EVENTS: '5', RATE_LIMIT: '7', ALLOWED_ORIGINS: 'https://example.com' })]
  for (const name of NAMES) {
    const committed = await readFile(new URL(name, folder), 'utf8')
    for (const app of apps) t.ok((await app.inject(`/${name}`)).body === committed, `${name}; if not: npm run openapi`)
  }
  t.same(await findDrift(folder), [])
})

t.test('under a base path, examples of problems and the address of the live connection have it', async (t) => {
  const app = await startApp(t, { BASE_PATH: '/events-api' })
  const { body } = await app.inject('/openapi.json')
  t.match(body, '"type": "/events-api/problems/')
  t.notMatch(body, '"type": "/problems/')
  t.match((await app.inject('/asyncapi.json')).json().servers.local, { pathname: '/events-api' })
  t.match((await app.inject('/problems/cursor_lost')).json().example, { type: '/events-api/problems/cursor_lost' })
})

t.test('JSON and YAML say the same', async (t) => {
  const [json, yaml] = await Promise.all(NAMES.map((name) => readFile(new URL(name, folder), 'utf8')))
  t.same(parse(yaml), JSON.parse(json))
  t.notMatch(yaml, /: [0-9]{4}-/, 'old readers would take it for a date')
})

t.test('drift is found, told and repaired', async (t) => {
  const directory = t.testdir({})
  const elsewhere = pathToFileURL(`${directory}/`)
  t.same(await findDrift(elsewhere), NAMES, 'what is missing has drifted')
  await writeDocuments(elsewhere)
  t.same(await findDrift(elsewhere), [])
  await writeFile(join(directory, 'openapi.yaml'), (await readFile(join(directory, 'openapi.yaml'), 'utf8')).replace('Send events', 'Sends events'))
  t.same(await findDrift(elsewhere), ['openapi.yaml'])
})

t.test('the command checks and writes', async (t) => {
  // a copy of the project, so that nothing that is committed is touched
  const copy = t.testdir({})
  for (const name of ['clients/client.js', 'openapi', 'schemas', 'src', 'package.json']) await cp(join(root, name), join(copy, name), { recursive: true })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  const generate = (...args: string[]) => run(process.execPath, ['openapi/generate.ts', ...args], { cwd: copy })

  const removed = join(copy, 'openapi', 'asyncapi.json')
  await rm(removed)
  await t.rejects(generate('--check'), { code: 1, stderr: /^openapi\/asyncapi\.json is not what the service serves: run npm run openapi\n$/ })
  await generate()
  t.equal(await readFile(removed, 'utf8'), await readFile(new URL('asyncapi.json', folder), 'utf8'))
})
