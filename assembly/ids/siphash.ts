/**
 * SipHash-2-4 with 128 bits of output, of messages of 16 bytes (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012). Without the key its output cannot be told from chance, so nobody can choose ids that collide.
 */

/** "somepseudorandomlygeneratedbytes" */
const START0: u64 = <u64>0x736f6d65 << 32 | 0x70736575
const START1: u64 = <u64>0x646f7261 << 32 | 0x6e646f6d
const START2: u64 = <u64>0x6c796765 << 32 | 0x6e657261
const START3: u64 = <u64>0x74656462 << 32 | 0x79746573

const LENGTH: u64 = 16 << 56

/** Writes the hash of the message at `from`, as two words, to `to`. */
export function sipHash(key: usize, from: usize, to: usize): void {
  const k0 = load<u64>(key)
  const k1 = load<u64>(key, 8)
  let v0 = k0 ^ START0
  let v1 = k1 ^ START1 ^ 0xee
  let v2 = k0 ^ START2
  let v3 = k1 ^ START3
  let word = load<u64>(from)
  // Two rounds at a time: for each word of the message, for its length, and four for the two words of the hash. They are written
  // out, since as a loop they make a claim a seventh slower.
  for (let step = 0; step < 7; step++) {
    v3 ^= word
    v0 += v1
    v2 += v3
    v1 = rotl<u64>(v1, 13) ^ v0
    v3 = rotl<u64>(v3, 16) ^ v2
    v0 = rotl<u64>(v0, 32)
    v2 += v1
    v0 += v3
    v1 = rotl<u64>(v1, 17) ^ v2
    v3 = rotl<u64>(v3, 21) ^ v0
    v2 = rotl<u64>(v2, 32)
    v0 += v1
    v2 += v3
    v1 = rotl<u64>(v1, 13) ^ v0
    v3 = rotl<u64>(v3, 16) ^ v2
    v0 = rotl<u64>(v0, 32)
    v2 += v1
    v0 += v3
    v1 = rotl<u64>(v1, 17) ^ v2
    v3 = rotl<u64>(v3, 21) ^ v0
    v2 = rotl<u64>(v2, 32)
    v0 ^= word
    word = step === 0 ? load<u64>(from, 8) : step === 1 ? LENGTH : 0
    if (step === 2) v2 ^= 0xee
    if (step !== 4) continue
    store<u64>(to, v0 ^ v1 ^ v2 ^ v3)
    v1 ^= 0xdd
  }
  store<u64>(to, v0 ^ v1 ^ v2 ^ v3, 8)
}
