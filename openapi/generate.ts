/**
 * Writes the documents that the service serves to this folder. With `--check` writes nothing, and ends with 1 if what is
 * here is something else.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { buildApp } from '../src/app.ts'
import { loadSettings } from '../src/settings.ts'

/** The documents, by name: as a service with default settings serves them, so always the same. */
export async function makeDocuments(): Promise<Map<string, string>> {
  const app = await buildApp(loadSettings({}))
  const documents = new Map<string, string>()
  for (const name of ['openapi.json', 'openapi.yaml', 'asyncapi.json']) {
    const answer = await app.inject(`/${name}`)
    if (answer.statusCode !== 200) throw new Error(`/${name} answers ${answer.body}`)
    documents.set(name, answer.body)
  }
  await app.close()
  return documents
}

/** The names of the documents that differ from what this folder holds. */
export async function findDrift(): Promise<string[]> {
  const drifted = []
  for (const [name, text] of await makeDocuments()) {
    const committed = await readFile(new URL(name, import.meta.url), 'utf8').catch(() => undefined)
    if (committed !== text) drifted.push(name)
  }
  return drifted
}

if (import.meta.main) {
  const { check } = parseArgs({ options: { check: { type: 'boolean' } } }).values
  if (check === true) {
    const drifted = await findDrift()
    for (const name of drifted) console.error(`openapi/${name} is not what the service serves: run npm run openapi`)
    process.exitCode = drifted.length === 0 ? 0 : 1
  } else {
    for (const [name, text] of await makeDocuments()) await writeFile(new URL(name, import.meta.url), text)
  }
}
