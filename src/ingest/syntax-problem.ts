/** What is told of a body that is not JSON: where, in lines and columns. */
import { ProblemError } from '../errors.ts'
import { JSON_MAX_DEPTH, SLICE_BYTES, byteOrderMark, type JsonError } from './json.ts'

const NEWLINE = 0x0a

/** The problem that a body is. Yields where it can be held up. O(offset of the error). */
export function * syntaxProblem(body: Buffer, error: JsonError, hint = ''): Generator<void, ProblemError> {
  if (error.tooDeep) return new ProblemError('nesting_too_deep', `the body is nested more than ${JSON_MAX_DEPTH} levels deep`)
  const start = lineStart(body, error.offset)
  const line = 1 + (yield * count(body, 0, start, 0xff, NEWLINE))
  const column = yield * columnOf(body, start, error.offset)
  const what = error.offset >= body.length ? 'it ends too early' : 'unexpected character'
  return new ProblemError('invalid_json', `${what} at line ${line}, column ${column}${hint}`)
}

/** Where the line begins that an offset lies in. */
export function lineStart(body: Buffer, offset: number): number {
  return offset === 0 ? 0 : Math.max(body.lastIndexOf(NEWLINE, offset - 1) + 1, byteOrderMark(body))
}

/** The column of an offset in its line, in characters from 1. A line may be as long as the body, so nothing is made of it. */
export function * columnOf(body: Buffer, lineStart: number, offset: number): Generator<void, number> {
  // All bytes of a character but its first are 10xxxxxx.
  return 1 + offset - lineStart - (yield * count(body, lineStart, offset, 0xc0, 0x80))
}

/** How many bytes are `value` in the bits of `mask`. */
function * count(body: Buffer, from: number, to: number, mask: number, value: number): Generator<void, number> {
  let total = 0
  for (let start = from; start < to; start += SLICE_BYTES) {
    const end = Math.min(to, start + SLICE_BYTES)
    for (let i = start; i < end; i++) if ((body[i] & mask) === value) total++
    yield
  }
  return total
}
