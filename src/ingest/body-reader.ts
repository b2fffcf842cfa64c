/**
 * Takes a body apart into events: a JSON array, an object around one, a single object, or NDJSON. Each event goes the fast path
 * into the batch where it can and the slow path where it cannot; what spoils the whole body is a problem of the whole request.
 */
import { isUtf8 } from 'node:buffer'
import type { EventError } from '../../schemas/index.ts'
import type { Batch } from '../backends/batch.ts'
import { ProblemError } from '../errors.ts'
import { JSON_MAX_DEPTH, JsonError, SLICE_BYTES, ValueSkipper, byteOrderMark, skipWhitespace } from './json.ts'
import { Layout, ScanStop, type Scanner } from './scan.ts'
import { addSlowly } from './slow-path.ts'
import { columnOf, lineStart, syntaxProblem } from './syntax-problem.ts'
import { wrappedArray } from './wrapper.ts'

/** How a body is laid out. */
export type BodyKind = 'json' | 'ndjson'

const NEWLINE = 0x0a
const SPACE = 0x20
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const COMMA = 0x2c

const NDJSON_HINT = '; events one a line (NDJSON) are sent as application/x-ndjson'

/** What came out of a body besides the batch. */
export interface BodyOutcome {
  /** Events in the body, good and bad. */
  sent: number
  /** The rejected ones, by index. */
  errors: EventError[]
}

/** What it takes to read a body. */
export interface BodyTools {
  /** Takes the fast path; without one, every event takes the slow path. Shared by all bodies that are being read. */
  scanner?: Scanner
  /** Empty; the events are written into it. */
  batch: Batch
  /** Most events of a body. */
  maxEvents: number
  /** The core's now. */
  now: number
}

/**
 * Reads a body, which it leaves as it is, into a batch. Yields after a fraction of a millisecond, again and again, so that
 * it can be held up; no other user of the scanner disturbs it meanwhile. O(length).
 * @throws ProblemError for what spoils the whole body; the batch holds anything then
 */
export function * readBody(body: Buffer, kind: BodyKind, tools: BodyTools): Generator<void, BodyOutcome> {
  if (!isUtf8(body)) throw new ProblemError('invalid_utf8', 'the body must be UTF-8')
  const reader = new BodyReader(body, tools)
  try {
    const outcome = yield * (kind === 'ndjson' ? reader.lines() : reader.json())
    if (outcome.sent === 0) throw new ProblemError('no_events', 'the body holds no events')
    return outcome
  } catch (error) {
    throw error instanceof JsonError ? yield * syntaxProblem(body, error, reader.hint) : error
  } finally {
    tools.scanner?.close(body)
  }
}

class BodyReader {
  /** What to tell with a syntax error. */
  hint = ''
  readonly #body: Buffer
  readonly #scanner: Scanner | undefined
  readonly #batch: Batch
  readonly #maxEvents: number
  readonly #now: number
  #skipper: ValueSkipper | undefined
  #errors: EventError[] = []
  #sent = 0
  /** Where the fast path ended. */
  #scanned = 0

  constructor(body: Buffer, { scanner, batch, maxEvents, now }: BodyTools) {
    this.#body = body
    this.#scanner = scanner
    this.#batch = batch
    this.#maxEvents = maxEvents
    this.#now = now
  }

