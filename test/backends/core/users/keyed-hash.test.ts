import t from 'tap'
import { KeyedHash, viewOf } from '../../../../src/backends/core/users/keyed-hash.ts'

t.test('is a function of the bytes alone, wherever they lie', async (t) => {
  const hash = new KeyedHash()
  for (const text of ['', 'a', 'abcd', 'abcde', 'user-42', 'ü'.repeat(100)]) {
    const alone = Buffer.from(text)
    const inside = Buffer.from(`--${text}--`)
    t.equal(hash.bytes(viewOf(alone), 0, alone.length), hash.bytes(viewOf(inside), 2, inside.length - 2))
  }
})

t.test('two instances differ', async (t) => {
  const bytes = viewOf(Buffer.from('user-42'))
  const hashes = Array.from({ length: 4 }, () => new KeyedHash().bytes(bytes, 0, bytes.byteLength))
  t.ok(new Set(hashes).size > 1)
})

t.test('spreads counters evenly over buckets', async (t) => {
  const hash = new KeyedHash()
  const buckets = new Uint32Array(256)
  for (let i = 0; i < 65_536; i++) {
    const text = Buffer.from(`user-${i}`)
    buckets[hash.bytes(viewOf(text), 0, text.length) >>> 24]++
  }
  t.ok(Math.max(...buckets) < 512 && Math.min(...buckets) > 100, `${Math.min(...buckets)} to ${Math.max(...buckets)} of 256`)
})
