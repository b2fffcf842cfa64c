/** A body in chunks of any size takes not much more than its bytes. [LIMIT-1] */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { BodyChunks } from '../../src/plugins/body-chunks.ts'

/** Puts a body together of chunks whose sizes follow each other. */
function collect(body: Buffer, sizes: readonly number[]): BodyChunks {
  const chunks = new BodyChunks()
  for (let at = 0, i = 0; at < body.length; at += sizes[i % sizes.length], i++) chunks.add(body.subarray(at, at + sizes[i % sizes.length]))
  return chunks
}

t.test('chunks of any size become the body, in few pieces', async (t) => {
  const body = randomBytes(300_000)
  for (const sizes of [[1], [1, 4096], [4095, 1, 4097], [100, 70_000], [65_536], [300_000], [7, 4096, 4096, 4096]]) {
    const chunks = collect(body, sizes)
    t.equal(chunks.length, body.length)
    t.ok(chunks.count < 2 + body.length / 2048, `${chunks.count} pieces of ${sizes}`)
    t.ok(chunks.concat().equals(body), String(sizes))
  }
  t.ok(collect(body, [1]).count < 12)
})

t.test('the usual body, of one chunk, is not copied', async (t) => {
  const body = randomBytes(100)
  const chunks = new BodyChunks()
  chunks.add(body)
  t.equal(chunks.concat(), body)
  t.equal(new BodyChunks().concat().length, 0)
})

t.test('memory that nobody reads any more is freed at once, and none that holds something else', async (t) => {
  const chunks = [Buffer.alloc(65_536, 1), Buffer.alloc(65_536, 2), Buffer.alloc(65_536).subarray(1), Buffer.alloc(100, 3)]
  const lengths = chunks.map((chunk) => chunk.length)
  const body = new BodyChunks()
  for (const chunk of chunks) body.add(chunk)
  t.equal(body.concat().length, lengths.reduce((sum, length) => sum + length))
  t.same(chunks.map(({ length }) => length), [0, 0, ...lengths.slice(2)])
})