  * json(): Generator<void, BodyOutcome> {
    const body = this.#body
    const end = body.length
    let start = byteOrderMark(body)
    if (!this.#isText(start)) start = yield * this.#whitespace(start)
    if (start === end) return this.#outcome
    let i = body[start] === OPEN_BRACKET ? yield * this.#array(start, 1) : yield * this.#single(start)
    if (i < end) i = yield * this.#whitespace(i)
    if (i === end) return this.#outcome
    if (body[start] === OPEN_BRACE && body[i] === OPEN_BRACE && lineStart(body, i) > start) this.hint = NDJSON_HINT
    throw new JsonError(i)
  }

  * lines(): Generator<void, BodyOutcome> {
    const body = this.#body
    // Of blank lines nothing has to be known.
    for (let i = yield * this.#whitespace(byteOrderMark(body)); i < body.length; i = yield * this.#whitespace(i)) {
      const stop = this.#scan(i, Layout.Lines)
      i = this.#scanned
      if (stop === ScanStop.SlowPath) i = yield * this.#line(i)
      yield
    }
    return this.#outcome
  }

  get #outcome(): BodyOutcome {
    return { sent: this.#sent, errors: this.#errors }
  }

  /** The one value of a body, which is an event or an object around an array of them. */
  * #single(start: number): Generator<void, number> {
    const array = wrappedArray(this.#body, start)
    if (array !== undefined) {
      const after = yield * this.#whitespace(yield * this.#array(array, 2))
      if (this.#body[after] === CLOSE_BRACE) return after + 1
      // It is not the only member, so all this is one event.
      this.#batch.clear()
      this.#errors = []
      this.#sent = 0
    }
    // Or there is another event after a comma, and the place of the comma is what is wrong.
    if (this.#scan(start, Layout.Items, 1) === ScanStop.After) return this.#scanned
    return yield * this.#value(start, 0)
  }

  /** The array whose bracket is at `at`, at so many levels of nesting. */
  * #array(at: number, depth: number): Generator<void, number> {
    const body = this.#body
    const end = body.length
    let i = at + 1
    if (!this.#isText(i)) i = yield * this.#whitespace(i)
    if (i < end && body[i] === CLOSE_BRACKET) return i + 1
    for (;;) {
      const stop = this.#scan(i, Layout.Items)
      i = this.#scanned
      yield
      if (stop === ScanStop.Before) continue
      if (stop === ScanStop.SlowPath) i = yield * this.#value(i, depth)
      if (!this.#isText(i)) i = yield * this.#whitespace(i)
      if (i >= end) throw new JsonError(end)
      if (body[i] === CLOSE_BRACKET) return i + 1
      if (body[i] !== COMMA) throw new JsonError(i)
      i = yield * this.#whitespace(i + 1)
    }
  }

  /** Reads events from `at` on, on the fast path; says where that ended. */
  #scan(at: number, layout: Layout, most = Infinity): ScanStop {
    const room = Math.min(most, this.#maxEvents - this.#sent)
    if (room <= 0) throw new ProblemError('too_many_events', `at most ${this.#maxEvents} events can be sent at once`)
    this.#scanned = at
    if (this.#scanner === undefined) return ScanStop.SlowPath
    this.#sent += this.#scanner.read(this.#body, at, layout, this.#batch, this.#sent, room, this.#now)
    this.#scanned = this.#scanner.end
    return this.#scanner.stop
  }

  /** Whether there is something at `at` that is not white space, as nearly everywhere: then there is nothing to skip. */
  #isText(at: number): boolean {
    return this.#body[at] > SPACE
  }

  /** The first byte from `at` on that is not white space. */
  * #whitespace(at: number): Generator<void, number> {
    const end = this.#body.length
    for (let i = at; ;) {
      const slice = Math.min(end, i + SLICE_BYTES)
      i = skipWhitespace(this.#body, i, slice)
      if (i < slice || i === end) return i
      yield
    }
  }

  /** The end of the value at `at`, inside so many levels of nesting. */
  * #skip(at: number, end: number, depth: number): Generator<void, number> {
    const skipper = this.#skipper ??= new ValueSkipper()
    skipper.begin(this.#body, at, end, depth)
    while (!skipper.advance(SLICE_BYTES)) yield
    return skipper.offset
  }

  /** One event that the scan left, inside so many levels of nesting; returns the offset after it. */
  * #value(at: number, depth: number): Generator<void, number> {
    const valueEnd = yield * this.#skip(at, this.#body.length, depth)
    this.#slowly(at, valueEnd)
    return valueEnd
  }

  /** A line whose event begins at `at`; nothing that is wrong with it concerns its neighbours. Returns its end. */
  * #line(at: number): Generator<void, number> {
    const body = this.#body
    const newline = body.indexOf(NEWLINE, at)
    const end = newline < 0 ? body.length : newline
    try {
      const valueEnd = yield * this.#skip(at, end, 0)
      const rest = skipWhitespace(body, valueEnd, end)
      if (rest < end) throw new JsonError(rest)
      this.#slowly(at, valueEnd)
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      this.#errors.push({
        index: this.#sent++,
        code: error.tooDeep ? 'nesting_too_deep' : 'invalid_json',
        pointer: '',
        detail: error.tooDeep
          ? `this line is nested more than ${JSON_MAX_DEPTH} levels deep`
          : `this line is not valid JSON, from column ${yield * columnOf(body, lineStart(body, at), error.offset)} on`
      })
    }
    return end
  }

  /** One event, which is valid JSON and which the scan could not read. */
  #slowly(start: number, end: number): void {
    const error = addSlowly(this.#batch, this.#body, start, end, this.#sent++, this.#now)
    if (error !== undefined) this.#errors.push(error)
  }
}
