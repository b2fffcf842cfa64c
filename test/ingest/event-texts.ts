/**
 * Texts of events as they come in: most as the service itself would write them, some a little odd, some wrong. Where
 * wrong and right lie close together, both are here.
 */
import fc from 'fast-check'
import { EVENT_TYPES, USER_ID_MAX_LENGTH, type Event } from '../../schemas/index.ts'
import { FUTURE_TOLERANCE } from '../../src/ingest/slow-path.ts'
import { keyLiteral, lineSpacing, nested, render, scalar, stringLiteral, tree, type Tree } from './json-trees.ts'

/** The core's now. */
export const NOW = Date.UTC(2026, 10, 23, 14, 5, 9, 120)

/** An event that is canonical as it stands, without properties. */
export const CANONICAL: Event = {
  event_id: '0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7b', user_id: 'ada', event_type: 'click', timestamp: '2026-11-23T14:05:09.120Z'
}

const literal = (text: string): string => JSON.stringify(text)

const hex = fc.stringMatching(/^[0-9a-f]{32}$/)

/** An id of a version and variant that exist. */
const goodId = fc.tuple(hex, fc.constantFrom(...'12345678'), fc.constantFrom(...'89ab'), fc.constantFrom('lower', 'lower', 'upper', 'mixed'))
  .map(([digits, version, variant, letters]) => {
    const d = digits.slice(0, 12) + version + digits.slice(13, 16) + variant + digits.slice(17)
    const id = `${d.slice(0, 8)}-${d.slice(8, 12)}-${d.slice(12, 16)}-${d.slice(16, 20)}-${d.slice(20)}`
    if (letters === 'lower') return id
    return letters === 'upper' ? id.toUpperCase() : id.replace(/[a-f]/, (letter) => letter.toUpperCase())
  })

const oddId = fc.oneof(
  fc.constantFrom(
    '"00000000-0000-0000-0000-000000000000"', '"ffffffff-ffff-ffff-ffff-ffffffffffff"', '"0191f0c4-9d5c-0a3e-8b1f-2c3d4e5f6a7b"', '"0191f0c4-9d5c-9a3e-8b1f-2c3d4e5f6a7b"',
    '"0191f0c4-9d5c-7a3e-7b1f-2c3d4e5f6a7b"', '"0191f0c4-9d5c-7a3e-cb1f-2c3d4e5f6a7b"', '"0191f0c49d5c7a3e8b1f2c3d4e5f6a7b"', '"0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7"',
    '"0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7b0"', '"0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7g"', '"0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7\\u0062"', '"{0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7b}"',
    '"0191f0c49-d5c-7a3e-8b1f-2c3d4e5f6a7b"', '""', 'null', '7', '[]', '{"event_id":1}'
  ),
  goodId.map((id) => literal(`urn:uuid:${id}`))
)

const goodUser = fc.oneof(
  fc.constantFrom('ada', 'user-42', 'constructor', '__proto__', 'a b', "o'neil", '~', '{}', ',', 'x'.repeat(USER_ID_MAX_LENGTH)).map(literal),
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }).map(literal)
)

const oddUser = fc.oneof(
  fc.constantFrom(
    '""', '"\\u0061"', '"\\n"', '"\u007f"', '"\\u007f"', '"\u0085"', '"\\ud800"', '"\\ud83d\\ude39"', '"😹"', '"é"', '" "', '"\\/"', '"\\\\"', '"\\""', '"\ufeff"', 'null', '1', '[]', '{}'
  ),
  fc.constantFrom('x', 'é', '😹', '"').chain((letter) => fc.integer({ min: USER_ID_MAX_LENGTH - 1, max: USER_ID_MAX_LENGTH + 1 }).map((length) => literal(letter.repeat(length)))),
  stringLiteral
)

const oddType = fc.constantFrom(
  ...EVENT_TYPES.flatMap((type) => [type.toUpperCase(), `${type}s`, type.slice(0, -1), ` ${type}`].map(literal)),
  ...EVENT_TYPES.map((type) => `"\\u00${type.charCodeAt(0).toString(16)}${type.slice(1)}"`),
  '""', 'null', '0', 'true', '{}'
)

