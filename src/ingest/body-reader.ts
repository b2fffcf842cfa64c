/**
 * Takes a body apart into events: a JSON array, a single object, or NDJSON. Each event goes the fast way into the batch
 * where it can and the plain way where it cannot; what spoils the whole body is a problem of the whole request.
 */
import { isUtf8 } from 'node:buffer'
import { EVENT_MAX_BYTES, type EventError } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import { ProblemError } from '../errors.ts'
import { JSON_MAX_DEPTH, JsonError, skipSpace, skipValue } from './json.ts'
import { Overflow } from './overflow.ts'
import { addPlainly } from './plain-path.ts'
import { Scanner } from './scan.ts'
import { closeUp } from './white-space.ts'

/** How a body is laid out. */
export type BodyKind = 'json' | 'ndjson'

const NEWLINE = 0x0a
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c

/** What came out of a body besides the batch. */
export interface Reading {
  /** Events in the body, good and bad. */
  sent: number
  /** The rejected ones, by index. */
  errors: EventError[]
}

/**
 * Reads a body into an empty batch. The body is the reader's from now on, and may be altered.
 * @param now the core's now
 * @throws ProblemError for what spoils the whole body
 */
export function readBody(body: Buffer, kind: BodyKind, batch: Batch, maxEvents: number, now: number): Reading {
  if (!isUtf8(body)) throw new ProblemError('invalid_utf8', 'the body must be UTF-8')
  const reader = new BodyReader(body, batch, maxEvents, now)
  try {
    const reading = kind === 'ndjson' ? reader.lines() : reader.json()
    if (reading.sent === 0) throw new ProblemError('no_events', 'the body holds no events')
    return reading
  } catch (error) {
    throw error instanceof JsonError ? syntaxProblem(body, error) : error
  }
}

class BodyReader {
  readonly #body: Buffer
  readonly #batch: Batch
  readonly #maxEvents: number
  readonly #now: number
  readonly #scanner: Scanner
  readonly #overflow: Overflow
  readonly #errors: EventError[] = []
  #sent = 0
  /** The first line break that was found behind the places looked at so far. */
  #newline = -1

  constructor(body: Buffer, batch: Batch, maxEvents: number, now: number) {
    this.#body = body
    this.#batch = batch
    this.#maxEvents = maxEvents
    this.#now = now
    this.#scanner = new Scanner(body, batch, now)
    this.#overflow = new Overflow(body)
  }

  json(): Reading {
    const body = this.#body
    const end = body.length
    let i = skipSpace(body, byteOrderMark(body), end)
    if (i === end) return this.#finish()
    if (body[i] === OPEN_BRACKET) {
      i = skipSpace(body, i + 1, end)
      if (i < end && body[i] === CLOSE_BRACKET) i++
      else i = this.#items(i, end)
    } else {
      i = this.#value(i, end, 0)
    }
    i = skipSpace(body, i, end)
    if (i < end) throw new JsonError(i)
    return this.#finish()
  }

  lines(): Reading {
    const body = this.#body
    for (let i = byteOrderMark(body); i < body.length;) {
      const newline = body.indexOf(NEWLINE, i)
      const end = newline < 0 ? body.length : newline
      const start = skipSpace(body, i, end)
      if (start < end) this.#line(i, start, end)
      i = end + 1
    }
    return this.#finish()
  }

  /** The items of an array and its closing bracket. */
  #items(at: number, end: number): number {
    const body = this.#body
    let i = at
    for (;;) {
      i = skipSpace(body, this.#value(i, end, 1), end)
      if (i >= end) throw new JsonError(end)
      if (body[i] === CLOSE_BRACKET) return i + 1
      if (body[i] !== COMMA) throw new JsonError(i)
      i = skipSpace(body, i + 1, end)
    }
  }

  /** One event, inside so many levels of nesting; returns the offset behind it. */
  #value(at: number, end: number, depth: number): number {
    const index = this.#next()
    const scanned = this.#scanner.event(at, end, index)
    if (scanned >= 0) return scanned
    const valueEnd = skipValue(this.#body, at, end, depth)
    this.#carefully(at, valueEnd, index)
    return valueEnd
  }

  /** One line, whose event begins at `at`; nothing that is wrong with it concerns its neighbours. */
  #line(lineStart: number, at: number, end: number): void {
    const index = this.#next()
    const scanned = this.#scanner.event(at, end, index)
    if (scanned >= 0) {
      if (skipSpace(this.#body, scanned, end) === end) return
      this.#batch.count--
    }
    try {
      const valueEnd = skipValue(this.#body, at, end)
      const behind = skipSpace(this.#body, valueEnd, end)
      if (behind < end) throw new JsonError(behind)
      this.#carefully(at, valueEnd, index)
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      this.#errors.push({
        index,
        code: error.tooDeep ? 'nesting_too_deep' : 'invalid_json',
        pointer: '',
        detail: error.tooDeep ? `this line is nested more than ${JSON_MAX_DEPTH} levels deep` : `this line is not valid JSON, from column ${columnOf(this.#body, lineStart, error.offset)} on`
      })
    }
  }

  /** One event, which is valid JSON and which the scan could not read as it is. */
  #carefully(start: number, end: number, index: number): void {
    let tight = end
    if (end - start <= EVENT_MAX_BYTES && this.#isOnOneLine(start, end)) {
      tight = closeUp(this.#body, start, end)
      if (tight < end && this.#scanner.event(start, tight, index) >= 0) return
    }
    const error = addPlainly(this.#batch, this.#overflow, this.#body, start, tight, index, this.#now)
    if (error !== undefined) this.#errors.push(error)
  }

  #isOnOneLine(start: number, end: number): boolean {
    if (this.#newline < start) {
      const newline = this.#body.indexOf(NEWLINE, start)
      this.#newline = newline < 0 ? Infinity : newline
    }
    return this.#newline >= end
  }

  #next(): number {
    if (this.#sent >= this.#maxEvents) throw new ProblemError('too_many_events', `at most ${this.#maxEvents} events can be sent at once`)
    return this.#sent++
  }

  #finish(): Reading {
    this.#batch.bytes = this.#overflow.joined()
    return { sent: this.#sent, errors: this.#errors }
  }
}

/** Length of the UTF-8 byte order mark that some senders put first, which a reader may ignore (RFC 8259 section 8.1). */
function byteOrderMark(body: Buffer): number {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
}

/** What is told of a text that is not JSON: where, in lines and columns. */
export function syntaxProblem(body: Buffer, error: JsonError): ProblemError {
  if (error.tooDeep) return new ProblemError('nesting_too_deep', `the body is nested more than ${JSON_MAX_DEPTH} levels deep`)
  const lineStart = error.offset === 0 ? 0 : Math.max(body.lastIndexOf(NEWLINE, error.offset - 1) + 1, byteOrderMark(body))
  let line = 1
  for (let i = body.indexOf(NEWLINE); i >= 0 && i < lineStart; i = body.indexOf(NEWLINE, i + 1)) line++
  const what = error.offset >= body.length ? 'it ends too early' : 'unexpected character'
  return new ProblemError('invalid_json', `${what} at line ${line}, column ${columnOf(body, lineStart, error.offset)}`)
}

/** The column of an offset in its line, in characters from 1. */
function columnOf(body: Buffer, lineStart: number, offset: number): number {
  let column = 1
  // All bytes of a character but its first are 10xxxxxx. A line may be as long as the body, so nothing is made of it.
  for (let i = lineStart; i < offset; i++) if ((body[i] & 0xc0) !== 0x80) column++
  return column
}
