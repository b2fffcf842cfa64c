import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { LONGEST_TOKEN, Token } from '../../src/ingest/token.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '"', ':', '_'), minLength: 4, maxLength: LONGEST_TOKEN })

/** Whether a token is found in bytes that end with what is found. */
function isFound(token: Token, before: string, found: string): boolean {
  const bytes = new Uint8Array(Buffer.from(before + found))
  return token.isAt(new DataView(bytes.buffer), before.length, bytes.length)
}

t.test('a text is found where it stands, whatever is around it', async (t) => {
  fc.assert(fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 }), fc.string({ unit: fc.constantFrom('a', '"', ':'), maxLength: 16 }), (text, before, behind) => {
    const token = new Token(text)
    assert.equal(token.length, text.length)
    assert.ok(isFound(token, before, text + behind))
  }), { numRuns: 500 })
  t.pass('for every length')
})

t.test('nothing else is found', async (t) => {
  fc.assert(fc.property(text, text, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 }), (text, other, before) => {
    assert.equal(isFound(new Token(text), before, other), other.startsWith(text))
  }), { numRuns: 1000 })
  // Each byte of a text matters.
  for (const text of ['"ab"', '"page":', '"__proto__":', '"event_type":', 'exactly 16 bytes']) {
    for (let i = 0; i < text.length; i++) {
      for (const byte of ['\u0000', ' ', 'z', String.fromCharCode(text.charCodeAt(i) ^ 0x20), String.fromCharCode(text.charCodeAt(i) ^ 1)]) {
        if (byte !== text[i] && isFound(new Token(text), 'x', text.slice(0, i) + byte + text.slice(i + 1))) t.fail(`${text} with another byte at ${i}`)
      }
    }
    t.ok(isFound(new Token(text), 'x', text), text)
  }
})
