import t from 'tap'
import fc from 'fast-check'
import { FrameError, readClientFrame } from '../../src/live/client-frame.ts'
import { finish } from '../ingest/readings.ts'

const EVENT = '{"event_id":"x","user_id":"u"}'

function read(text: string) {
  const request = finish(readClientFrame(Buffer.from(text)))
  return request.type === 'publish' ? { ...request, body: request.body.toString() } : request
}

function refusal(text: string): FrameError {
  try {
    finish(readClientFrame(Buffer.from(text)))
  } catch (error) {
    if (error instanceof FrameError) return error
    throw error
  }
  throw new Error(`${text} was taken`)
}

t.test('events to publish keep their very bytes', async (t) => {
  const events = '[ {"a":1e400, "1":0,"0":1, "a":"\\u00e9"} , 1.50 ]'
  t.match(read(`{"type":"publish","id":"7","events":${events}}`), { type: 'publish', id: '7', body: events })
  t.match(read(` {"events" : ${events} ,\n"type":"publish"} `), { body: events, id: undefined })
  t.match(read(`{"\\u0074ype":"pub\\u006cish","event\\u0073":${events}}`), { body: events }, 'names with escapes')
  t.match(read(`{"type":"publish","events":[1],"events":${events}}`), { body: events }, 'of a repeated field the last')
  t.match(read(`{"type":"watch","type":"publish","events":${events}}`), { body: events })
  for (const id of [0, -7, 9007199254740991]) t.match(read(`{"type":"ping","id":${id}}`), { type: 'ping', id })
  for (const text of [events, EVENT, '{"type":"ping"}']) t.same(read(`\ufeff${text}`).type, read(text).type, 'after a byte order mark')
  t.match(read(`  ${events}`), { type: 'publish', body: `  ${events}`, id: undefined }, 'a bare array')
  t.match(read(EVENT), { type: 'publish', body: EVENT, id: undefined }, 'a bare event')
  t.match(read('{"nope":1,"properties":{"type":"publish"}}'), { type: 'publish' }, 'whatever has a field of an event is one')
  t.match(read('[not json'), { type: 'publish' }, 'arrays are judged where bodies are')
})

t.test('requests', async (t) => {
  t.same(read('{"type":"subscribe"}'), { type: 'subscribe' })
  t.same(read('{"type":"subscribe","id":"a","event_types":["click"],"user_ids":["ada"],"after":"earliest"}'),
    { type: 'subscribe', id: 'a', event_types: ['click'], user_ids: ['ada'], after: 'earliest' })
  t.same(read('{"type":"unsubscribe"}'), { type: 'unsubscribe' })
  t.same(read('{"type":"watch","time_window":"24h"}'), { type: 'watch', time_window: '24h' })
  t.same(read('{"type":"unwatch","id":"","time_window":"1h"}'), { type: 'unwatch', id: '', time_window: '1h' })
  t.match(read(`{"type":"unsubscribe","id":${JSON.stringify('😀'.repeat(128))}}`), { id: '😀'.repeat(128) }, 'an id is counted in code points')
})

