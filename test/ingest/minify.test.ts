import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { parseJson } from '../../src/ingest/json-value.ts'
import { minifyEvent } from '../../src/ingest/minify.ts'
import { canonical, nested, render, scalar, spacing, tree, valueOf, type Tree } from './json-trees.ts'

const ID = '0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7b'
const TIME = '2026-11-23T14:05:09.120Z'

/** What becomes of the properties of an event. */
function properties(text: string): string {
  const kept = minifyEvent(`{"event_id":"${ID.toUpperCase()}","timestamp":"2026-11-23T15:05:09.12+01:00","properties":${text}}`, ID, TIME)
  const before = `{"event_id":"${ID}","timestamp":"${TIME}","properties":`
  assert.ok(kept.startsWith(before) && kept.endsWith('}'), kept)
  return kept.slice(before.length, -1)
}

t.test('letter for letter', async (t) => {
  const cases: [name: string, text: string, kept: string][] = [
    ['white space between tokens', ' { "a" :\t1 ,\r\n"b" : [ 1 , 2 ] , "c":{ } , "d":[ ]\n} ', '{"a":1,"b":[1,2],"c":{},"d":[]}'],
    ['white space in strings and keys', '{"a b":" c \\n , : "}', '{"a b":" c \\n , : "}'],
    ['keys that look like numbers', '{"b":1,"10":2,"2":3,"a":4,"-1":5,"1":6}', '{"b":1,"10":2,"2":3,"a":4,"-1":5,"1":6}'],
    ['a repeated key: last value, first place', '{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'],
    ['repeated thrice', '{"b":1,"a":1,"b":2,"c":3,"b":{"x":1}}', '{"b":{"x":1},"a":1,"c":3}'],
    ['repeated in another spelling', '{"\\u0061":1,"b":2,"a":3}', '{"a":3,"b":2}'],
    ['repeated, inside', '{"o":{"a":[1],"a":[2]},"l":[{"a":1,"a":2}]}', '{"o":{"a":[2]},"l":[{"a":2}]}'],
    ['repeated, number-like', '{"1":"x","0":"y","1":"z"}', '{"1":"z","0":"y"}'],
    ['the empty key', '{"":1,"a":2,"":3}', '{"":3,"a":2}'],
    ['keys of Object.prototype', '{"constructor":1,"toString":2,"hasOwnProperty":{"valueOf":[]}}', '{"constructor":1,"toString":2,"hasOwnProperty":{"valueOf":[]}}'],
    ['long whole numbers', '{"a":12345678901234567890123456789,"b":9007199254740993}', '{"a":12345678901234567890123456789,"b":9007199254740993}'],
    ['long fractions', '{"a":0.10000000000000000000000001,"b":1.10}', '{"a":0.10000000000000000000000001,"b":1.10}'],
    ['exponents and zeros', '[1e5,1E+05,-0,0.0,-1.50e-3]', '[1e5,1E+05,-0,0.0,-1.50e-3]'],
    ['words', '[true,false,null]', '[true,false,null]'],
    ['escapes', '{"a":"\\u00e9\\/\\"\\\\\\n\\ud83d\\ude39\\ud800"}', '{"a":"\\u00e9\\/\\"\\\\\\n\\ud83d\\ude39\\ud800"}'],
    ['a string that ends with a backslash', '["\\\\","\\\\\\""]', '["\\\\","\\\\\\""]'],
    ['needless escapes in keys', '{"\\u0061b":1,"\\/":2,"\\u00e9":3,"\\uD83D\\ude39":4}', '{"ab":1,"/":2,"é":3,"😹":4}'],
    ['needed escapes in keys', '{"\\"":2,"\\\\":3,"\\u000a":4,"\\u0000":5,"\\uD800":6}', '{"\\"":2,"\\\\":3,"\\n":4,"\\u0000":5,"\\ud800":6}'],
    ['brackets in strings', '{"}":"]","{":"[,"}', '{"}":"]","{":"[,"}'],
    ['letters beyond ASCII', '{"é":"😹","π":["\u2028"]}', '{"é":"😹","π":["\u2028"]}'],
    ['nothing in an object', '{  }', '{}'],
    ['nothing in an array', '{"a":[ \n ]}', '{"a":[]}'],
    ['nothing at all', 'null', 'null']
  ]
  for (const [name, text, kept] of cases) t.equal(properties(text), kept, name)
})

t.test('the id and the timestamp', async (t) => {
  t.equal(minifyEvent('{"timestamp":"x","a":1,"event_id":"y"}', ID, TIME), `{"timestamp":"${TIME}","a":1,"event_id":"${ID}"}`, 'stay where the sender put them')
  t.equal(minifyEvent('{"event_id":"x","a":1,"event_id":"y","timestamp":"z"}', ID, TIME), `{"event_id":"${ID}","a":1,"timestamp":"${TIME}"}`, 'are there once')
  t.equal(minifyEvent('{"\\u0065vent_id":"x","time\\u0073tamp":"z"}', ID, TIME), `{"event_id":"${ID}","timestamp":"${TIME}"}`, 'are found in any spelling')
  t.equal(
    minifyEvent('{"event_id":"x","timestamp":"z","properties":{"event_id":"mine","timestamp":"too"}}', ID, TIME),
    `{"event_id":"${ID}","timestamp":"${TIME}","properties":{"event_id":"mine","timestamp":"too"}}`, 'are those of the event only'
  )
})

t.test('any event', async (t) => {
  const spelled = fc.constantFrom(['"event_id"', '"timestamp"'], ['"event\\u005fid"', '"\\u0074imestamp"'])
  let repeated = 0
  fc.assert(fc.property(tree, tree, spelled, spacing, (value, more, [eventId, timestamp], spaces) => {
    const members: [string, Tree][] = [
      [eventId, scalar('"x"')], ['"properties"', value], ...(more.kind === 'object' ? more.members : []), [timestamp, scalar('"y"')]
    ]
    const event: Tree = { kind: 'object', members }
    const text = render(event, spaces)
    const kept = minifyEvent(text, ID, TIME)
    // Against a second reckoning from the tree,
    const expected: Tree = {
      kind: 'object',
      members: members.map(([key, member]) => key === eventId ? ['"event_id"', scalar(`"${ID}"`)] : key === timestamp ? ['"timestamp"', scalar(`"${TIME}"`)] : [key, member])
    }
    assert.equal(kept, canonical(expected))
    // against what the text means,
    assert.deepStrictEqual(parseJson(kept), { ...valueOf(event) as object, event_id: ID, timestamp: TIME })
    if (!kept.includes('\\')) assert.deepStrictEqual(JSON.parse(kept), parseJson(kept))
    // and against itself.
    assert.equal(minifyEvent(kept, ID, TIME), kept)
    if (kept.length < text.length) repeated++
  }), { numRuns: 1500 })
  t.ok(repeated > 300, `${repeated} of them became shorter`)
})

t.test('as deep as the reader goes', async (t) => {
  const deep = render(nested(998, scalar('1')))
  t.equal(properties(deep), deep)
})
