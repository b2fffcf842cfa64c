/**
 * Takes a body apart into events: a JSON array, a single object, or NDJSON. Each event goes the fast way into the batch
 * where it can and the plain way where it cannot; what spoils the whole body is a problem of the whole request.
 */
import { isUtf8 } from 'node:buffer'
import type { EventError } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import { ProblemError } from '../errors.ts'
import { JSON_MAX_DEPTH, JsonError, skipSpace, skipValue } from './json.ts'
import type { Overflow } from './overflow.ts'
import { addPlainly } from './plain-path.ts'
import { Layout, Place, type Scanner } from './scan.ts'

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

/** What it takes to read a body. */
export interface ReadingTools {
  /** Whose scan takes the fast way; free again afterwards. */
  scanner: Scanner
  /** Of this body; the batch uses its memory afterwards. */
  overflow: Overflow
  /** Empty. */
  batch: Batch
  /** Most events of a body. */
  maxEvents: number
  /** The core's now. */
  now: number
}

/**
 * Reads a body into a batch. The body is the reader's from now on, and may be altered.
 * @throws ProblemError for what spoils the whole body
 */
export function readBody(body: Buffer, kind: BodyKind, tools: ReadingTools): Reading {
  if (!isUtf8(body)) throw new ProblemError('invalid_utf8', 'the body must be UTF-8')
  const { scanner } = tools
  const reader = new BodyReader(body, tools)
  try {
    const reading = kind === 'ndjson' ? reader.lines() : reader.json()
    if (reading.sent === 0) throw new ProblemError('no_events', 'the body holds no events')
    return reading
  } catch (error) {
    throw error instanceof JsonError ? syntaxProblem(body, error) : error
  } finally {
    scanner.close()
  }
}

class BodyReader {
  readonly #body: Buffer
  readonly #scanner: Scanner
  readonly #batch: Batch
  readonly #maxEvents: number
  readonly #now: number
  readonly #overflow: Overflow
  readonly #errors: EventError[] = []
  #sent = 0

  constructor(body: Buffer, { scanner, overflow, batch, maxEvents, now }: ReadingTools) {
    this.#body = body
    this.#scanner = scanner
    this.#overflow = overflow
    this.#batch = batch
    this.#maxEvents = maxEvents
    this.#now = now
    scanner.open(body, overflow)
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
    } else if (this.#scan(i, Layout.Items, 1) === Place.Behind) {
      i = this.#scanner.end
    } else {
      // Or there is another event behind a comma, and the place of the comma is what is wrong.
      i = this.#value(i, end, 0)
    }
    i = skipSpace(body, i, end)
    if (i < end) throw new JsonError(i)
    return this.#finish()
  }

  lines(): Reading {
    const body = this.#body
    // Of blank lines nothing has to be known.
    for (let i = skipSpace(body, byteOrderMark(body), body.length); i < body.length; i = skipSpace(body, i, body.length)) {
      const place = this.#scan(i, Layout.Lines)
      i = this.#scanner.end
      if (place === Place.Stuck) i = this.#line(i)
    }
    return this.#finish()
  }

  /** The items of an array, the first of which begins at `at`, and its closing bracket. */
  #items(at: number, end: number): number {
    const body = this.#body
    let i = at
    for (;;) {
      const place = this.#scan(i, Layout.Items)
      i = this.#scanner.end
      if (place === Place.Before) continue
      if (place === Place.Stuck) i = this.#value(i, end, 1)
      i = skipSpace(body, i, end)
      if (i >= end) throw new JsonError(end)
      if (body[i] === CLOSE_BRACKET) return i + 1
      if (body[i] !== COMMA) throw new JsonError(i)
      i = skipSpace(body, i + 1, end)
    }
  }

  /** Reads events from `at` on the fast way; says where that ended. */
  #scan(at: number, layout: Layout, most = Infinity): Place {
    const room = Math.min(most, this.#maxEvents - this.#sent)
    if (room <= 0) throw this.#tooMany()
    this.#sent += this.#scanner.read(at, layout, this.#batch, this.#sent, room, this.#now)
    return this.#scanner.place
  }

  /** One event that the scan left, inside so many levels of nesting; returns the offset behind it. */
  #value(at: number, end: number, depth: number): number {
    const valueEnd = skipValue(this.#body, at, end, depth)
    this.#plainly(at, valueEnd)
    return valueEnd
  }

  /** A line whose event begins at `at`; nothing that is wrong with it concerns its neighbours. Returns its end. */
  #line(at: number): number {
    const body = this.#body
    const newline = body.indexOf(NEWLINE, at)
    const end = newline < 0 ? body.length : newline
    try {
      const valueEnd = skipValue(body, at, end)
      const behind = skipSpace(body, valueEnd, end)
      if (behind < end) throw new JsonError(behind)
      this.#plainly(at, valueEnd)
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      this.#errors.push({
        index: this.#sent++,
        code: error.tooDeep ? 'nesting_too_deep' : 'invalid_json',
        pointer: '',
        detail: error.tooDeep
          ? `this line is nested more than ${JSON_MAX_DEPTH} levels deep`
          : `this line is not valid JSON, from column ${columnOf(body, lineStart(body, at), error.offset)} on`
      })
    }
    return end
  }

  /** One event, which is valid JSON and which the scan could not read. */
  #plainly(start: number, end: number): void {
    const error = addPlainly(this.#batch, this.#overflow, this.#body, start, end, this.#sent++, this.#now)
    if (error !== undefined) this.#errors.push(error)
  }

  #tooMany(): ProblemError {
    return new ProblemError('too_many_events', `at most ${this.#maxEvents} events can be sent at once`)
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
  const start = lineStart(body, error.offset)
  let line = 1
  for (let i = body.indexOf(NEWLINE); i >= 0 && i < start; i = body.indexOf(NEWLINE, i + 1)) line++
  const what = error.offset >= body.length ? 'it ends too early' : 'unexpected character'
  return new ProblemError('invalid_json', `${what} at line ${line}, column ${columnOf(body, start, error.offset)}`)
}

/** Where the line begins that an offset lies in. */
function lineStart(body: Buffer, offset: number): number {
  return offset === 0 ? 0 : Math.max(body.lastIndexOf(NEWLINE, offset - 1) + 1, byteOrderMark(body))
}

/** The column of an offset in its line, in characters from 1. */
function columnOf(body: Buffer, lineStart: number, offset: number): number {
  let column = 1
  // All bytes of a character but its first are 10xxxxxx. A line may be as long as the body, so nothing is made of it.
  for (let i = lineStart; i < offset; i++) if ((body[i] & 0xc0) !== 0x80) column++
  return column
}
