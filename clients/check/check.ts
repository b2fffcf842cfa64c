/**
 * Makes clients of the OpenAPI document with the generators that people use, compiles them and drives each against the
 * running service and against a stub that answers more than the document says. Says what it left out, and why; ends
 * with 1 if a client does not do what it should, and with `--no-skip` also if one was left out.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { EXAMPLES, MIXED_RECEIPT } from '../../schemas/examples.ts'
import { codeOf } from './pages.ts'
import { startRehearsal } from './rehearsal.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const DOCUMENT = join(ROOT, 'openapi', 'openapi.json')
const HERE = import.meta.dirname
const LIMIT = 600_000 // ms for one command, downloads included

/** How one generator is used. Commands run one after the other in a folder of its own. */
interface Generator {
  name: string
  /** Programs without which it is left out. */
  needs: readonly string[]
  /** Drivers and what they need, by the name in the folder. */
  files: Readonly<Record<string, string>>
  install?: readonly string[][]
  generate: readonly string[][]
  compile: readonly string[][]
  drive: readonly string[]
  /** The page that shows this generator's client, the file that calls its code, where that goes, and what runs it. */
  page?: { name: string, caller: string, file: string, drive: readonly string[] }
}

const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name)

const OPENAPI_GENERATOR = 'openapi-generator-cli-7.17.0.jar'
const FETCH_JAR = ['mvn', '-q', 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy',
  '-Dartifact=org.openapitools:openapi-generator-cli:7.17.0', '-DoutputDirectory=.']

/** A client in TypeScript: compiled to CommonJS, since generated imports have no extension. */
function typescript(name: string, generate: string[][], more: Partial<Generator> = {}): Generator {
  return {
    name,
    needs: [],
    files: { 'driver.ts': `typescript/${name}.ts`, 'scenario.ts': 'typescript/scenario.ts' },
    generate,
    compile: [[bin('tsc'), '--strict', '--target', 'es2022', '--module', 'commonjs', '--moduleResolution', 'node10', '--lib', 'es2023,dom,dom.iterable',
      '--types', 'node', '--skipLibCheck', '--esModuleInterop', '--outDir', 'out', 'driver.ts']],
    drive: [process.execPath, 'out/driver.js'],
    ...more
  }
}

const JAVA_SOURCES = 'client/src/main/java'
const runJava = ['java', '-cp', 'client/target/classes:client/target/dependency/*']

/** A client in Java with one of the libraries that openapi-generator knows. */
function java(library: string, more: Partial<Generator> = {}): Generator {
  return {
    name: `openapi-generator-java-${library}`,
    needs: ['java', 'javac', 'mvn'],
    files: { 'Driver.java': 'java/Driver.java', 'Connection.java': `java/${library}/Connection.java` },
    install: [FETCH_JAR],
    generate: [
      ['java', '-jar', OPENAPI_GENERATOR, 'generate', '-i', DOCUMENT, '-g', 'java', '--library', library, '-o', 'client',
        '--additional-properties=disallowAdditionalPropertiesIfNotPresent=false'],
      ['mv', 'Driver.java', 'Connection.java', JAVA_SOURCES]
    ],
    compile: [['mvn', '-q', '-f', 'client', '-Dmaven.test.skip', 'compile', 'dependency:copy-dependencies', '-DincludeScope=runtime']],
    drive: [...runJava, 'Driver'],
    ...more
  }
}

