/** The OpenAPI documents by the validator that Python's tools share. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const folder = join(import.meta.dirname, '../../openapi')
const isThere = spawnSync('python3', ['-c', 'import openapi_spec_validator']).status === 0
const skip = isThere ? false : 'there is no openapi-spec-validator'

t.test('openapi-spec-validator finds nothing wrong', { skip }, async (t) => {
  const { status, stdout, stderr } = spawnSync('python3', ['-m', 'openapi_spec_validator', 'openapi.json', 'openapi.yaml'], { cwd: folder, encoding: 'utf8' })
  t.equal(status, 0, stdout + stderr)
  t.equal(stdout, 'openapi.json: OK\nopenapi.yaml: OK\n')
})
