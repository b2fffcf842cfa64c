import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { makeFolder } from '../backends/journal/rig.ts'
import { preloadObstacle } from './preload.ts'
import { ProcessClock } from './process-clock.ts'

const SECOND = 1000
const DAY = 86_400 * SECOND

/** Real time that may pass between two readings, in milliseconds: as much as the whole test may take. */
const SLACK = 30 * SECOND

/** The clocks as a process sees them, in milliseconds. */
interface Reading {
  wall: number
  monotonic: number
  uptime: number
  boot: string
}

const PROGRAM = `
  const { readFileSync } = require('node:fs')
  const { uptime } = require('node:os')
  const read = () => console.log(JSON.stringify({
    wall: Date.now(), monotonic: performance.now(), uptime: uptime() * 1000, boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  }))
  read()
  process.stdin.on('data', read)
  setTimeout(() => console.log('"a day has passed"'), ${DAY})
`

/** A process that goes by a clock; returns how it is asked for a reading. */
async function start(t: Test, clock: ProcessClock) {
  const child = spawn(process.execPath, ['--eval', PROGRAM], { env: { ...process.env, ...clock.env }, stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value!) as unknown
  const first = await next() as Reading
  return {
    first,
    next,
    async read() {
      child.stdin.write('\n')
      return await next() as Reading
    },
    async stop() {
      child.stdin.end()
      child.kill()
      await once(child, 'exit')
    }
  }
}

const skip = preloadObstacle() ?? false

t.test('a preloaded clock: every kind of change, while the process runs', { skip }, async (t) => {
  const clock = new ProcessClock(makeFolder(t))
  t.teardown(() => clock.close())
  const process = await start(t, clock)
  let before = process.first
  const expect = async (name: string, wall: number, monotonic: number, uptime: number) => {
    const after = await process.read()
    for (const [hand, expected] of Object.entries({ wall, monotonic, uptime })) {
      const moved = after[hand as 'wall'] - before[hand as 'wall']
      t.ok(moved > expected - SECOND && moved < expected + SLACK, `${name}: ${hand} has moved by ${moved} ms`)
    }
    t.ok(Math.abs(clock.wall() - after.wall) < SLACK)
    before = after
  }
  await expect('nothing', 0, 0, 0)
  clock.step(30 * DAY)
  await expect('a step', 30 * DAY, 0, 0)
  clock.step(-31 * DAY)
  await expect('a step back', -31 * DAY, 0, 0)
  clock.suspend(3 * DAY)
  await expect('a suspend', 3 * DAY, 0, 3 * DAY)
  clock.pass(DAY / 2)
  await expect('half a day', DAY / 2, DAY / 2, DAY / 2)
  t.equal(before.boot, process.first.boot)
  clock.pass(DAY)
  const lines: unknown[] = [await process.read(), await process.next()]
  t.ok(lines.includes('a day has passed'), 'timers that have become due fire')
})

t.test('a preloaded clock: a wall clock that runs at another speed', { skip }, async (t) => {
  const clock = new ProcessClock(makeFolder(t))
  t.teardown(() => clock.close())
  const process = await start(t, clock)
  clock.slew(9_000_000)
  const begin = await process.read()
  const fast = await process.read()
  const [wall, monotonic] = [fast.wall - begin.wall, fast.monotonic - begin.monotonic]
  t.ok(Math.abs(wall - 10 * monotonic) < 50, `${wall} ms in ${monotonic} ms`)
  clock.slew(0)
  t.ok((await process.read()).wall >= fast.wall, 'it keeps what it has gained')
})

t.test('a preloaded clock: another boot of the machine', { skip }, async (t) => {
  const clock = new ProcessClock(makeFolder(t))
  t.teardown(() => clock.close())
  const first = await start(t, clock)
  await first.stop()
  clock.boot(365 * DAY)
  const second = await start(t, clock)
  t.ok(second.first.wall - first.first.wall >= 365 * DAY)
  t.ok(second.first.uptime < 20 * SECOND + SLACK, `it has been up for ${second.first.uptime} ms`)
  t.not(second.first.boot, first.first.boot)
})
