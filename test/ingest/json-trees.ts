/**
 * JSON texts with everything that a sender may do: white space, repeated keys, keys and strings spelled with escapes,
 * numbers of any length. A tree knows both its text and the canonical text that must come of it.
 */
import fc from 'fast-check'

/** A value as it is spelled. */
export type Tree =
  | { kind: 'scalar', text: string }
  | { kind: 'array', items: Tree[] }
  | { kind: 'object', members: [key: string, value: Tree][] }

/** A value that is spelled just so. */
export function scalar(text: string): Tree {
  return { kind: 'scalar', text }
}

/** The text of a tree; the white space between its tokens is taken from `spaces`, by turns. */
export function render(tree: Tree, spaces: readonly string[] = ['']): string {
  let turn = 0
  const space = (): string => spaces[turn++ % spaces.length]
  const write = (node: Tree): string => {
    if (node.kind === 'scalar') return node.text
    const parts = node.kind === 'array'
      ? node.items.map((item) => space() + write(item) + space())
      : node.members.map(([key, value]) => `${space()}${key}${space()}:${space()}${write(value)}${space()}`)
    const inside = parts.length === 0 ? space() : parts.join(',')
    return node.kind === 'array' ? `[${inside}]` : `{${inside}}`
  }
  return space() + write(tree) + space()
}

/** The canonical text: no white space or needless escapes in keys, of a repeated key the last member in the first one's place. */
export function canonical(tree: Tree): string {
  if (tree.kind === 'scalar') return tree.text
  if (tree.kind === 'array') return `[${tree.items.map(canonical).join(',')}]`
  const names = tree.members.map(([key]) => JSON.parse(key) as string)
  const members = names.flatMap((name, i) => {
    if (names.indexOf(name) !== i) return []
    return [`${JSON.stringify(name)}:${canonical(tree.members[names.lastIndexOf(name)][1])}`]
  })
  return `{${members.join(',')}}`
}

/** The value that a tree stands for. `JSON.parse` of its text would be right only in an engine without mistakes. */
export function valueOf(tree: Tree): unknown {
  if (tree.kind === 'scalar') return JSON.parse(tree.text)
  if (tree.kind === 'array') return tree.items.map(valueOf)
  return Object.fromEntries(tree.members.map(([key, value]) => [JSON.parse(key) as string, valueOf(value)]))
}

/** White space as it may stand between two tokens, most often none. */
export const spacing = fc.oneof(
  { weight: 3, arbitrary: fc.constant(['']) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom('', ' ', '\t', '  ', '\r\n', '\n'), { minLength: 1, maxLength: 7 }) }
)

/** White space that stays on one line. */
export const lineSpacing = fc.oneof(
  { weight: 3, arbitrary: fc.constant(['']) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom('', ' ', '\t', '\r'), { minLength: 1, maxLength: 7 }) }
)

const NUMBERS = [
  '0', '-0', '1', '-1', '12.5', '0.10', '1e5', '1E+2', '2.50e-3', '-1.5', '9007199254740993', '12345678901234567890',
  '123456789012345678901', '0.3000000000000000000001', '1e-400', '-12345678901234567.25'
]

/** A string literal, quotes included: plain, or each character spelled in one of the ways there are. */
export const stringLiteral = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => JSON.stringify(text)),
  fc.string({ unit: 'binary', maxLength: 4 }).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '""', '"a"', '"\\u0061"', '"\\/"', '"/"', '"\\\\"', '"\\""', '"\\ud83d\\ude39"', '"😹"', '"\\ud800"', '"\\u0000"', '"é"', '"e\u0301"', '"\u007f"',
    '" , : "', '"\\t{\\n}"', '"\\\\\\\\"', '"[\\"]"'
  )
)

/** A key: few different ones, so that they repeat, some of them spelled in two ways. */
export const keyLiteral = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('"a"', '"\\u0061"', '"\\\\"', '"\\""', '"b"', '"10"', '"2"', '"\\u0032"', '"-1"', '""', '"é"', '"\\u00e9"', '"constructor"', '"length"', '"a/b~c"') },
  { weight: 1, arbitrary: stringLiteral }
)

/** Any JSON value, at most some five levels deep. */
export const tree: fc.Arbitrary<Tree> = fc.letrec<{ value: Tree, array: Tree, object: Tree, leaf: Tree }>((tie) => ({
  leaf: fc.oneof(fc.constantFrom('true', 'false', 'null'), fc.constantFrom(...NUMBERS), stringLiteral).map(scalar),
  array: fc.array(tie('value'), { maxLength: 4 }).map((items) => ({ kind: 'array', items })),
  object: fc.array(fc.tuple(keyLiteral, tie('value')), { maxLength: 6 }).map((members) => ({ kind: 'object', members })),
  value: fc.oneof({ depthSize: 'small', maxDepth: 5, withCrossShrink: true }, { weight: 2, arbitrary: tie('leaf') }, { weight: 1, arbitrary: tie('array') }, { weight: 2, arbitrary: tie('object') })
})).value

/** A value within so many arrays and objects. */
export function nested(levels: number, innermost: Tree): Tree {
  let value = innermost
  for (let level = levels; level > 0; level--) {
    value = level % 2 === 0 ? { kind: 'array', items: [value] } : { kind: 'object', members: [['"k"', value]] }
  }
  return value
}
