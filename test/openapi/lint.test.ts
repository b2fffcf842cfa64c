import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }

t.test('redocly and spectral find nothing to complain of', async (t) => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const env = { ...process.env, PATH: `${cwd}node_modules/.bin:${process.env.PATH}` }
  const { stdout } = await promisify(execFile)('sh', ['-c', packageJson.scripts['lint:openapi']], { cwd, env })
  t.match(stdout, /No results with a severity of 'hint' or higher found/)
  t.notMatch(stdout, /warning/i)
})