/** Two digits. */
export const two = (number: number): string => String(number).padStart(2, '0')

/** An offset of so many minutes; of -0, `-00:00`. */
export function offsetText(minutes: number): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 || Object.is(minutes, -0) ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** A timestamp that is good, in any offset and with any number of digits after the second. */
export const otherTime = fc.record({
  second: fc.integer({ min: 0, max: Math.floor(NOW / 1000) }),
  fraction: fc.stringMatching(/^(\.[0-9]{1,9})?$/),
  offset: fc.oneof(fc.constantFrom(undefined, 0, -0), fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 }))
}).map(({ second, fraction, offset }) => {
  const local = new Date(second * 1000 + (offset ?? 0) * 60_000).toISOString().slice(0, 19) + fraction
  return local + (offset === undefined ? 'Z' : offsetText(offset))
})

const keptTime = fc.oneof(
  fc.integer({ min: NOW - 8 * 86_400_000, max: NOW + FUTURE_TOLERANCE }),
  fc.integer({ min: 0, max: NOW }),
  fc.constantFrom(0, NOW, NOW + FUTURE_TOLERANCE)
).map((time) => new Date(time).toISOString())

const goodTime = fc.oneof({ weight: 3, arbitrary: keptTime }, { weight: 1, arbitrary: otherTime }).map(literal)

/** Most of them in the past, so that nothing else is wrong with them. */
const oddTime = fc.oneof(
  fc.constantFrom(NOW + FUTURE_TOLERANCE + 1, NOW + 86_400_000, -1, -86_400_000, Date.UTC(9999, 11, 31)).map((time) => literal(new Date(time).toISOString())),
  fc.constantFrom(
    '2026-11-22T14:05:09Z', '2026-11-22T14:05:09.1Z', '2026-11-22T14:05:09.120999999Z', '2026-11-22t14:05:09.120z', '2026-11-22T15:05:09.120+01:00', '2026-11-22T14:05:09.120-00:00',
    '2026-02-29T00:00:00.000Z', '2024-02-29T00:00:00.000Z', '2026-02-30T00:00:00.000Z', '2026-00-10T00:00:00.000Z', '2026-13-10T00:00:00.000Z', '2026-11-00T00:00:00.000Z',
    '2026-11-31T00:00:00.000Z', '2026-11-22T24:00:00.000Z', '2026-11-22T23:59:60.000Z', '2026-11-22T23:60:00.000Z', '2026-11-22 14:05:09.120Z', '2026-11-22T14:05:09.120',
    '2026-11-22T14:05:09,120Z', '2026-11-22T14:05:09.12aZ', '0026-11-23T14:05:09.120Z', '2026-11-22T14:05:09.1200Z', '2026-11-1:T14:05:09.120Z', '2026-11-22T14:05:09.120+0100'
  ).map(literal),
  fc.constantFrom('"2026-11-22T14:05:09.120\\u005a"', '""', 'null', '1795442709120', '[]')
)

const numberText = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
  fc.constantFrom(
    '0', '-0', '-0.0', '19.90', '1e3', '-1', '1e400', '-1e400', '12345678901234567890', '123456789012345678901', '0.000000000000000000001', '1234567890.1234567890', '9'.repeat(400), '-1.5', '1E-2'
  )
)

const page = fc.oneof({ weight: 6, arbitrary: fc.webPath().map(literal) }, { weight: 1, arbitrary: fc.oneof(stringLiteral, fc.constantFrom('null', '1', '{}', '[]', 'true')) })
const amount = fc.oneof({ weight: 4, arbitrary: fc.nat(9999).map((cents) => String(cents / 100)) }, { weight: 1, arbitrary: fc.oneof(numberText, fc.constantFrom('null', '"1"', 'true', '[]')) })

type Members = [key: string, value: Tree][]

/** Properties as most senders have them. */
const commonProperties: fc.Arbitrary<Members> = fc.tuple(
  fc.option(page), fc.option(amount), fc.option(page), fc.array(fc.tuple(fc.constantFrom('"ref"', '"é"', '"ab"', '"plan"'), tree), { maxLength: 2 })
).map(([page, amount, product, more]) => [
  ...(page === null ? [] : [['"page"', scalar(page)]] satisfies Members),
  ...(amount === null ? [] : [['"amount"', scalar(amount)]] satisfies Members),
  ...(product === null ? [] : [['"product_id"', scalar(product)]] satisfies Members),
  ...more
])

