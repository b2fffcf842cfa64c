import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

t.test('redocly and spectral find nothing to complain of', async (t) => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'lint:openapi'], { cwd })
  t.match(stdout, /No results with a severity of 'hint' or higher found/)
  t.notMatch(stdout, /warning/i)
})
