import t from 'tap'
import { LineMemory } from '../../../../src/backends/core/users/line-memory.ts'

t.test('grows by steps, keeps what was written, and says when the buffer is another', async (t) => {
  const memory = new LineMemory(100_000)
  t.equal(memory.buffer.byteLength, 0)
  t.ok(memory.reach(1))
  const { byteLength } = memory.buffer
  t.ok(byteLength >= 100_000)
  new Uint8Array(memory.buffer)[byteLength - 1] = 7
  t.notOk(memory.reach(byteLength))
  t.ok(memory.reach(byteLength + 1))
  const bytes = new Uint8Array(memory.buffer)
  t.equal(bytes[byteLength - 1], 7)
  t.equal(bytes[byteLength], 0)
  t.ok(memory.reach(bytes.length + 1_000_000), 'by more than a step where that is needed')
})