const oddKey = fc.oneof(keyLiteral, fc.constantFrom(
  '"__proto__"', '"\\u005f_proto__"', '"__proto"', '"__proto___"', '"page"', '"p\\u0061ge"', '"amount"', '"product_id"', '"amounts"', '"event_id"', '"toString"'
))

/** A value in so many levels of arrays and objects that one more would be too many, or is. */
const deepValue = fc.tuple(fc.integer({ min: 12, max: 18 }), fc.constantFrom(scalar('1'), scalar('1e400'), { kind: 'object', members: [['"__proto__"', scalar('1')]] } satisfies Tree, { kind: 'array', items: [] } satisfies Tree))
  .map(([levels, value]) => nested(levels, value))

const properties = fc.oneof(
  { weight: 8, arbitrary: commonProperties.map((members): Tree => ({ kind: 'object', members })) },
  { weight: 1, arbitrary: fc.array(fc.tuple(oddKey, fc.oneof(tree, numberText.map(scalar), deepValue)), { maxLength: 5 }).map((members): Tree => ({ kind: 'object', members })) },
  { weight: 1, arbitrary: fc.integer({ min: 62, max: 67 }).map((count): Tree => ({ kind: 'object', members: Array.from({ length: count }, (_, i) => [`"k${i % 66}"`, scalar('1')]) })) },
  { weight: 1, arbitrary: fc.oneof(tree, fc.constantFrom('null', '[]', '0', '"{}"').map(scalar)) }
)

const mostly = (good: fc.Arbitrary<string>, odd: fc.Arbitrary<string>): fc.Arbitrary<Tree> =>
  fc.oneof({ weight: 24, arbitrary: good }, { weight: 1, arbitrary: odd }).map(scalar)

const EXTRA_KEYS = ['"id"', '"properties"', '"event_typ"', '"event_types"', '"timestam"', '"user_ids"', '"p"', '""', '"__proto__"', '"constructor"', '"a/b"']

const extraMember: fc.Arbitrary<Members> = fc.oneof(
  { weight: 24, arbitrary: fc.constant<Members>([]) },
  // A field repeated, unknown, or spelled in another way.
  { weight: 1, arbitrary: goodId.map((id): Members => [['"event_id"', scalar(literal(id))]]) },
  { weight: 1, arbitrary: goodUser.map((user): Members => [['"user_\\u0069d"', scalar(user)]]) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...EXTRA_KEYS), tree).map((member): Members => [member]) }
)

/** An event as a tree. */
export const eventTree: fc.Arbitrary<Tree & { kind: 'object' }> = fc.record({
  id: mostly(goodId.map(literal), oddId),
  user: mostly(goodUser, oddUser),
  type: mostly(fc.constantFrom(...EVENT_TYPES).map(literal), oddType),
  time: mostly(goodTime, oddTime),
  properties: fc.option(properties),
  extra: extraMember,
  missing: fc.oneof({ weight: 24, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.nat(3) }),
  /** Each member changes places with another. */
  order: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(fc.nat(6), { maxLength: 7 }) })
}).map(({ id, user, type, time, properties, extra, missing, order }) => {
  const required: Members = [['"event_id"', id], ['"user_id"', user], ['"event_type"', type], ['"timestamp"', time]]
  const members: Members = [
    ...required.filter((_, i) => i !== missing), ...(properties === null ? [] : [['"properties"', properties]] satisfies Members), ...extra
  ]
  for (const [i, j] of order.entries()) if (i < members.length && j < members.length) [members[i], members[j]] = [members[j], members[i]]
  return { kind: 'object', members }
})

/** The text of an event, on one line. */
export const eventText: fc.Arbitrary<string> = fc.tuple(eventTree, fc.oneof({ weight: 4, arbitrary: fc.constant(['']) }, { weight: 1, arbitrary: lineSpacing }))
  .map(([event, spaces]) => render(event, spaces))
