import t from 'tap'
import { Event, EVENT_MAX_BYTES, type EventError } from '../../schemas/index.ts'
import { Batch } from '../../src/backends/batch.ts'
import { addSlowly, FUTURE_TOLERANCE } from '../../src/ingest/slow-path.ts'
import { eventsOf } from './readings.ts'
import { CANONICAL, NOW } from './event-texts.ts'

const ID = CANONICAL.event_id

/** Adds one event, which lies in the middle of some body. */
function add(text: string, batch = new Batch(), index = 0): EventError | undefined {
  const bytes = Buffer.from(`[1,${text},2]`)
  return addSlowly(batch, bytes, 3, bytes.length - 3, index, NOW)
}

/** The same for a valid event in which some fields are others. */
function addWith(fields: object, batch?: Batch): EventError | undefined {
  return add(JSON.stringify({ ...CANONICAL, ...fields }), batch)
}

t.test('a valid event', async (t) => {
  const batch = new Batch()
  const text = ` { "user_id" : "\\u0061d\\u00e9" , "event_id" : "${ID.toUpperCase()}",\n"properties": { "10" : 1.10 , "2":[ ] }, "event_type":"cli\\u0063k","timestamp":"2026-11-23t15:05:09.1209+01:00" } `
  t.equal(add(text, batch, 7), undefined)
  t.same(eventsOf(batch), [{
    id: ID,
    type: 'click',
    time: Date.UTC(2026, 10, 23, 14, 5, 9, 120),
    user: 'adé',
    index: 7,
    text: `{"user_id":"\\u0061d\\u00e9","event_id":"${ID}","properties":{"10":1.10,"2":[]},"event_type":"cli\\u0063k","timestamp":"2026-11-23T14:05:09.120Z"}`
  }])
})

t.test('users named like what every object has', async (t) => {
  const batch = new Batch()
  for (const user_id of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    t.equal(addWith({ user_id }, batch), undefined, user_id)
    t.equal(eventsOf(batch).at(-1)?.user, user_id)
  }
})

t.test('a batch grows with its events', async (t) => {
  const batch = new Batch(1)
  const bytes = Buffer.from(JSON.stringify(CANONICAL))
  for (let i = 0; i < 100; i++) addSlowly(batch, bytes, 0, bytes.length, i, NOW)
  t.equal(batch.count, 100)
  t.same(eventsOf(batch).map(({ index }) => index), Array.from({ length: 100 }, (_, i) => i))
  t.same(new Set(eventsOf(batch).map(({ text }) => text)), new Set([JSON.stringify(CANONICAL)]))
})

t.test('size', async (t) => {
  const frame = JSON.stringify({ ...CANONICAL, properties: { x: '' } })
  const filled = (letters: string): string => frame.replace('"x":""', () => `"x":"${letters}"`)
  const room = EVENT_MAX_BYTES - frame.length
  t.equal(EVENT_MAX_BYTES, 32 * 1024)
  t.equal(add(filled('x'.repeat(room))), undefined, 'the largest')
  t.match(add(filled('x'.repeat(room + 1))), { index: 0, code: 'event_too_large', pointer: '', detail: new RegExp(`${EVENT_MAX_BYTES} .*${EVENT_MAX_BYTES + 1}`) }, 'one byte more')
  t.equal(add(filled('é'.repeat(Math.floor(room / 2)))), undefined, 'bytes are counted,')
  t.match(add(filled('é'.repeat(Math.floor(room / 2) + 1))), { code: 'event_too_large' }, 'not letters')
  t.match(add(frame.replace('{', `{${' '.repeat(room + 1)}`)), { code: 'event_too_large' }, 'as they were sent, white space included')
  t.match(add(`"${'x'.repeat(EVENT_MAX_BYTES)}"`), { code: 'event_too_large' }, 'whatever it is')
})

t.test('the future', async (t) => {
  const at = (time: number): EventError | undefined => addWith({ timestamp: new Date(time).toISOString() })
  t.equal(FUTURE_TOLERANCE, 300_000)
  t.equal(at(NOW), undefined, 'now')
  t.equal(at(NOW + FUTURE_TOLERANCE), undefined, 'five minutes ahead')
  t.match(at(NOW + FUTURE_TOLERANCE + 1), { code: 'timestamp_in_future', pointer: '/timestamp', event_id: ID, detail: new RegExp(new Date(NOW).toISOString()) }, 'and a millisecond [TIME-1]')
  t.match(at(Date.UTC(9999, 0, 1)), { code: 'timestamp_in_future' }, 'far ahead')
  t.match(addWith({ timestamp: '9999-12-31T23:59:59.999-23:59' }), { code: 'timestamp_in_future' }, 'in the year 10000')
  t.equal(addWith({ timestamp: `${new Date(NOW + FUTURE_TOLERANCE).toISOString().slice(0, -1)}999Z` }), undefined, 'what is beyond the millisecond is cut')
  t.equal(at(0), undefined, '1970')
})

t.test('a rejected event leaves no trace but its error', async (t) => {
  const batch = new Batch()
  addWith({}, batch)
  for (const fields of [{ user_id: '' }, { event_type: 'x' }, { timestamp: '2099-01-01T00:00:00Z' }, { properties: { amount: -1 } }]) {
    t.match(addWith(fields, batch), { event_id: ID }, JSON.stringify(fields))
    t.equal(batch.count, 1)
  }
})

t.test('the id is told where it is one, in lower case', async (t) => {
  t.match(addWith({ event_id: ID.toUpperCase(), event_type: 'x' }), { event_id: ID, code: 'invalid_event_type' })
  for (const event_id of ['', 'x', 1, null, '00000000-0000-0000-0000-000000000000', { toLowerCase: 1 }]) {
    const error = addWith({ event_id, event_type: 'x' })
    t.notOk(Object.hasOwn(error!, 'event_id'), JSON.stringify(event_id))
  }
  for (const text of ['null', '[]', '"x"', '1', `["${ID}"]`, '{}', `{"__proto__":{"event_id":"${ID}"}}`]) {
    t.notOk(Object.hasOwn(add(text)!, 'event_id'), text)
  }
  t.match(add('null', new Batch(), 3), { index: 3, code: 'invalid_event', pointer: '' })
})

t.test('no message repeats what the sender wrote', async (t) => {
  const mark = '<mark>'
  for (const field of Object.keys(Event.properties)) t.notMatch(addWith({ [field]: mark })?.detail, mark, field)
  t.notMatch(addWith({ [mark]: 1 })?.detail, mark, 'an unknown field')
  t.notMatch(addWith({ properties: { page: { [mark]: 1 } } })?.detail, mark, 'in properties')
})