const GENERATORS: readonly Generator[] = [
  typescript('openapi-fetch', [[bin('openapi-typescript'), DOCUMENT, '--output', 'client/types.d.ts']]),
  typescript('hey-api', [[bin('openapi-ts'), '--input', DOCUMENT, '--output', 'client', '--client', '@hey-api/client-fetch', '--no-log-file']]),
  {
    name: 'openapi-python-client',
    needs: ['python3'],
    files: { 'driver.py': 'python/openapi_python_client.py' },
    install: [['python3', '-m', 'venv', 'venv'], ['venv/bin/pip', '-q', 'install', 'openapi-python-client==0.29.1']],
    generate: [['venv/bin/openapi-python-client', 'generate', '--path', DOCUMENT, '--meta', 'none', '--overwrite', '--output-path', 'client']],
    compile: [['venv/bin/python', '-m', 'compileall', '-q', 'client']],
    drive: ['venv/bin/python', 'driver.py'],
    page: { name: 'python.md', caller: 'python/page.py', file: 'page.py', drive: ['venv/bin/python', 'page.py'] }
  },
  {
    name: 'oapi-codegen',
    needs: ['go'],
    files: { 'main.go': 'go/oapi-codegen.go' },
    install: [['go', 'mod', 'init', 'check']],
    generate: [['go', 'run', 'github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2', '-generate', 'types,client', '-package', 'events', '-o', 'client/client.go', DOCUMENT]],
    compile: [['go', 'mod', 'tidy'], ['go', 'build', '-o', 'driver', '.']],
    drive: ['./driver'],
    page: { name: 'go.md', caller: 'go/page.go', file: 'page/main.go', drive: ['go', 'run', './page'] }
  },
  typescript('typescript-fetch', [['java', '-jar', OPENAPI_GENERATOR, 'generate', '-i', DOCUMENT, '-g', 'typescript-fetch', '-o', 'client']],
    { needs: ['java', 'mvn'], install: [FETCH_JAR] }),
  {
    name: 'openapi-generator-python',
    needs: ['java', 'mvn', 'python3'],
    files: { 'driver.py': 'python/openapi-generator.py' },
    install: [FETCH_JAR, ['python3', '-m', 'venv', 'venv']],
    generate: [['java', '-jar', OPENAPI_GENERATOR, 'generate', '-i', DOCUMENT, '-g', 'python', '-o', 'made',
      '--additional-properties=packageName=client,disallowAdditionalPropertiesIfNotPresent=false']],
    compile: [['venv/bin/pip', '-q', 'install', './made'], ['venv/bin/python', '-m', 'compileall', '-q', 'made/client']],
    drive: ['venv/bin/python', 'driver.py']
  },
  {
    name: 'openapi-generator-go',
    needs: ['java', 'mvn', 'go'],
    files: { 'main.go': 'go/openapi-generator.go' },
    install: [FETCH_JAR, ['go', 'mod', 'init', 'check']],
    generate: [
      ['java', '-jar', OPENAPI_GENERATOR, 'generate', '-i', DOCUMENT, '-g', 'go', '-o', 'client',
        '--additional-properties=packageName=events,disallowAdditionalPropertiesIfNotPresent=false'],
      ['rm', '-r', 'client/test', 'client/go.mod', 'client/go.sum']
    ],
    compile: [['go', 'mod', 'tidy'], ['go', 'build', '-o', 'driver', '.']],
    drive: ['./driver']
  },
  java('native'),
  java('okhttp-gson', { page: { name: 'java.md', caller: 'java/Page.java', file: `${JAVA_SOURCES}/Page.java`, drive: [...runJava, 'Page'] } })
]

const run = promisify(execFile)

/** Runs commands one after the other. */
async function runAll(commands: readonly (readonly string[])[], cwd: string, env?: NodeJS.ProcessEnv): Promise<void> {
  for (const [program, ...args] of commands) await run(program, args, { cwd, timeout: LIMIT, maxBuffer: 64 << 20, env: { ...process.env, ...env } })
}

/** Puts the code of a page into the file that calls it. */
async function placePage({ name, caller, file }: NonNullable<Generator['page']>, folder: string): Promise<void> {
  const [text, code] = await Promise.all([readFile(join(HERE, caller), 'utf8'), codeOf(name)])
  const path = join(folder, file)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text.replace(/^.*THE PAGE$/m, () => code))
}