t.test('what is refused, and why', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['', 'invalid_json', /ends too early/],
    ['{"type":"publish",\n"events":[1,]}', 'invalid_json', /line 2, column 13/],
    ['{"type":"watch"} x', 'invalid_json', /column 18/],
    ['nope', 'invalid_json', /column 2/],
    ['{"a":' + '['.repeat(100_000), 'nesting_too_deep', /levels/],
    ['[]x'.slice(2), 'invalid_json', /column 1/],
    ['"publish"', 'invalid_frame', /JSON object/],
    ['5', 'invalid_frame', /JSON object/],
    ['null', 'invalid_frame', /JSON object/],
    ['{}', 'invalid_frame', /`type`/],
    ['{"foo":1}', 'invalid_frame', /`type`/],
    ['{"type":"nope","id":"1"}', 'unknown_type', /publish, subscribe, unsubscribe, watch, unwatch/],
    ['{"type":"page_view","event_id":"1"}', 'unknown_type', /must be one of/],
    ['{"type":7}', 'unknown_type', /must be one of/],
    ['{"type":"__proto__"}', 'unknown_type', /must be one of/],
    ['{"type":"publish","id":"1"}', 'invalid_frame', /`events`/],
    ['{"type":"publish","id":"1","events":{}}', 'invalid_frame', /`events`/],
    ['{"type":"publish","id":"1","events":[],"validate_only":true}', 'invalid_frame', /only/],
    [`{"type":"publish","id":"1","events":[],"${'x'.repeat(100)}":1}`, 'invalid_frame', /only/],
    ...['true', '1.5', '9007199254740992', '{}'].map((id): [string, string, RegExp] => [`{"type":"publish","id":${id},"events":[]}`, 'invalid_frame', /`id`/]),
    ['{"id":"1"}', 'invalid_frame', /`type`/],
    ['{"id":"1","type":"subscribe",}', 'invalid_json', /column 30/],
    [`{"type":"publish","id":"${'x'.repeat(129)}","events":[]}`, 'invalid_frame', /`id`/],
    [`{"type":"publish","id":"${'x'.repeat(100_000)}","events":[]}`, 'invalid_frame', /`id`/],
    ['{"type":"subscribe","id":"1","nope":1}', 'invalid_frame', /additional/],
    ['{"type":"subscribe","id":"1","__proto__":{}}', 'invalid_frame', /additional/],
    ['{"type":"subscribe","id":"1","event_types":["x"]}', 'invalid_frame', /event_types\.0.* page_view, click/],
    ['{"type":"subscribe","id":"1","event_types":"click"}', 'invalid_frame', /array/],
    ['{"type":"subscribe","id":"1","user_ids":["\\ud800"]}', 'invalid_frame', /user_ids/],
    ['{"type":"subscribe","id":"1","user_ids":[""]}', 'invalid_frame', /user_ids/],
    [`{"type":"subscribe","id":"1","user_ids":${JSON.stringify(Array.from({ length: 101 }, (_, i) => `u${i}`))}}`, 'invalid_frame', /100 items/],
    ['{"type":"subscribe","id":"1","after":""}', 'invalid_frame', /after/],
    [`{"type":"subscribe","id":"1","after":"${'x'.repeat(513)}"}`, 'invalid_frame', /after/],
    ['{"type":"watch","id":"1"}', 'invalid_frame', /time_window/],
    ['{"type":"watch","id":"1","time_window":"2h"}', 'invalid_frame', /1h, 24h, 7d/]
  ]
  for (const [text, code, detail] of cases) {
    const error = refusal(text)
    const name = text.slice(0, 60)
    t.equal(error.code, code, name)
    t.match(error.message, detail, name)
    t.equal(error.id, text.includes('"id":"1"') ? '1' : undefined, `${name}: its id`)
    t.ok(error.isBadFrame, name)
  }
})

t.test('property: the events found are those that JSON.parse sees', async () => {
  const member = fc.oneof(
    fc.tuple(fc.constant('events'), fc.array(fc.jsonValue())),
    fc.tuple(fc.constant('id'), fc.string({ maxLength: 20 })),
    fc.tuple(fc.constant('type'), fc.constant('publish'))
  )
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
  fc.assert(fc.property(fc.array(member), fc.array(fc.jsonValue()), space, (members, events, gap) => {
    const all: [string, unknown][] = [['events', events], ['type', 'publish'], ...members]
    const text = `${gap}{${gap}${all.map(([key, value]) => `${JSON.stringify(key)}${gap}:${gap}${JSON.stringify(value)}`).join(`${gap},`)}${gap}}${gap}`
    const request = finish(readClientFrame(Buffer.from(text)))
    const expected = JSON.parse(text) as { id?: string, events: unknown[] }
    return request.type === 'publish' && request.id === expected.id && JSON.stringify(JSON.parse(request.body.toString())) === JSON.stringify(expected.events)
  }))
})
