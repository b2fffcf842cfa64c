import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import t from 'tap'
import fc from 'fast-check'
import { JSON_MAX_DEPTH, JsonError, members, skipString, skipValue, skipWhitespace, ValueSkipper, type Member } from '../../src/ingest/json.ts'
import { parseJson } from '../../src/ingest/json-value.ts'
import { checkTable } from '../table.ts'
import { CORPUS, DEEP_TEXTS } from './json-corpus.ts'
import { mutations } from './mutations.ts'
import { render, spacing, tree, valueOf, type Tree } from './json-trees.ts'

/** What is wrong with a text as a whole; undefined if nothing is. */
function errorOf(bytes: Buffer): JsonError | undefined {
  try {
    const end = skipWhitespace(bytes, skipValue(bytes, skipWhitespace(bytes, 0, bytes.length), bytes.length), bytes.length)
    return end === bytes.length ? undefined : new JsonError(end)
  } catch (error) {
    if (error instanceof JsonError) return error
    throw error
  }
}

/** What a call throws; undefined if it does not. */
function thrownBy(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString())
    return true
  } catch {
    return false
  }
}

/** Every complaint about how a text is read; none for a text on which all agree. */
function complaint(bytes: Buffer): string | undefined {
  const error = errorOf(bytes)
  if (isJson(bytes) !== (error === undefined)) return `JSON.parse and skipValue disagree about ${JSON.stringify(bytes.toString())}`
  if (error === undefined) return undefined
  if (error.tooDeep) return 'too deep'
  const { offset } = error
  if (!(offset >= 0 && offset <= bytes.length)) return `offset ${offset} is outside`
  // Nothing before the offset is wrong: cut there, the text is complete or ends too early, no more.
  const before = errorOf(bytes.subarray(0, offset))
  if (before !== undefined && before.offset !== offset) return `offset ${offset}, but without what follows ${before.offset}`
  // The byte at the offset is, whatever follows it.
  if (offset < bytes.length && errorOf(bytes.subarray(0, offset + 1))?.offset !== offset) return `the byte at ${offset} is not to blame`
  return undefined
}

t.test('every text of the corpus is read as JSON.parse reads it', async (t) => {
  checkTable(t, CORPUS.map(({ name, bytes, valid }) => [name, isUtf8(bytes) && isJson(bytes), valid]), 'the corpus is right')
  const texts = CORPUS.filter(({ bytes }) => isUtf8(bytes))
  checkTable(t, texts.map(({ name, bytes, valid }) => [name, errorOf(bytes) === undefined, valid]), 'what is valid is accepted, and nothing else')
  checkTable(t, texts.map(({ name, bytes }) => [name, complaint(bytes), undefined]), 'and the byte that is wrong is found')
})

t.test('every beginning of a text is read as JSON.parse reads it', async (t) => {
  let cuts = 0
  for (const { name, bytes, valid } of CORPUS) {
    if (!valid || bytes.length > 200) continue
    for (let end = 0; end < bytes.length; end++) {
      cuts++
      const cut = bytes.subarray(0, end)
      assert.equal(isUtf8(cut) ? complaint(cut) : undefined, undefined, `${name} cut at ${end}`)
      // A limit that is not the end of the buffer is a limit all the same.
      try {
        assert.ok(skipValue(bytes, skipWhitespace(bytes, 0, end), end) <= end, `${name} read up to ${end} ends there`)
      } catch (error) {
        if (!(error instanceof JsonError)) throw error
        assert.ok(error.offset <= end, `${name} read up to ${end} is wrong before there`)
      }
    }
  }
  t.ok(cuts > 500, `${cuts} beginnings`)
})

t.test('a text that is nested too deeply is refused, at the first level that is one too many', async (t) => {
  checkTable(t, DEEP_TEXTS.map(({ name, bytes, valid }) => [name, isJson(bytes), valid]), 'the corpus is right')
  checkTable(t, DEEP_TEXTS.map(({ name, bytes }) => [name, errorOf(bytes)?.tooDeep, true]), 'all are too deep')
  const deep = Buffer.from('['.repeat(JSON_MAX_DEPTH) + ']'.repeat(JSON_MAX_DEPTH))
  t.equal(skipValue(deep, 0, deep.length), deep.length, 'the deepest that is read')
  t.match(thrownBy(() => skipValue(deep, 0, deep.length, 1)), { tooDeep: true }, 'one level further in')
  const shallow = Buffer.from('1')
  t.equal(skipValue(shallow, 0, 1, JSON_MAX_DEPTH), 1, 'a scalar has no depth of its own')
  t.match(new JsonError(3), { name: 'JsonError', offset: 3, tooDeep: false, message: 'not JSON' })
})

t.test('the first byte that is wrong is named', async (t) => {
  const cases: [text: string, offset: number][] = [
    ['', 0], ['   ', 3], ['x', 0], ['[1,]', 3], ['[1 2]', 3], ['{"a" 1}', 5], ['{"a":1,}', 7], ['{a:1}', 1], ['"ab', 3], ['"a\nb"', 2], ['"\\x"', 2],
    ['"\\u00g0"', 5], ['"\\u00', 5], ['"\\', 2], ['tru', 3], ['trux', 3], ['-', 1], ['-x', 1], ['1.', 2], ['1.x', 2], ['1e+', 3], ['01', 1], ['[', 1], ['{', 1],
    ['{"a"', 4], ['{"a":', 5], ['{"a":1', 6], ['[1', 2], ['1 2', 2], ['[}', 1]
  ]
  checkTable(t, cases.map(([text, offset]) => [text, errorOf(Buffer.from(text))?.offset, offset]))
})

