/** A real Prometheus scrapes the service as examples/monitoring says; every query there finds what the service measures. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { freePort } from '../../cluster/redis-process.ts'
import { anEvent, post, startServer } from '../harness.ts'
import { missing, startProgram } from './programs.ts'

const FOLDER = join(import.meta.dirname, '../../examples/monitoring')
/** Milliseconds in which an expression must find something. */
const PATIENCE = 30_000

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')

interface Dashboard {
  panels: { title: string, targets: { expr: string }[] }[]
}

t.test('Prometheus, its rules and the Grafana dashboard', { skip: missing('prometheus'), timeout: 60_000 }, async (t) => {
  const folder = t.testdir({ 'alerts.yml': read('alerts.yml') })
  const { app, port: target } = await startServer(t)
  await post(app, [anEvent(), anEvent({ event_type: 'like' as 'click' })])
  writeFileSync(join(folder, 'prometheus.yml'), read('prometheus.yml').replace('localhost:8080', `127.0.0.1:${target}`).replace('15s', '1s'))
  const check = spawnSync('promtool', ['check', 'config', join(folder, 'prometheus.yml')], { encoding: 'utf8' })
  t.equal(check.status, 0, check.stderr)
  t.match(check.stdout, /\d+ rules found/)
  const metrics = await (await fetch(`http://127.0.0.1:${target}/metrics`)).text()
  t.same(spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' }).stderr.split('\n').filter((line) => /error|without help/.test(line)), [])

  const port = await freePort()
  await startProgram(t, port, 'prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`
  ])
  const query = async (expression: string): Promise<unknown[]> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`)
    const { status, error, data } = await answer.json() as { status: string, error?: string, data: { result: unknown[] } }
    if (status !== 'success') throw new Error(`${expression}: ${error}`)
    return data.result
  }
  while ((await fetch(`http://127.0.0.1:${port}/-/ready`)).status !== 200) await delay(50)
  // Until it has looked often enough for a rate; and again where it was too slow to look just now.
  const finds = async (expression: string): Promise<boolean> => {
    const end = performance.now() + PATIENCE
    while ((await query(expression)).length === 0) {
      if (performance.now() > end) return false
      await delay(100)
    }
    return true
  }
  t.ok(await finds('sum_over_time(up{job="events"}[1m]) > 1'))

  const { panels } = JSON.parse(read('grafana-dashboard.json')) as Dashboard
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      const expression = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m')
      t.ok(await finds(expression), `${title}: ${expr} finds something`)
    }
  }
  // An alert that is not due finds nothing; what it compares does.
  for (const [, expression] of read('alerts.yml').matchAll(/expr: (.*)/g)) {
    t.ok(await finds(expression.replace(/ (>|==|<) [\d.]+$/, '')), `alert: ${expression}`)
  }
})
