import { randomFillSync } from 'node:crypto'
import t from 'tap'
import { Verdict } from '../../../../src/backends/batch.ts'
import { IdShard, STRIDE } from '../../../../src/backends/core/dedup/id-shard.ts'
import { IdTable, shardsFor } from '../../../../src/backends/core/dedup/id-table.ts'

function idsFrom(first: number): Uint32Array {
  return Uint32Array.from({ length: 4 * STRIDE }, (_, at) => [0x0190f0c4, 0x70000000, 0x80000000, first + (at >>> 2)][at & 3])
}

/** Claims a stride of ids with a stamp; returns how many of them were new. */
function claim(table: IdTable, first: number, stamp: number): number {
  table.take(idsFrom(first), 0, STRIDE)
  return table.claim(stamp, STRIDE)
}

t.test('the hash is SipHash-2-4 with 128 bits', async (t) => {
  const shard = new IdShard((key) => { key.forEach((_, i) => { key[i] = i }) })
  shard.hash(Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c), 0, 1)
  const { buffer, byteOffset } = shard.hashes
  t.equal(Buffer.from(buffer, byteOffset, 16).toString('hex'), '6ee2a4ca67b054bbfd3315bf85230577', 'as its authors\' vector for this key and message says')
  const other = new IdShard()
  other.hash(Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c), 0, 1)
  t.not(other.hashes[0], shard.hashes[0], 'another table has another key')
})

t.test('an id that is not known is taken for a known one as seldom as the stored bits say', async (t) => {
  // All as it is, but for remainders that have 17 bits instead of 64.
  const BITS = 17
  const remainders = randomFillSync(new Uint32Array(2 << BITS))
  const shard = new IdShard()
  shard.setLive(1, 1)
  const random = new Uint32Array(2 * STRIDE)
  const hand = (): void => {
    randomFillSync(random)
    const hashes = shard.hashes
    for (let i = 0; i < STRIDE; i++) {
      const r = random[2 * i] >>> 32 - BITS
      hashes[4 * i] = remainders[2 * r]
      hashes[4 * i + 1] = remainders[2 * r + 1]
      hashes[4 * i + 2] = random[2 * i + 1]
    }
    shard.prefetch(STRIDE)
  }
  let held = 0
  for (let n = 0; n < 600; n++) {
    hand()
    shard.claim(0, STRIDE, 1, STRIDE)
    held += shard.added
  }
  let taken = 0
  const PROBES = 1000 * STRIDE
  for (let n = 0; n < PROBES; n += STRIDE) {
    hand()
    for (let i = 0; i < STRIDE; i++) if (shard.stampOf(i) !== 0) taken++
  }
  const expected = PROBES * held / 2 ** (BITS + 10)
  t.ok(Math.abs(taken - expected) < 6 * Math.sqrt(expected), `${taken} of ${PROBES}, and ${expected} were expected`)
  for (const ids of [2 ** 28, 1e9, 1.2e9, 2e9]) t.ok(ids / 2 ** (64 + 10) / shardsFor(ids) <= 1e-13 / 6, `with 64 bits and ${ids} ids far below 1 in 10^13`)
})

for (const shards of [1, 4]) {
  t.test(`grows by pages, keeps every id with its stamp, and takes at most 13.5 bytes for each: ${shards} shards`, async (t) => {
    const table = new IdTable(shards)
    table.setLive(1, 3)
    const count = 800 / shards * STRIDE
    let most = 0
    for (let n = 0; n < count; n += STRIDE) {
      if (claim(table, n, 1 + n % 3) !== STRIDE) t.fail(`not all of ${n} were new`)
      if (n > shards * 130_000) most = Math.max(most, table.byteLength / n)
    }
    t.ok(most < 13.5, `${most} bytes an id at the most`)
    let wrong = 0
    for (let n = 0; n < count; n += STRIDE) {
      table.take(idsFrom(n), 0, STRIDE)
      for (let i = 0; i < STRIDE; i++) if (table.stampOf(i) !== 1 + n % 3) wrong++
      if (n % (2 * STRIDE) === 0) for (let i = 0; i < STRIDE; i += 2) if (table.restamp(i, 0) !== 1 + n % 3) wrong++
    }
    for (let n = 0; n < count; n += STRIDE) {
      table.take(idsFrom(n), 0, STRIDE)
      const isHalved = n % (2 * STRIDE) === 0
      if (table.claim(2, STRIDE) !== (isHalved ? STRIDE / 2 : 0) || !table.isDone) wrong++
      const verdicts = new Uint8Array(STRIDE)
      table.writeVerdicts(verdicts)
      if (verdicts.some((verdict, i) => verdict !== (isHalved && i % 2 === 0 ? Verdict.Accepted : Verdict.Duplicate))) wrong++
    }
    t.equal(wrong, 0)
  })

  t.test(`claims no more than it may, and goes on where it stopped: ${shards} shards`, async (t) => {
    const table = new IdTable(shards)
    table.setLive(1, 2)
    table.take(idsFrom(0), 0, 100)
    t.equal(table.claim(1, 70), 70)
    t.notOk(table.isDone)
    t.equal(table.claim(2, 0), 0)
    t.equal(table.claim(2, 100), 30)
    t.ok(table.isDone)
    table.take(idsFrom(0), 0, 100)
    t.equal(Array.from({ length: 100 }, (_, i) => table.stampOf(i)).filter((stamp) => stamp === 2).length, 30)
  })

  t.test(`what is over makes room, and a walk leaves no trace of it: ${shards} shards`, async (t) => {
    const table = new IdTable(shards)
    const count = 400 * STRIDE
    for (let stamp = 1; stamp <= 6; stamp++) {
      table.setLive(Math.max(1, stamp - 1), stamp)
      for (let n = 0; n < count; n += STRIDE) claim(table, stamp * count + n, stamp)
    }
    if (shards === 1) t.ok(table.byteLength / (2 * count) < 13.5, `${table.byteLength / (2 * count)} bytes an id`)
    table.setLive(7, 7)
    while (!table.sweep(1000));
    table.setLive(1, 6)
    let found = 0
    for (let n = count; n < 7 * count; n += 20 * STRIDE) {
      table.take(idsFrom(n), 0, STRIDE)
      for (let i = 0; i < STRIDE; i++) if (table.stampOf(i) !== 0) found++
    }
    t.equal(found, 0)
  })
}
