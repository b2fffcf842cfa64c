import t from 'tap'
import { EVENT_MAX_BYTES, REJECTION_CODES } from '../../schemas/index.ts'
import { Batch } from '../../src/backends/batch.ts'
import { ProblemError } from '../../src/errors.ts'
import { readBody, type BodyKind, type BodyOutcome } from '../../src/ingest/body-reader.ts'
import { JSON_MAX_DEPTH, JsonError } from '../../src/ingest/json.ts'
import { Scanner } from '../../src/ingest/scan.ts'
import { syntaxProblem } from '../../src/ingest/syntax-problem.ts'
import { checkTable } from '../table.ts'
import { CANONICAL, NOW } from './event-texts.ts'
import { eventsOf, finish } from './readings.ts'

const scanner = new Scanner()
const EVENT = JSON.stringify(CANONICAL)
const ODD = EVENT.replace(',', ' , ')
const BAD = EVENT.replace('click', 'x')
const MARK = '\ufeff'

const asBytes = (body: string | Buffer): Buffer => typeof body === 'string' ? Buffer.from(body) : Buffer.from(body)

/** What is read from a body, and which events. */
function read(body: string | Buffer, kind: BodyKind = 'json', batch = new Batch(), maxEvents = 100): BodyOutcome & { indices: number[] } {
  const bytes = asBytes(body)
  const reading = finish(readBody(bytes, kind, { scanner, batch, maxEvents, now: NOW }))
  return { ...reading, indices: eventsOf(batch).map(({ index }) => index) }
}

/** The code and the words of the problem that a body is. */
function problem(body: string | Buffer, kind: BodyKind = 'json', maxEvents = 100): [code: string, detail: string] {
  const batch = new Batch()
  try {
    read(body, kind, batch, maxEvents)
  } catch (error) {
    if (error instanceof ProblemError) return [error.code, error.message]
    throw error
  }
  throw new Error('it was read')
}

t.test('a body is one event or an array of them, whatever the white space', async (t) => {
  for (const [body, sent] of [
    [EVENT, 1], [` \r\n\t${EVENT}\n`, 1], [ODD, 1], [`[${EVENT}]`, 1], [`[${EVENT},${EVENT}]`, 2], [` [ ${EVENT} , ${ODD}\r\n, ${EVENT} ] \n`, 3], [MARK + EVENT, 1], [`${MARK} [${EVENT}]`, 1]
  ] as const) {
    t.match(read(body), { sent, errors: [], indices: Array.from({ length: sent }, (_, i) => i) }, JSON.stringify(body).slice(0, 40))
  }
})

t.test('one bad event never spoils its neighbours [ING-1]', async (t) => {
  for (const bad of [BAD, 'null', '1', '"x"', '[]', '{}', 'true', '{"__proto__":1}', '1e400', `"${'x'.repeat(EVENT_MAX_BYTES)}"`, `${'['.repeat(500)}${']'.repeat(500)}`]) {
    const reading = read(`[${EVENT},${bad},${ODD}]`)
    t.match(reading, { sent: 3, indices: [0, 2] }, bad.slice(0, 40))
    t.same(reading.errors.map(({ index }) => index), [1])
  }
  t.match(read('"x"'), { sent: 1, errors: [{ index: 0, code: 'invalid_event' }] }, 'alone it is just one bad event')
})

t.test('a body without events is refused', async (t) => {
  checkTable(t, ['', ' ', '\r\n\t \n', MARK, `${MARK} `, '[]', ' [ ] ', `${MARK}[\n]`].map((body) => [JSON.stringify(body), problem(body)[0], 'no_events']))
  checkTable(t, ['', '\n', ' \r\n\n\t\n', MARK, `${MARK}\n`].map((body) => [`${JSON.stringify(body)} as lines`, problem(body, 'ndjson')[0], 'no_events']))
})

