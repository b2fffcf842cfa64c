/** What came of a body, in a form that two readings can be compared in; and a reader of another make, without the fast path. */
import { isUtf8 } from 'node:buffer'
import { stringify as stringifyUuid } from 'uuid'
import { EVENT_TYPES, type EventError, type EventType } from '../../schemas/index.ts'
import { Batch } from '../../src/backends/batch.ts'
import { ProblemError, type ProblemCode } from '../../src/errors.ts'
import { readBody, type BodyKind } from '../../src/ingest/body-reader.ts'
import { JsonError, skipValue, skipWhitespace } from '../../src/ingest/json.ts'
import { Scanner } from '../../src/ingest/scan.ts'
import { addSlowly } from '../../src/ingest/slow-path.ts'

/** One event of a batch. */
export interface ReadEvent {
  id: string
  type: EventType
  time: number
  user: string
  index: number
  /** Its canonical JSON. */
  text: string
}

/** What came of a body. */
export interface Outcome {
  problem?: ProblemCode
  sent?: number
  errors?: EventError[]
  events?: ReadEvent[]
}

/** Counts the events that it reads. */
class CountingScanner extends Scanner {
  count = 0

  override read(...given: Parameters<Scanner['read']>): number {
    const count = super.read(...given)
    this.count += count
    return count
  }
}

const scanner = new CountingScanner()

/** Does work to its end in one go. */
export function finish<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}

/** The events of a batch. */
export function eventsOf(batch: Batch): ReadEvent[] {
  return Array.from({ length: batch.count }, (_, i) => {
    const words = new DataView(new ArrayBuffer(16))
    for (let word = 0; word < 4; word++) words.setUint32(word * 4, batch.ids[i * 4 + word])
    return {
      id: stringifyUuid(new Uint8Array(words.buffer)),
      type: EVENT_TYPES[batch.types[i]],
      time: batch.times[i],
      user: batch.bytes.toString('utf8', batch.userStart[i], batch.userEnd[i]),
      index: batch.index[i],
      text: batch.bytes.toString('utf8', batch.start[i], batch.end[i])
    }
  })
}

/** Reads a body as the service does, with the fast path or without. `fast` is how many of its events took it. */
export function readAsUsual(body: Buffer, kind: BodyKind, now: number, fastPath = true): Outcome & { fast: number } {
  const batch = new Batch()
  const copy = Buffer.from(body)
  scanner.count = 0
  try {
    const { sent, errors } = finish(readBody(copy, kind, { scanner: fastPath ? scanner : undefined, batch, maxEvents: Infinity, now }))
    if (!copy.equals(body)) throw new Error('the body was altered')
    return { sent, errors: errors.map(withoutPlace), events: eventsOf(batch), fast: scanner.count }
  } catch (error) {
    if (error instanceof ProblemError) return { problem: error.code, fast: 0 }
    throw error
  }
}

/** Reads a body, as this test understands it, with every event going the slow path. */
export function readSlowly(body: Buffer, kind: BodyKind, now: number): Outcome {
  if (!isUtf8(body)) return { problem: 'invalid_utf8' }
  const batch = new Batch()
  const errors: EventError[] = []
  const marked = body.toString('utf8', 0, 3) === '\ufeff' ? 3 : 0
  let sent = 0

  const one = (start: number, end: number): void => {
    const error = addSlowly(batch, body, start, end, sent++, now)
    if (error !== undefined) errors.push(error)
  }

  const whole = (start: number, end: number): void => {
    if (start === end) return
    const isArray = body[start] === 0x5b
    const valueEnd = skipValue(body, start, end)
    if (skipWhitespace(body, valueEnd, end) !== end) throw new JsonError(valueEnd)
    const array = isArray ? start : wrapped(start, valueEnd)
    if (array === undefined) return one(start, valueEnd)
    for (let i = skipWhitespace(body, array + 1, end); body[i] !== 0x5d;) {
      const itemEnd = skipValue(body, i, end)
      one(i, itemEnd)
      i = skipWhitespace(body, itemEnd, end)
      if (body[i] === 0x2c) i = skipWhitespace(body, i + 1, end)
    }
  }

  /** Where the array begins of an object that has no member but `events`. */
  const wrapped = (start: number, end: number): number | undefined => {
    const match = /^\{\s*("(?:[^"\\]|\\.)*")\s*:\s*\[/.exec(body.toString('utf8', start, end))
    if (match === null || JSON.parse(match[1]) !== 'events') return undefined
    const array = start + Buffer.byteLength(match[0]) - 1
    return skipWhitespace(body, skipValue(body, array, end), end) === end - 1 ? array : undefined
  }

  const line = (start: number, end: number): void => {
    if (start === end) return
    try {
      const valueEnd = skipValue(body, start, end)
      if (skipWhitespace(body, valueEnd, end) !== end) throw new JsonError(valueEnd)
      one(start, valueEnd)
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      errors.push({ index: sent++, code: error.tooDeep ? 'nesting_too_deep' : 'invalid_json', pointer: '', detail: '' })
    }
  }

  try {
    if (kind === 'json') {
      whole(skipWhitespace(body, marked, body.length), body.length)
    } else {
      let start = marked
      for (let end = start; end <= body.length; end++) {
        if (end < body.length && body[end] !== 0x0a) continue
        line(skipWhitespace(body, start, end), end)
        start = end + 1
      }
    }
  } catch (error) {
    if (error instanceof JsonError) return { problem: error.tooDeep ? 'nesting_too_deep' : 'invalid_json' }
    throw error
  }
  if (sent === 0) return { problem: 'no_events' }
  return { sent, errors: errors.map(withoutPlace), events: eventsOf(batch) }
}

/** An error without the words that the reader adds about a line it could not read. */
function withoutPlace(error: EventError): EventError {
  return error.code === 'invalid_json' || error.detail.startsWith('this line') ? { ...error, detail: '' } : error
}
