/**
 * The README is true: its transcript is run as it is printed and compared with what it says, its tables are those of
 * the schemas and of package.json, and what it points to is there. Some of them are on pages of `docs/`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Event } from '../schemas/index.ts'
import { describeSettings } from '../src/settings.ts'
import { anEvent } from './harness.ts'
import { ServerProcess } from './server-process.ts'

const ROOT = join(import.meta.dirname, '..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<'scripts' | 'dependencies' | 'devDependencies', Record<string, string>>

interface Block {
  language: string
  text: string
}

const page = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8')

/** The text under one heading, up to the next of any level up to its own. */
function section(heading: string, text = README): string {
  const [, marks, title] = /^(#+) (.+)$/.exec(heading)!
  const lines = text.split('\n')
  const start = lines.indexOf(`${marks} ${title}`)
  if (start < 0) throw new Error(`the README has no section ${heading}`)
  const end = lines.findIndex((line, index) => index > start && /^#+ /.test(line) && line.indexOf(' ') <= marks.length)
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n')
}

function blocks(heading: string): Block[] {
  return [...section(heading).matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, text]) => ({ language, text }))
}

/** The rows of the tables of a section, cell by cell. */
function rows(heading: string, text: string): string[][] {
  return section(heading, text).split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) => line.slice(2, -2).split(' | ').map((cell) => cell.trim()))
    .slice(1)
}

/** Text with `…` for anything on the same line. */
function pattern(text: string): RegExp {
  return new RegExp(`^${text.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('[^\\n]*')}$`)
}

/** Whether a value is what the README prints: "…" is anything, and an answer may have more fields than are shown. */
function matches(printed: unknown, value: unknown): boolean {
  if (printed === '…') return value !== undefined && value !== null
  if (typeof printed !== 'object' || printed === null) return printed === value
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(printed)) return Array.isArray(value) && printed.length === value.length && printed.every((item, index) => matches(item, value[index]))
  return Object.entries(printed).every(([key, item]) => matches(item, (value as Record<string, unknown>)[key]))
}

/** Runs commands one after the other in one shell, as if they were pasted; resolves with what each of them printed. */
async function runShell(t: Test, commands: readonly string[]): Promise<string[]> {
  const mark = '---- next command ----'
  const script = commands.map((command) => `${command}\nprintf '%s\\n' '${mark}'\n`).join('')
  const shell = spawn('bash', ['-s'], { stdio: ['pipe', 'pipe', 'pipe'], timeout: 60_000 })
  t.teardown(() => shell.kill('SIGKILL'))
  let output = ''
  let errors = ''
  shell.stdout.setEncoding('utf8').on('data', (text) => { output += text })
  shell.stderr.setEncoding('utf8').on('data', (text) => { errors += text })
  shell.stdin.end(script)
  await new Promise((resolve, reject) => shell.on('error', reject).on('close', resolve))
  t.equal(errors, '', 'nothing goes wrong on the way')
  return output.split(`${mark}\n`).slice(0, -1)
}

const missing = ['bash', 'curl'].filter((program) => spawnSync(program, ['--version']).error !== undefined)

/** Runs a command that goes on and on, until what it has printed is enough. */
async function runUntil(t: Test, command: string, enough: (output: string) => boolean, onFirst: () => Promise<unknown> = async () => {}): Promise<string> {
  const shell = spawn('bash', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 30_000 })
  t.teardown(() => shell.kill('SIGKILL'))
  let output = ''
  for await (const chunk of shell.stdout.setEncoding('utf8')) {
    if (output === '') await onFirst()
    output += chunk
    if (enough(output)) shell.kill('SIGTERM')
  }
  return output
}