t.test('of lines each is an event, and blank ones are none', async (t) => {
  const cases: [name: string, body: string, sent: number][] = [
    ['one', EVENT, 1], ['one with its end', `${EVENT}\n`, 1], ['several', `${EVENT}\n${ODD}\n${EVENT}`, 3], ['of Windows', `${EVENT}\r\n${ODD}\r\n`, 2], ['with a mark', `${MARK}${EVENT}\n${EVENT}`, 2],
    ['with blank ones', `\n\n${EVENT}\n \t\r\n\n${EVENT}\n\n`, 2], ['with white space around', `  ${EVENT}\t\r\n\t${EVENT}  `, 2]
  ]
  for (const [name, body, sent] of cases) t.match(read(body, 'ndjson'), { sent, errors: [], indices: Array.from({ length: sent }, (_, i) => i) }, name)
})

t.test('a bad line rejects that line only', async (t) => {
  const bad = [
    '{', '}', EVENT.slice(0, -1), `${EVENT}x`, `${EVENT},`, `${EVENT}${EVENT}`, `${EVENT} ${EVENT}`, `${ODD}]`, 'x', '[1,', '"', ',', '\ufeff{}', '\u0000', `${EVENT}\u0000`, '{"a":"\t"}'
  ]
  for (const line of bad) {
    const reading = read(`${EVENT}\n${line}\r\n\n${ODD}\n`, 'ndjson')
    t.match(reading, { sent: 3, indices: [0, 2], errors: [{ index: 1, code: 'invalid_json', pointer: '' }] }, JSON.stringify(line).slice(0, 40))
    t.equal(reading.errors.length, 1)
  }
  t.match(read(`${EVENT}\n[${EVENT}]\n${BAD}\n${EVENT}`, 'ndjson'), {
    sent: 4, indices: [0, 3], errors: [{ index: 1, code: 'invalid_event' }, { index: 2, code: 'invalid_event_type' }]
  }, 'a line that is JSON but no event')
  t.match(read(`${'['.repeat(100_000)}\n${'['.repeat(JSON_MAX_DEPTH)}${']'.repeat(JSON_MAX_DEPTH)}\n${EVENT}`, 'ndjson'), {
    sent: 3, indices: [2], errors: [{ index: 0, code: 'nesting_too_deep', detail: /1000/ }, { index: 1, code: 'invalid_event' }]
  }, 'a line that is nested too deeply to be read, and one that is not')
  t.match(read('x\ny', 'ndjson'), { sent: 2, indices: [], errors: [{ index: 0 }, { index: 1 }] }, 'all lines')
})

t.test('of a bad line the column that is wrong is named', async (t) => {
  const cases: [line: string, column: number][] = [
    ['x', 1], ['  x', 3], ['{"a":1 2}', 8], ['{"é":"😹" x}', 10], ['{', 2], ['{"a"', 5], ['\t{"a":\u0001}', 7], [`${EVENT} x`, EVENT.length + 2], [`  ${EVENT}x`, EVENT.length + 3]
  ]
  for (const [line, column] of cases) {
    for (const body of [line, `${EVENT}\n${line}\n`, `${MARK}${line}`, `\r\n\n${line}`]) {
      t.match(read(body, 'ndjson').errors.at(-1)?.detail, new RegExp(`column ${column} `), JSON.stringify(body).slice(0, 40))
    }
  }
})

