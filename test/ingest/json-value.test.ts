import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import t from 'tap'
import fc from 'fast-check'
import { parseJson } from '../../src/ingest/json-value.ts'
import { CORPUS } from './json-corpus.ts'
import { nested, render, scalar, spacing, tree, valueOf } from './json-trees.ts'

/** The key that comes of `spelled` after a text that is laid out the same but has `earlier` for a key. */
function keyAfter(earlier: string, spelled: string, parse: (text: string) => unknown): string[] {
  JSON.parse(`{"h":[],${JSON.stringify(earlier)}:0}`)
  parse(`{"h":[],${JSON.stringify(earlier)}:0}`)
  return Object.keys(parse(`{"h":1,"${spelled}":{}}`) as object)
}

t.test('no earlier text changes what a key means', async (t) => {
  const keys = ['\\u005f_proto__', '_\\u005fproto__', 'am\\u006funt', '\\u0070age', '\\"', '\\n', 'a\\/b', '\\u00e9', '\\ud83d\\ude39', 'user\\u005fid', '\\\\', '\\\\\\"']
  let mistaken = 0
  for (const spelled of keys) {
    const meant = JSON.parse(`"${spelled}"`) as string
    // The text that the engine takes for the key: as long as it, and the beginning of its spelling.
    const earlier = spelled.slice(0, meant.length)
    t.same(keyAfter(earlier, spelled, parseJson), ['h', meant], spelled)
    if (keyAfter(earlier, spelled, JSON.parse)[1] !== meant) mistaken++
  }
  t.comment(`${mistaken} of ${keys.length} keys are mistaken by this engine's JSON.parse`)
})

t.test('any text', async (t) => {
  let escaped = 0
  fc.assert(fc.property(tree, spacing, (value, spaces) => {
    const text = render(value, spaces)
    assert.deepStrictEqual(parseJson(text), valueOf(value), text)
    // The same keys in the same order, those that look like numbers first, as in everything that JavaScript parses.
    assert.equal(JSON.stringify(parseJson(text)), JSON.stringify(valueOf(value)))
    if (text.includes('\\')) escaped++
  }), { numRuns: 1500 })
  t.ok(escaped > 300, `${escaped} of them with escapes`)
})

t.test('the corpus', async (t) => {
  for (const { name, bytes, valid } of CORPUS) {
    if (!valid || !isUtf8(bytes)) continue
    const text = bytes.toString()
    t.strictSame(parseJson(text), JSON.parse(text), name)
    // With an escaped key in front it goes the other way.
    t.strictSame(parseJson(`{ "\\u006bey" : 1 , "corpus" : ${text} }`), { key: 1, corpus: JSON.parse(text) }, `${name}, beside an escaped key`)
  }
})

t.test('keys of prototypes are keys', async (t) => {
  for (const text of ['{"__proto__":{"a":1}}', '{"\\u005f_proto__":{"a":1}}', '{"x":{"\\u005f_proto__":1}}']) {
    const value = parseJson(text) as Record<string, unknown>
    t.equal(Object.getPrototypeOf(value), Object.prototype, text)
    t.equal((value as { a?: number }).a, undefined, text)
    t.equal(JSON.stringify(value), text.replace('\\u005f', '_'), text)
  }
})

t.test('as deep as the reader goes, and in time', async (t) => {
  const deep = render(nested(999, scalar('1')))
  t.equal(JSON.stringify(parseJson(`{"\\u0061":${deep}}`)), `{"a":${deep}}`)
  // Texts with many backslashes, quotes and spaces, so long that one that read them over and over would not come to an end.
  const texts = ['\\n'.repeat(500_000), '\\"'.repeat(500_000), '\\\\'.repeat(500_000), `\\"${' '.repeat(1_000_000)}`, ('\\"' + ' '.repeat(100)).repeat(10_000)]
  for (const text of texts) t.ok(parseJson(`["${text}"]`) as string[] + '' === JSON.parse(`"${text}"`))
})
