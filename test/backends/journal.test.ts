import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createJournalBackend } from '../../src/backends/journal/journal.ts'
import { backendSuite } from './suite.ts'

const root = t.testdir()

backendSuite(t, 'journal', async (request) => {
  const backend = await createJournalBackend({ ...request, directory: mkdtempSync(join(root, 'journal-')), sync: 'normal' })
  await backend.replayed
  return backend
})