t.test('of a body that is not JSON the line and column that are wrong are named', async (t) => {
  const cases: [body: string, line: number, column: number][] = [
    ['x', 1, 1], ['[x', 1, 2], ['{"a":tru}', 1, 9], ['[1 2]', 1, 4], ['[1,]', 1, 4], ['[,1]', 1, 2], ['[1}', 1, 3], [']', 1, 1], ['}', 1, 1], [',', 1, 1], ['\u0000', 1, 1],
    ['[1]x', 1, 4], ['[1][1]', 1, 4], ['[]]', 1, 3], ['[]\n\n x', 3, 2], ['{}{}', 1, 3], [`${EVENT},`, 1, EVENT.length + 1], ['1 2', 1, 3],
    ['\n\nx', 3, 1], ['[\n  1,\n  x\n]', 3, 3], ['[\r\n1,\r\nx]', 3, 1], ['{\n"a": 1,\n"b" 2}', 3, 5], ['["a\nb"]', 1, 4], ['[\n"é😹" x]', 2, 6], ['["😹😹", x]', 1, 8], ['["e\u0301", x]', 1, 8],
    ['{"a":"\\x"}', 1, 8], ['{"a":01}', 1, 7], ['{"a":\u00a01}', 1, 6], [`${MARK}x`, 1, 1], [`${MARK}${MARK}[]`, 1, 1], [`${MARK}\n[x`, 2, 2], ['{\'a\':1}', 1, 2]
  ]
  checkTable(t, cases.map(([body, line, column]) =>
    [JSON.stringify(body).slice(0, 40), problem(body), ['invalid_json', `unexpected character at line ${line}, column ${column}`]]))
  const wide = JSON.stringify({ ...CANONICAL, properties: { k: 'é😹' } }).replaceAll(',', ' ,\t')
  for (const [before, line] of [['[', 1], ['[\n', 2], [`[${wide},\n\n`, 3], [`[${JSON.stringify(CANONICAL, null, 2)},`, 6]] as const) {
    const column = [...`${before}${wide}`.split('\n').at(-1)!].length + 2
    t.same(problem(`${before}${wide} x]`), ['invalid_json', `unexpected character at line ${line}, column ${column}`], 'after an event with white space')
  }
  const cut: [body: string, line: number, column: number][] = [
    ['[', 1, 2], ['{', 1, 2], ['[1', 1, 3], ['[1,', 1, 4], ['[1, ', 1, 5], ['"abc', 1, 5], ['[\n1,\n', 3, 1], ['{"a":', 1, 6], ['tru', 1, 4], ['-', 1, 2], ['["\\u00', 1, 7], ['["é😹', 1, 5],
    [`[${EVENT}`, 1, EVENT.length + 2], [`[${EVENT},`, 1, EVENT.length + 3], [EVENT.slice(0, -1), 1, EVENT.length], [`[${EVENT},\n${EVENT.slice(0, 20)}`, 2, 21]
  ]
  checkTable(t, cut.map(([body, line, column]) =>
    [JSON.stringify(body).slice(0, 40), problem(body), ['invalid_json', `it ends too early at line ${line}, column ${column}`]]))
})

t.test('who sends NDJSON as JSON is told how it is sent', async (t) => {
  for (const body of [`${EVENT}\n${EVENT}`, `${MARK} ${EVENT}\r\n\n${ODD}\n`, '{}\n{}']) t.match(problem(body), ['invalid_json', /unexpected character at line [23], column 1; .*application\/x-ndjson$/])
  for (const body of [`${EVENT} ${EVENT}`, `[${EVENT}]\n${EVENT}`, `${EVENT}\n[]`, `${EVENT},\n${EVENT}`]) t.notMatch(problem(body)[1], /ndjson/)
})