t.test('with one service, from its start to its end', async (t) => {
  const server = new ServerProcess(t)
  const port = await server.port()

  t.test('the transcript is what happens', { skip: missing.length > 0 && `not installed: ${missing.join(', ')}` }, async (t) => {
    const transcript = [...blocks('## Five minutes of proof'), ...blocks('## A rejected event')]
    t.same(transcript.map(({ language }) => language),
      ['sh', 'json', 'sh', 'json', 'sh', 'json', 'sh', 'json', 'sh', 'text', 'sh', 'json'], 'each command with its output')

    const commands = transcript.filter((_, index) => index % 2 === 0).map(({ text }) => text.replaceAll('localhost:8080', `127.0.0.1:${port}`))
    const outputs = await runShell(t, commands)
    t.equal(outputs.length, commands.length)
    for (const [index, output] of outputs.entries()) {
      const { language, text } = transcript[2 * index + 1]
      if (language === 'text') t.match(output, pattern(text))
      else t.ok(matches(JSON.parse(text), JSON.parse(output)), `${commands[index]}\nprints ${output}\nand not ${text}`)
    }
  })

  t.test('the SSE examples follow and resume', { skip: missing.length > 0 && `not installed: ${missing.join(', ')}` }, async (t) => {
    const [follow, resume] = blocks('### Server-Sent Events, with curl')
    const here = (command: string) => command.replaceAll('localhost:8080', `127.0.0.1:${port}`)
    const send = (...events: Event[]) => fetch(`http://127.0.0.1:${port}/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events) })
    const data = (output: string) => [...output.matchAll(/^data: (.*)\n/gm)].map(([, text]) => JSON.parse(text) as Event)

    const purchase = anEvent({ event_type: 'purchase' })
    const first = await runUntil(t, here(follow.text), (output) => data(output).length > 0, () => send(anEvent(), purchase))
    t.match(data(first), [purchase], 'only what the filter lets through')
    const lastId = first.match(/^id: (.+)$/gm)!.at(-1)!.slice('id: '.length)

    const missed = [anEvent(), anEvent({ event_type: 'signup' })]
    await send(...missed)
    const second = await runUntil(t, here(resume.text).replace('<the last id you saw>', lastId), (output) => data(output).length >= missed.length)
    t.match(data(second), missed, 'what came after it, and only that')
    t.equal(data(second).length, missed.length)
  })

  t.test('the WebSocket example does what is printed', async (t) => {
    const [{ text: program }, { text: printed }] = blocks('### WebSocket')
    const file = join(t.testdir(), 'live.mjs')
    writeFileSync(file, program.replaceAll('localhost:8080', `127.0.0.1:${port}`))
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000 })
    t.teardown(() => child.kill('SIGKILL'))
    const lines: string[] = []
    const expected = printed.trimEnd().split('\n')
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      lines.push(...String(chunk).split('\n').filter((line) => line !== ''))
      if (lines.length === expected.length) server.child.kill('SIGTERM')
    }
    t.equal(lines.length, expected.length + 1)
    for (const line of expected) t.ok(lines.some((candidate) => pattern(line).test(candidate)), line)
    t.match(lines.at(-1), /^closed 1001/)
  })
})

t.test('what differs from the transcript is noticed', async (t) => {
  t.ok(matches({ a: 1, b: '…' }, { a: 1, b: 'x', more: true }))
  t.notOk(matches({ a: 1 }, { a: 2 }))
  t.notOk(matches({ a: '…' }, {}))
  t.notOk(matches({ errors: [] }, { errors: [1] }))
  t.notOk(matches({ a: { b: 1 } }, { a: null }))
  t.match('id: 7\n', pattern('id: …\n'))
  t.notMatch('id: 7\nid: 8\n', pattern('id: …\n'))
  t.notMatch('id: 7\n', pattern('id: (…)\n'))
})

t.test('npm start starts it, and whoever stops npm stops it', { timeout: 60_000 }, async (t) => {
  const server = new ServerProcess(t, {}, ['start', '--silent', '--prefix', ROOT], ['npm'])
  const port = await server.port()
  const { pid } = JSON.parse(server.stdout.split('\n')[0]) as { pid: number }
  t.teardown(() => { try { process.kill(pid, 'SIGKILL') } catch { /* it is gone, as it should be */ } })
  t.equal((await fetch(`http://127.0.0.1:${port}/health/ready`)).status, 200)
  server.child.kill('SIGTERM')
  t.equal(await server.exit, 0)
  await t.rejects(fetch(`http://127.0.0.1:${port}/health/ready`))
})

t.test('the table of settings is that of the schema', async (t) => {
  const wanted = describeSettings().map((setting) => `| \`${setting.name}\` | ${setting.default} | ${setting.description} |`)
  const printed = section('# Settings', page('settings.md')).split('\n').filter((line) => line.startsWith('| `'))
  t.equal(printed.join('\n'), wanted.join('\n'))
})

t.test('every dependency has its reason, and no other', async (t) => {
  const listed = rows('# Dependencies', page('dependencies.md')).flatMap(([names, why]) => {
    t.ok(why.length > 0, names)
    return [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name)
  })
  t.same(listed.toSorted(), [...Object.keys(PACKAGE.dependencies), ...Object.keys(PACKAGE.devDependencies)].toSorted())
})

t.test('it stays short', async (t) => {
  t.ok(README.split('\n').length <= 201)
})

t.test('what it points to is there', async (t) => {
  const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target).filter((target) => !target.startsWith('https:'))
  t.ok(links.length > 10)
  for (const link of links) t.ok(existsSync(join(ROOT, link)), link)
  const commands = [...README.matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script)
  t.ok(commands.length > 0)
  for (const script of commands) t.ok(PACKAGE.scripts[script] !== undefined, `npm run ${script}`)
  for (const [, file] of README.matchAll(/npx tap (\S+?)`/g)) t.ok(existsSync(join(ROOT, file)), file)
})
