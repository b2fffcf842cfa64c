/** Where the writing thread begins. */
import { parentPort, workerData } from 'node:worker_threads'
import type { WriterOptions } from './messages.ts'
import { serveJournal } from './writer.ts'

serveJournal(parentPort!, workerData as WriterOptions)