t.test('an object whose only member is `events`, an array, is that array', async (t) => {
  for (const [body, sent] of [
    [`{"events":[${EVENT}]}`, 1], [`${MARK} { "events" : [ ${EVENT} , ${ODD} ] } `, 2], [`{"\\u0065vents":[${EVENT}]}`, 1], [`{"events":[${BAD},${EVENT}]}`, 2]
  ] as const) {
    const { sent: found, indices, errors } = read(body)
    t.equal(found, sent, body.slice(0, 20))
    t.equal(indices.length + errors.length, sent)
  }
  t.equal(problem('{"events":[]}')[0], 'no_events')
  t.equal(problem(`{"events":[${EVENT},${EVENT},${EVENT}]}`, 'json', 2)[0], 'too_many_events')
  for (const body of [`{"events":[${EVENT},${BAD}],"x":1}`, `{"x":1,"events":[${EVENT}]}`, `{"events":[${EVENT}],"events":[${EVENT}]}`, `{"events":${EVENT}}`, '{"events":1}', '{"event":[]}']) {
    t.match(read(body), { sent: 1, indices: [], errors: [{ index: 0 }] }, `${body.slice(0, 12)} is one event, and rejected`)
  }
  t.match(read(`{"events":[${EVENT}]}\n${EVENT}`, 'ndjson'), { sent: 2, indices: [1] }, 'and a line is always one event')
  t.match(problem(`{"events":[${EVENT}],}`), ['invalid_json', /column/])
  t.match(problem(`{"events":[${EVENT},`), ['invalid_json', /too early/])
})

t.test('to count the columns of a long line, nothing is made of it', async (t) => {
  const body = Buffer.from(`["${'é'.repeat(2_000_000)}" x]`)
  const before = process.memoryUsage().heapUsed
  t.match(problem(body), ['invalid_json', /column 2000005$/])
  t.ok(process.memoryUsage().heapUsed - before < body.length)
  t.equal(finish(syntaxProblem(Buffer.from('x'), new JsonError(0))).message, 'unexpected character at line 1, column 1')
})

t.test('a body that is nested too deeply is refused, and such a line rejected', async (t) => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  const deepEvent = (levels: number): string => `${EVENT.slice(0, -1)},"properties":${'{"k":'.repeat(levels - 1)}0${'}'.repeat(levels - 1)}}`
  t.match(read(deep(JSON_MAX_DEPTH)), { sent: 1, errors: [{ code: 'invalid_event' }] }, 'as deep as is read, in an array')
  t.same(problem(deep(JSON_MAX_DEPTH + 1)), ['nesting_too_deep', 'the body is nested more than 1000 levels deep'], 'one level more')
  t.match(read(deepEvent(JSON_MAX_DEPTH)), { sent: 1, errors: [{ code: 'nesting_too_deep', pointer: /^\/properties/ }] }, 'as deep as is read, in an object alone')
  t.equal(problem(deepEvent(JSON_MAX_DEPTH + 1))[0], 'nesting_too_deep', 'one level more')
  t.match(read(deepEvent(JSON_MAX_DEPTH), 'ndjson'), { errors: [{ code: 'nesting_too_deep', pointer: /^\/properties/ }] }, 'as deep as is read, on a line')
  t.match(read(deepEvent(JSON_MAX_DEPTH + 1), 'ndjson'), { errors: [{ code: 'nesting_too_deep', pointer: '' }] }, 'one level more')
  const tooDeep = ['['.repeat(100_000), deep(100_000), '{"a":'.repeat(100_000), `[${EVENT},${'{"a":'.repeat(100_000)}0${'}'.repeat(100_000)}]`]
  checkTable(t, tooDeep.map((body) => [body.slice(0, 10), problem(body)[0], 'nesting_too_deep']))
})

t.test('a body that is not UTF-8 is refused', async (t) => {
  for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0xaf], [0xe2, 0x82]]) {
    for (const kind of ['json', 'ndjson'] as const) {
      const body = Buffer.concat([Buffer.from(`${EVENT}\n{"a":"`), Buffer.from(bytes), Buffer.from('"}')])
      t.equal(problem(body, kind)[0], 'invalid_utf8', `${Buffer.from(bytes).toString('hex')} as ${kind}`)
    }
  }
  t.equal(problem(Buffer.from(EVENT, 'utf16le'))[0], 'invalid_json', 'UTF-16 is UTF-8 with NULs')
})

