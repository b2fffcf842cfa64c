/**
 * A writing thread whose disk fails when it is told to, through a shared word: before a commit, so that nothing of it is
 * in the file; or after it, as when the last sync of a commit fails and the data have come to the file all the same.
 */
import type { DatabaseSync } from 'node:sqlite'
import { getEnvironmentData, parentPort, workerData } from 'node:worker_threads'
import type { WriterOptions } from '../../../src/backends/journal/messages.ts'
import { serveJournal } from '../../../src/backends/journal/writer.ts'
import { FAULT_KEY, Fault } from './fault.ts'

const state = new Int32Array(getEnvironmentData(FAULT_KEY) as SharedArrayBuffer)

function diskError(): Error {
  // SQLITE_IOERR_FSYNC
  return Object.assign(new Error('disk I/O error'), { errcode: 1034 })
}

serveJournal(parentPort!, workerData as WriterOptions, (db: DatabaseSync) => {
  Atomics.add(state, 1, 1)
  Atomics.notify(state, 1)
  if (Atomics.load(state, 0) === Fault.Hang) Atomics.wait(state, 0, Fault.Hang)
  const fault = Atomics.load(state, 0)
  if (fault === Fault.Before) throw diskError()
  if (fault === Fault.Full) throw Object.assign(new Error('database or disk is full'), { errcode: 13 })
  if (fault === Fault.Crash) process.exit(3)
  db.exec('COMMIT')
  if (fault === Fault.After) throw diskError()
})
