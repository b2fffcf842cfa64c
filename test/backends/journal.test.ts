import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createJournalBackend } from '../../src/backends/journal/journal.ts'
import { backendSuite } from './suite.ts'

// The suite opens hundreds of journals, and what they survive is tried elsewhere: in memory where there is such a folder.
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'journal-suite-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))

backendSuite(t, 'journal', async (request) => {
  const backend = await createJournalBackend({ ...request, directory: mkdtempSync(join(root, 'journal-')), sync: 'normal' })
  await backend.replayed
  return backend
}, { histories: 15 })