/** Runs the code of a page against a service that refuses it for a while. */
async function drivePage({ drive }: NonNullable<Generator['page']>, folder: string): Promise<void> {
  const rehearsal = await startRehearsal()
  try {
    await runAll([drive], folder, { REHEARSAL_URL: rehearsal.url })
    const faults = rehearsal.faults()
    if (faults.length > 0) throw new Error(faults.join('; '))
  } finally {
    rehearsal.close()
  }
}

async function isThere(program: string): Promise<boolean> {
  return run('which', [program]).then(() => true, () => false)
}

/** A service of tomorrow: its answers have one more field, and a code that no client knows. */
async function startStub() {
  const receipt = { ...MIXED_RECEIPT, tomorrow: true, errors: [{ ...MIXED_RECEIPT.errors[0], code: 'a_code_of_tomorrow', tomorrow: 1 }] }
  const health = { ...EXAMPLES.Health, tomorrow: 'x', store: { ...EXAMPLES.Health.store, log_bytes: 3_000_000_000, tomorrow: null } }
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(request.method === 'POST' ? 207 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(request.method === 'POST' ? receipt : health))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close().closeAllConnections() }
}

/** The service, as `npm start` starts it, with a key for writing and another for reading. */
async function startService() {
  const env = { ...process.env, PORT: '0', HOST: '127.0.0.1', WRITE_KEYS: 'writer', READ_KEYS: 'reader', STORE: 'memory' }
  const child = spawn(process.execPath, ['src/server.ts'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(text)
      if (match !== null) resolve(match[0])
    })
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}: ${text}`)))
  })
  return { url, close: () => child.kill('SIGTERM') }
}

/** The verdict on one generator: `ok`, or the step that failed. */
async function check(generator: Generator): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sdk-'))
  const [service, stub] = await Promise.all([startService(), startStub()])
  let step = 'set up'
  try {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}')
    await mkdir(join(folder, 'client'))
    for (const [name, source] of Object.entries(generator.files)) await cp(join(HERE, source), join(folder, name))
    step = 'install'
    await runAll(generator.install ?? [], folder)
    step = 'generate'
    await runAll(generator.generate, folder)
    if (generator.page !== undefined) await placePage(generator.page, folder)
    step = 'compile'
    await runAll(generator.compile, folder)
    step = 'drive'
    await runAll([generator.drive], folder, { BASE_URL: service.url, STUB_URL: stub.url })
    step = 'do what the page says'
    if (generator.page !== undefined) await drivePage(generator.page, folder)
    return 'ok'
  } catch (error) {
    const { message, stdout = '', stderr = '' } = error as Error & { stdout?: string, stderr?: string }
    return `cannot ${step}: ${message}\n${stdout}${stderr}`
  } finally {
    service.close()
    stub.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** What is asked for; on a mistake says how the command is used and ends the process. */
function readArguments(): { noSkip: boolean, chosen: readonly string[] } {
  const names = GENERATORS.map(({ name }) => name)
  try {
    const { values, positionals } = parseArgs({ options: { 'no-skip': { type: 'boolean', default: false } }, allowPositionals: true })
    const unknown = positionals.find((name) => !names.includes(name))
    if (unknown !== undefined) throw new Error(`There is no check of the name '${unknown}'.`)
    return { noSkip: values['no-skip'], chosen: positionals }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nUsage: npm run sdk:check -- [--no-skip] [name ...]\nNames: ${names.join(', ')}\n`)
    process.exit(1)
  }
}

const { noSkip, chosen } = readArguments()
for (const generator of GENERATORS.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
  const missing = []
  for (const program of generator.needs) if (!await isThere(program)) missing.push(program)
  if (missing.length > 0) {
    console.log(`${generator.name}: skipped, needs ${missing.join(' and ')}`)
    if (noSkip) process.exitCode = 1
    continue
  }
  const started = performance.now()
  const verdict = await check(generator)
  if (verdict !== 'ok') process.exitCode = 1
  console.log(`${generator.name}: ${verdict} (${Math.round((performance.now() - started) / 1000)} s)`)
}
