/**
 * Writes the documents that the service serves to this folder. With `--check` writes nothing, and ends with 1 if what is
 * here is something else.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { buildApp } from '../src/app.ts'
import { loadSettings } from '../src/settings.ts'

const NAMES = ['openapi.json', 'openapi.yaml', 'asyncapi.json']

/** The documents, by name: as a service with default settings serves them, so always the same. */
async function makeDocuments(): Promise<Map<string, string>> {
  const app = await buildApp(loadSettings({}))
  const documents = new Map<string, string>()
  for (const name of NAMES) {
    const answer = await app.inject(`/${name}`)
    if (answer.statusCode !== 200) throw new Error(`/${name} answers ${answer.body}`)
    documents.set(name, answer.body)
  }
  await app.close()
  return documents
}

/** Writes the documents to a folder, given with a `/` at its end. */
export async function writeDocuments(folder: URL): Promise<void> {
  for (const [name, text] of await makeDocuments()) await writeFile(new URL(name, folder), text)
}

/** The names of the documents that a folder lacks, or holds differently. */
export async function findDrift(folder: URL): Promise<string[]> {
  const drifted = []
  for (const [name, text] of await makeDocuments()) {
    const held = await readFile(new URL(name, folder), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    if (held !== text) drifted.push(name)
  }
  return drifted
}

if (import.meta.main) {
  const { check } = parseArgs({ options: { check: { type: 'boolean' } } }).values
  const here = new URL('.', import.meta.url)
  if (check === true) {
    const drifted = await findDrift(here)
    for (const name of drifted) console.error(`openapi/${name} is not what the service serves: run npm run openapi`)
    process.exitCode = drifted.length === 0 ? 0 : 1
  } else {
    await writeDocuments(here)
  }
}
