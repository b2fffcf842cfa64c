/** A writing thread that hands over one slice of the replay, and no more until a gate is opened. */
import { getEnvironmentData, parentPort, workerData, type Transferable } from 'node:worker_threads'
import type { WriterAnswer, WriterOptions } from '../../../src/backends/journal/messages.ts'
import { serveJournal } from '../../../src/backends/journal/writer.ts'
import { GATE_KEY } from './replay-gate.ts'

const gate = new Int32Array(getEnvironmentData(GATE_KEY) as SharedArrayBuffer)
const port = parentPort!
const post = port.postMessage.bind(port)

port.postMessage = (answer: WriterAnswer, transfer?: unknown) => {
  post(answer, transfer as Transferable[])
  if (answer.type === 'slice') Atomics.wait(gate, 0, 0)
}

serveJournal(port, workerData as WriterOptions)