t.test('a body with too many events is refused, and bad ones count', async (t) => {
  const body = `[${EVENT},${BAD},${EVENT}]`
  t.equal(read(body, 'json', new Batch(), 3).sent, 3, 'as many as are allowed')
  t.same(problem(body, 'json', 2), ['too_many_events', 'at most 2 events can be sent at once'], 'one more; bad ones count')
  const lines = `${EVENT}\nx\n\n${EVENT}\n\n`
  t.equal(read(lines, 'ndjson', new Batch(), 3).sent, 3, 'as many lines; blank ones do not count')
  t.equal(problem(lines, 'ndjson', 2)[0], 'too_many_events', 'one more')
  t.equal(problem(`[${'0,'.repeat(1_000_000)}0]`, 'json', 10)[0], 'too_many_events', 'far more')
})

t.test('a batch can be used again after any problem', async (t) => {
  const batch = new Batch()
  for (const body of [`[${EVENT},${EVENT},`, `[${EVENT},${ODD}] x`, `[${EVENT}${'['.repeat(2000)}`, `[${EVENT},${EVENT},${EVENT},${EVENT}]`]) {
    t.throws(() => read(body, 'json', batch, 3), ProblemError)
    batch.clear()
    t.match(read(`[${BAD},${ODD},${EVENT}]`, 'json', batch), { sent: 3, indices: [1, 2] })
    t.same(new Set(eventsOf(batch).map(({ text }) => text)), new Set([EVENT]))
    batch.clear()
  }
})

t.test('events of the fast path lie in the batch one byte apart, over the ends of chunks, and the body stays as it is', async (t) => {
  const batch = new Batch()
  const many = 3000
  const body = Buffer.from(`[${Array.from({ length: many }, (_, i) => i % 2 === 0 ? EVENT : ODD).join(' , ')}]`)
  const before = Buffer.from(body)
  finish(readBody(body, 'json', { scanner, batch, maxEvents: many, now: NOW }))
  t.same(new Set(eventsOf(batch).map(({ text }) => text)), new Set([EVENT]))
  t.ok(Array.from({ length: many - 1 }, (_, i) => batch.start[i + 1] - batch.end[i]).every((gap) => gap === 1))
  t.ok(body.equals(before), 'and the body is as it was')
})

t.test('each code of a rejected event can happen, and its error says where', async (t) => {
  const made: Record<(typeof REJECTION_CODES)[number], string> = {
    invalid_json: '{',
    invalid_event: '[]',
    missing_field: '{}',
    unknown_field: EVENT.replace('{', '{"x":1,'),
    invalid_event_id: EVENT.replace(CANONICAL.event_id, 'x'),
    invalid_user_id: EVENT.replace(CANONICAL.user_id, ''),
    invalid_event_type: BAD,
    invalid_timestamp: EVENT.replace(CANONICAL.timestamp, 'now'),
    timestamp_in_future: EVENT.replace('2026', '2027'),
    invalid_properties: EVENT.replace('}', ',"properties":null}'),
    number_not_finite: EVENT.replace('}', ',"properties":{"a":1e400}}'),
    forbidden_key: EVENT.replace('}', ',"properties":{"__proto__":{}}}'),
    nesting_too_deep: EVENT.replace('}', `,"properties":{"a":${'['.repeat(16)}${']'.repeat(16)}}}`),
    event_too_large: EVENT.replace('}', `,"properties":{"a":"${'x'.repeat(EVENT_MAX_BYTES)}"}}`)
  }
  const { errors, indices } = read(Object.values(made).join('\n'), 'ndjson')
  t.same(errors.map(({ code }) => code), REJECTION_CODES)
  t.same(errors.map(({ code }) => code), Object.keys(made))
  t.same(errors.map(({ index }) => index), REJECTION_CODES.map((_, i) => i))
  t.same(indices, [])
  for (const { code, pointer, detail } of errors) {
    t.match(pointer, /^(\/|$)/, code)
    t.match(detail, /^[a-z_]/, code)
  }
})
