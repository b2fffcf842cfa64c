import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { BodyMemory } from '../../src/ingest/body-memory.ts'

/** A chunk with memory of its own, as Node makes them. */
function ownChunk(length: number): Buffer {
  return Buffer.from(new Uint8Array(randomBytes(length)).buffer)
}

t.test('a body is its chunks, whose memory is free at once', async (t) => {
  const memory = new BodyMemory()
  const chunks = [ownChunk(65_536), ownChunk(65_536), ownChunk(100)]
  const whole = Buffer.concat(chunks)
  const body = memory.join(chunks, whole.length)
  t.ok(body.equals(whole))
  t.same(chunks.map(({ length }) => length), [0, 0, 100], 'small ones are left to the garbage collector')
})

t.test('memory that others share is left alone', async (t) => {
  const memory = new BodyMemory()
  const shared = ownChunk(100_000)
  memory.join([shared.subarray(0, 50_000)], 50_000)
  memory.release(shared.subarray(1))
  t.equal(shared.length, 100_000)
  memory.release(shared)
  t.equal(shared.length, 0)
})

t.test('what was released is used again, up to a size', async (t) => {
  const memory = new BodyMemory()
  const memoryOf = (length: number): { bytes: number, buffer: ArrayBufferLike, body: Buffer } => {
    const body = memory.join([Buffer.alloc(length)], length)
    return { bytes: body.buffer.byteLength, buffer: body.buffer, body }
  }
  const small = memoryOf(100_000)
  t.equal(small.bytes, 256 << 10)
  memory.release(small.body)
  t.equal(memoryOf(200_000).buffer, small.buffer)
  t.not(memoryOf(200_000).buffer, small.buffer, 'which is lent already')
  const large = memoryOf(10_000_000)
  t.equal(large.bytes, 10_000_000)
  memory.release(large.body)
  t.equal(large.body.length, 0, 'more than 4 MiB is freed')
  const many = Array.from({ length: 10 }, () => memoryOf(3_000_000))
  for (const { body } of many) memory.release(body)
  t.same(many.map(({ buffer }) => buffer.byteLength > 0), [true, true, true, true, false, false, false, false, false, false], '16 MiB are kept')
})

t.test('no two bodies share memory, whatever comes and goes', async (t) => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 600_000 })), { maxLength: 40 }), (steps) => {
    const memory = new BodyMemory()
    const held: { body: Buffer, mark: number }[] = []
    for (const [mark, step] of steps.entries()) {
      if (step > 0) held.push({ body: memory.join([Buffer.alloc(step, mark)], step), mark })
      else if (held.length > 0) memory.release(held.shift()!.body)
    }
    return held.every(({ body, mark }) => body[0] === mark && body[body.length - 1] === mark)
  }))
  t.pass('no difference found')
})

t.test('bodies that never come back are left to the garbage collector', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const memory = new BodyMemory()
  const bodies = Array.from({ length: 20 }, () => new WeakRef(memory.join([Buffer.alloc(300_000)], 300_000).buffer))
  await new Promise((resolve) => setImmediate(resolve)) // until then a WeakRef holds what it was made of
  collect()
  t.ok(bodies.every((body) => body.deref() === undefined))
})
