/**
 * The import law: server -> app -> routes, plugins -> ingest, live -> backends -> schemas, downwards only. It reads the
 * import lines of every source file, so that a wrong one fails here and not in a reviewer's head.
 */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import ts from 'typescript'

const ROOT = join(import.meta.dirname, '..')

/** From the top down; a file may import from its own layer and from those below. The first match counts. */
const LAYERS: readonly { name: string, files: readonly string[] }[] = [
  { name: 'server', files: ['src/server.ts', 'src/migrate.ts', 'src/salvage.ts'] },
  { name: 'app', files: ['src/app.ts'] },
  { name: 'routes', files: ['src/routes/'] },
  { name: 'plugins', files: ['src/plugins/'] },
  { name: 'logger', files: ['src/logger.ts', 'src/request-log.ts'] },
  { name: 'settings', files: ['src/settings.ts', 'src/settings/'] },
  { name: 'live', files: ['src/live/'] },
  { name: 'ingest', files: ['src/ingest/'] },
  { name: 'guide', files: ['src/problem-guide.ts'] },
  { name: 'leaves', files: ['src/errors.ts'] },
  { name: 'backends', files: ['src/backends/'] },
  { name: 'schemas', files: ['schemas/'] }
]

/** Layers that know nothing of HTTP, sockets and logs, and so can be driven by anything. */
const CORE = new Set(['live', 'ingest', 'guide', 'leaves', 'backends', 'schemas'])
const NOT_IN_CORE = /^(fastify|fastify-plugin|@fastify\/.*|pino|pino-.*|ws|node:http|node:https|node:net)$/

/** What a file imports: a path from the root, or the name of a package. */
interface Import {
  target: string
  /** Gone when the program runs. */
  typeOnly?: boolean
}

/** Each file by its path from the root, with what it imports. */
type Imports = ReadonlyMap<string, readonly Import[]>

function layerOf(file: string): number {
  return LAYERS.findIndex(({ files }) => files.some((prefix) => prefix.endsWith('/') ? file.startsWith(prefix) : file === prefix))
}

const isFile = (name: string) => /\.(ts|js|json)$/.test(name) && name.includes('/')

/** The package that an import specifier names: `@scope/name/deep` is of `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function readImports(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest)
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return
    const { text } = specifier
    found.push({ target: text.startsWith('.') ? normalize(join(dirname(file), text)) : text, typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false)
    else if (ts.isCallExpression(node) && node.expression.getText(source) === 'import.meta.resolve') add(node.arguments[0], false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Every sentence of the law that is broken, in plain words. */
function violations(imports: Imports, dependencies: ReadonlySet<string>): string[] {
  const found: string[] = []
  for (const [file, targets] of imports) {
    const from = layerOf(file)
    if (from === -1) {
      found.push(`${file} belongs to no layer`)
      continue
    }
    const { name } = LAYERS[from]
    for (const { target, typeOnly } of targets) {
      if (target === 'package.json') continue
      if (isFile(target)) {
        const to = layerOf(target)
        if (to === -1) found.push(`${file} imports ${target}, which is not part of the service`)
        else if (to < from) found.push(`${file} (${name}) imports upwards: ${target} (${LAYERS[to].name})`)
        else if (name === 'leaves' && LAYERS[to].name !== 'schemas') found.push(`${file} is a leaf and imports ${target}`)
      } else {
        if (CORE.has(name) && NOT_IN_CORE.test(target)) found.push(`${file} (${name}) imports ${target}`)
        if (!isBuiltin(target) && !typeOnly && !dependencies.has(packageOf(target))) found.push(`${file} imports ${target}, which is not in "dependencies"`)
        if (isBuiltin(target) && !target.startsWith('node:')) found.push(`${file} imports ${target} without node:`)
      }
    }
  }
  return [...found, ...circles(imports)]
}

