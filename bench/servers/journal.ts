/** The service with a journal in a new folder, which is deleted when it ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const directory = mkdtempSync(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'journal-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
Object.assign(process.env, { STORE: 'journal', DATA_DIR: directory })
await import('../../src/server.ts')