t.test('generated texts are all accepted', async (t) => {
  fc.assert(fc.property(tree, spacing, (value, spaces) => {
    const bytes = Buffer.from(render(value, spaces))
    assert.equal(complaint(bytes), undefined)
    assert.equal(errorOf(bytes), undefined)
  }), { numRuns: 300 })
  t.pass('are all accepted')
})

t.test('mutated texts are wrong where JSON.parse says so, at a byte that is to blame', async (t) => {
  let wrong = 0
  fc.assert(fc.property(tree, spacing, mutations, (value, spaces, mutate) => {
    const bytes = mutate(Buffer.from(render(value, spaces)))
    if (!isUtf8(bytes)) return
    assert.equal(complaint(bytes), undefined)
    if (errorOf(bytes) !== undefined) wrong++
  }), { numRuns: 6000 })
  t.ok(wrong > 1000, `${wrong} of them were wrong`)
})

t.test('tokens in any order are read as JSON.parse reads them', async (t) => {
  const tokens = fc.constantFrom(
    '{', '}', '[', ']', ',', ':', '"a"', '"', '\\', '1', '0', '-', '.', 'e', '+', 'true', 'false', 'null', ' ', '\n', '\u0000', '"\\u0041"', '\\u00', 'é', '\ufeff', '{"a":', '[]'
  )
  let right = 0
  fc.assert(fc.property(fc.array(tokens, { maxLength: 6 }), (list) => {
    const bytes = Buffer.from(list.join(''))
    assert.equal(complaint(bytes), undefined)
    if (errorOf(bytes) === undefined) right++
  }), { numRuns: 8000 })
  t.ok(right > 100, `${right} of them were right`)
})

t.test('a value ends where it ends, whatever follows', async (t) => {
  const closed = tree.filter((value) => value.kind !== 'scalar' || value.text.endsWith('"'))
  fc.assert(fc.property(closed, fc.constantFrom('', ',', ' ', ']', '}', 'x', '"', '1', '\n{}'), (value, after) => {
    const text = Buffer.from(render(value))
    assert.equal(skipValue(Buffer.concat([text, Buffer.from(after)]), 0, text.length + after.length), text.length)
  }), { numRuns: 300 })
  t.pass('for every value that shows its end')
})

/** Visits each member of an object; returns its end. */
function eachMember(bytes: Buffer, at: number, visit: (member: Member) => void): number {
  const work = members(bytes, at, bytes.length)
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
    if (step.value !== undefined) visit(step.value)
  }
}

t.test('a value that is skipped bit by bit ends where it does at once, or is wrong at the same place', async (t) => {
  const skipper = new ValueSkipper()
  let held = 0
  fc.assert(fc.property(tree, spacing, fc.option(mutations), fc.integer({ min: 1, max: 20 }), (value, spaces, mutate, most) => {
    const text = Buffer.from(render(value, spaces).trim())
    const bytes = mutate === null ? text : mutate(text)
    const whole = thrownBy(() => skipValue(bytes, 0, bytes.length))
    skipper.begin(bytes, 0, bytes.length)
    const parts = thrownBy(() => { while (!skipper.advance(most)) held++ })
    assert.deepEqual(parts, whole)
    if (whole === undefined) assert.equal(skipper.offset, skipValue(bytes, 0, bytes.length))
  }), { numRuns: 2000 })
  t.ok(held > 1000, `${held} times`)
})

t.test('the members of an object are found, with keys as they are spelled', async (t) => {
  const object = tree.filter((value): value is Tree & { kind: 'object' } => value.kind === 'object')
  fc.assert(fc.property(object, spacing, (value, spaces) => {
    const bytes = Buffer.from(render(value, spaces))
    const found: string[][] = []
    const visit = ({ keyStart, keyEnd, valueStart, valueEnd }: Member): void => {
      found.push([bytes.toString('utf8', keyStart, keyEnd), bytes.toString('utf8', valueStart, valueEnd)])
    }
    const end = eachMember(bytes, skipWhitespace(bytes, 0, bytes.length), visit)
    assert.equal(skipWhitespace(bytes, end, bytes.length), bytes.length)
    assert.deepEqual(found.map(([key]) => key), value.members.map(([key]) => key), 'keys as they are spelled')
    assert.deepEqual(found.map(([, text]) => parseJson(text)), value.members.map(([, member]) => valueOf(member)), 'values')
  }), { numRuns: 200 })
  const bytes = Buffer.from('{"a":1,"b" 2}')
  const keys: number[] = []
  t.match(thrownBy(() => eachMember(bytes, 0, ({ keyStart }) => { keys.push(keyStart) })), { offset: 11 })
  t.same(keys, [1], 'members before the place that is wrong were visited')
})

t.test('a string ends at its quote, and white space at anything else', async (t) => {
  const bytes = Buffer.from('"a\\"b"  x')
  t.equal(skipString(bytes, 0, bytes.length), 6)
  t.equal(skipWhitespace(bytes, 6, bytes.length), 8)
  t.equal(skipWhitespace(bytes, 6, 7), 7, 'not beyond the end')
  t.equal(skipWhitespace(Buffer.from('\u00a0'), 0, 2), 0, 'other white space is none')
})
