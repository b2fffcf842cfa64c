/** Bytes gone wrong on their way, with a liking for the bytes that mean something. */
import fc from 'fast-check'

/** Bytes that mean something in JSON or in an event, and some that must not be there. */
export const TELLING_BYTES = [...new Set([
  ...Buffer.from('"\\{}[],:-+.eEtfnu019aAfFgzTZ/ _\t\r\n\u0000\u001f\u007f'), 0xc3, 0x80, 0xff
])]

interface Mutation {
  kind: 'replace' | 'insert' | 'remove' | 'repeat' | 'cut'
  /** Where, as a share of the length. */
  at: number
  byte: number
  length: number
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('replace', 'replace', 'insert', 'insert', 'remove', 'repeat', 'cut'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  byte: fc.oneof(fc.constantFrom(...TELLING_BYTES), fc.nat(255)),
  length: fc.integer({ min: 1, max: 12 })
})

/** Up to three mutations, as a function of bytes. */
export const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 }).map((list) => (bytes: Buffer): Buffer => list.reduce(mutate, bytes))

function mutate(bytes: Buffer, { kind, at, byte, length }: Mutation): Buffer {
  const i = Math.floor(at * bytes.length)
  const before = bytes.subarray(0, i)
  switch (kind) {
    case 'replace': return Buffer.concat([before, Buffer.of(byte), bytes.subarray(i + 1)])
    case 'insert': return Buffer.concat([before, Buffer.of(byte), bytes.subarray(i)])
    case 'remove': return Buffer.concat([before, bytes.subarray(i + length)])
    case 'repeat': return Buffer.concat([before, bytes.subarray(i, i + length), bytes.subarray(i)])
    case 'cut': return before
  }
}