/** Files that import themselves by way of others, each circle once. Types count: who reads one file of a circle has to read all. */
function circles(imports: Imports): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    if (path.includes(file)) {
      found.push(`a circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`)
      return
    }
    if (done.has(file)) return
    path.push(file)
    for (const { target } of imports.get(file) ?? []) if (imports.has(target)) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of imports.keys()) visit(file)
  return found
}

const packageJson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
const dependencies = new Set(Object.keys(packageJson.dependencies))

t.test('every source file keeps the import law', async (t) => {
  const files = globSync(['src/**/*.ts', 'schemas/**/*.ts'], { cwd: ROOT, exclude: ['**/*.d.ts'] }).sort()
  const imports = new Map(files.map((file) => [file, readImports(file)]))
  for (const file of ['src/server.ts', 'src/app.ts', 'src/ingest/ingest.ts', 'src/backends/backend.ts', 'schemas/index.ts']) {
    t.ok(imports.has(file), `${file} is looked at`)
  }
  t.ok(imports.get('src/server.ts')?.some(({ target }) => target === 'src/app.ts'), 'import lines are read')
  const paths = new Set([...imports.values()].flat().map(({ target }) => target).filter(isFile))
  t.same([...paths].filter((path) => !existsSync(join(ROOT, path))), [], 'every imported file exists')
  t.same(violations(imports, dependencies), [])
})

t.test('every dependency is used by the service', async (t) => {
  const files = globSync(['src/**/*.ts', 'schemas/**/*.ts'], { cwd: ROOT })
  const used = new Set(files.flatMap(readImports).map(({ target }) => packageOf(target)))
  const byName = new Set(files.flatMap((file) => [...readFileSync(join(ROOT, file), 'utf8').matchAll(/target: '([^']+)'/g)].map((match) => match[1])))
  t.same([...dependencies].filter((name) => !used.has(name) && !byName.has(name)), [])
})

t.test('the law notices what breaks it', async (t) => {
  const broken: [string, Record<string, string[]>, RegExp][] = [
    ['upwards', { 'src/ingest/a.ts': ['src/plugins/b.ts'] }, /ingest\) imports upwards/],
    ['a backend that knows ingest', { 'src/backends/a.ts': ['src/ingest/b.ts'] }, /imports upwards/],
    ['a backend that knows the settings', { 'src/backends/a.ts': ['src/settings.ts'] }, /imports upwards/],
    ['a plugin that knows a route', { 'src/plugins/a.ts': ['src/routes/b.ts'] }, /imports upwards/],
    ['ingest that knows live', { 'src/ingest/a.ts': ['src/live/b.ts'] }, /imports upwards/],
    ['Fastify in the core', { 'src/ingest/a.ts': ['fastify'] }, /imports fastify/],
    ['a type of Fastify in the core', { 'src/live/a.ts': ['@fastify/websocket'] }, /imports @fastify/],
    ['pino in a backend', { 'src/backends/core/a.ts': ['pino'] }, /imports pino/],
    ['a leaf with branches', { 'src/errors.ts': ['src/backends/a.ts'] }, /is a leaf/],
    ['a package for development', { 'src/plugins/a.ts': ['typescript'] }, /not in "dependencies"/],
    ['a test in production', { 'src/plugins/a.ts': ['test/b.ts'] }, /not part of the service/],
    ['a file without a layer', { 'src/utils/a.ts': [] }, /belongs to no layer/],
    ['a circle', { 'src/live/a.ts': ['src/live/b.ts'], 'src/live/b.ts': ['src/live/c.ts'], 'src/live/c.ts': ['src/live/a.ts'] }, /a circle: .*a\.ts.*b\.ts.*c\.ts.*a\.ts/]
  ]
  for (const [name, files, message] of broken) {
    const imports = Object.entries(files).map(([file, targets]) => [file, targets.map((target) => ({ target }))] as const)
    const found = violations(new Map(imports), new Set(['fastify', '@fastify/websocket', 'pino']))
    t.equal(found.length, 1, `${name}: one sentence`)
    t.match(found[0], message, name)
  }
})
