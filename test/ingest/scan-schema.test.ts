/**
 * The scan knows some rules of the event schema by heart. Here the schema itself says which events to try: every type,
 * limit and closed set at its edge and just over it. Then the schema is changed, rule by rule, and each change must show
 * as a disagreement: so no rule can be changed in one place only.
 */
import t from 'tap'
import { Ajv } from 'ajv'
import { Event, EVENT_MAX_BYTES, EVENT_TYPES, Properties, PROPERTIES_MAX_DEPTH, USER_ID_MAX_LENGTH } from '../../schemas/index.ts'
import { Batch } from '../../src/backends/batch.ts'
import { isEventId, isUserId, violationOf } from '../../src/ingest/event-validator.ts'
import { Layout, Scanner } from '../../src/ingest/scan.ts'
import { addSlowly, FUTURE_TOLERANCE } from '../../src/ingest/slow-path.ts'
import { parseTimestamp } from '../../src/ingest/timestamp.ts'
import { CANONICAL, NOW } from './event-texts.ts'

/** As much of JSON Schema as the event schema is made of. */
interface Schema {
  type: string
  enum?: string[]
  format?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  required?: string[]
  properties?: Record<string, Schema>
  additionalProperties?: boolean
}

/** The keywords that the probes below know how to try. */
const KNOWN_KEYWORDS = [
  '$id', 'title', 'description', 'examples', 'type', 'enum', 'format', 'minLength', 'maxLength', 'minimum', 'required', 'properties', 'additionalProperties'
]

const UUID = '0191f0c4-9d5c-7a3e-8b1f-2c3d4e5f6a7b'

/** Values of each format, and values that are nearly so. */
const FORMATS: Record<string, unknown[]> = {
  uuid: [
    UUID, UUID.toUpperCase(), '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', UUID.slice(1), `${UUID}0`, UUID.replaceAll('-', ''), UUID.replace('7', 'g'),
    ...Array.from('0123456789abcdef', (digit) => UUID.slice(0, 14) + digit + UUID.slice(15)),
    ...Array.from('0123456789abcdef', (digit) => UUID.slice(0, 19) + digit + UUID.slice(20))
  ],
  'user-id': ['a', ' ', '\u007f', '\u0080', '\u00a0', '\n', '\ud800', '😹', 'constructor', '__proto__'],
  'event-timestamp': [
    ...[0, NOW, NOW + FUTURE_TOLERANCE, -1].map((time) => new Date(time).toISOString()), '2026-11-21T14:05:09Z', '2026-11-21T14:05:09.120+00:00', '2026-11-21 14:05:09.120Z',
    '2026-02-29T14:05:09.120Z', '2024-02-29T14:05:09.120Z', '2026-11-31T14:05:09.120Z', '2026-11-21T24:00:00.000Z', '2026-11-21T14:60:00.000Z', '2026-11-21T14:05:60.000Z',
    '2026-11-22T23:59:59.999Z', '1969-12-31T23:59:59.999Z', '2026-11-21t14:05:09.120z', '2026-11-21T14:05:09.1209Z', 'x'.repeat(24),
    '2026-11-21T14:05:09.Z', '2026-11-21T14:05:09.1Z', '2026-11-21T14:05:09.123456789Z', '2026-11-21T14:05:09.1234567890Z', '2026-11-21T14:05:09+23:59', '2026-11-21T14:05:09-24:00',
    '2026-11-21T14:05:09-00:59', '2026-11-21T14:05:09+00:60', '2026-11-21T14:05:09+0000', '2026-11-21T14:05:09', '1969-12-31T23:30:00-01:00', '1970-01-01T00:00:00+00:01'
  ]
}

/** One value of each kind of JSON, as text. */
const KINDS = ['null', 'true', 'false', '0', '1', '-1', '0.5', '""', '"x"', '[]', '{}', '["x"]', '{"page":1}', '1e2', '"é"']

const TYPE_OF_KIND: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Texts to try as a value of a schema: of every kind, and at both sides of every limit. */
function probes(schema: Schema): string[] {
  const values: unknown[] = []
  if (schema.enum !== undefined) values.push(...schema.enum.flatMap((value) => [value, value.toUpperCase(), `${value}x`, value.slice(0, -1), ` ${value}`]))
  if (schema.format !== undefined) values.push(...FORMATS[schema.format])
  for (const limit of [schema.minLength, schema.maxLength]) {
    if (limit !== undefined) for (const length of [limit - 1, limit, limit + 1]) values.push('x'.repeat(Math.max(0, length)), 'é'.repeat(Math.max(0, length)), '😹'.repeat(Math.max(0, length)))
  }
  if (schema.minimum !== undefined) values.push(schema.minimum, schema.minimum + 0.001, schema.minimum - 0.001, schema.minimum + 1, schema.minimum - 1)
  return [...KINDS, ...values.map((value) => JSON.stringify(value))]
}

/** A text of the given members. */
function objectText(members: Record<string, string>): string {
  return `{${Object.entries(members).map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`
}

/** Events at every edge of a schema. */
function eventProbes(event: Schema): string[] {
  const valid: Record<string, string> = Object.fromEntries(Object.entries(CANONICAL).map(([key, value]) => [key, JSON.stringify(value)]))
  const texts = [objectText(valid)]
  for (const [field, schema] of Object.entries(event.properties!)) {
    for (const value of probes(schema)) texts.push(objectText({ ...valid, [field]: value }))
    const { [field]: _, ...rest } = valid
    texts.push(objectText(rest))
  }
  texts.push(objectText({ ...valid, other: '1' }))
  const { properties } = event.properties!
  for (const [field, schema] of Object.entries(properties.properties!)) {
    for (const value of probes(schema)) texts.push(objectText({ ...valid, properties: objectText({ [field]: value }) }), objectText({ ...valid, properties: objectText({ other: '1', [field]: value }) }))
  }
  for (const value of KINDS) texts.push(objectText({ ...valid, properties: objectText({ other: value }) }))
  // Together they hold every field at once.
  const all = Object.fromEntries(Object.entries(properties.properties!).map(([field, { type }]) => [field, KINDS.find((kind) => TYPE_OF_KIND[type]?.(JSON.parse(kind))) ?? 'null']))
  texts.push(objectText({ ...valid, properties: objectText(all) }))
  return texts
}

const scanner = new Scanner()

/** Whether the scan takes an event. */
function isScanned(text: string): boolean {
  return scanner.read(Buffer.from(text), 0, Layout.Items, new Batch(), 0, 1, NOW) === 1
}

/** Whether the slow path takes an event. */
function isTakenSlowly(text: string): boolean {
  const bytes = Buffer.from(text)
  return addSlowly(new Batch(), bytes, 0, bytes.length, 0, NOW) === undefined
}

/** Whether a schema allows an event; the slow path's judge made anew. */
function judgeOf(schema: Schema): (text: string) => boolean {
  const ajv = new Ajv({ strict: false, formats: { uuid: isEventId, 'user-id': isUserId, 'event-timestamp': (text: string) => !Number.isNaN(parseTimestamp(text)) } })
  const validate = ajv.compile(schema)
  return (text) => validate(JSON.parse(text))
}

/** What the scan leaves to the slow path although it may be right. */
function isBeyondScan(text: string): boolean {
  const { timestamp } = JSON.parse(text) as Record<string, unknown>
  return text.includes('1e2') || /[tz]/.test(String(timestamp))
}

/** Events on which the scan and a schema disagree: taken though not allowed, or left although allowed and as simple as can be. */
function disagreements(schema: Schema): string[] {
  const isAllowed = judgeOf(schema)
  return [...new Set([...eventProbes(changed(() => {})), ...eventProbes(schema)])].filter((text) => {
    const isRight = isAllowed(text)
    return isScanned(text) ? !isRight : isRight && !isBeyondScan(text)
  })
}

/** A copy of the event schema with something changed. */
function changed(change: (event: Required<Schema>, properties: Required<Schema>) => void): Schema {
  const event = JSON.parse(JSON.stringify(Event)) as Required<Schema>
  change(event, event.properties.properties as Required<Schema>)
  return event
}

t.test('the scan and the schema agree at every edge of the schema', async (t) => {
  const schema = changed(() => {})
  t.same(disagreements(schema), [])
  const texts = eventProbes(schema)
  const taken = texts.filter(isScanned)
  t.ok(taken.length > 50 && taken.length < texts.length / 2, `${taken.length} of ${texts.length} events were scanned`)
  const isAllowed = judgeOf(schema)
  t.same(texts.filter((text) => isAllowed(text) !== (violationOf(JSON.parse(text)) === undefined)), [], 'the judge made anew judges as the slow path does')
})

t.test('every rule of the schema is one that is tried here', async (t) => {
  const visit = (schema: Schema, path: string): void => {
    t.same(Object.keys(schema).filter((keyword) => !KNOWN_KEYWORDS.includes(keyword)), [], `keywords of ${path}`)
    if (schema.format !== undefined) t.ok(FORMATS[schema.format], `format of ${path}`)
    t.ok(TYPE_OF_KIND[schema.type], `type of ${path}`)
    for (const [name, property] of Object.entries(schema.properties ?? {})) visit(property, `${path}.${name}`)
  }
  visit(changed(() => {}), 'Event')
  t.same(Object.keys(Event.properties), ['event_id', 'user_id', 'event_type', 'timestamp', 'properties'], 'fields that the scan knows')
  t.same(Event.required, ['event_id', 'user_id', 'event_type', 'timestamp'], 'fields that it asks for')
  t.same(Object.keys(Properties.properties), ['page', 'amount', 'product_id'], 'keys that it holds to a type')
})

t.test('a schema that says something else disagrees', async (t) => {
  const changes: [name: string, schema: Schema][] = [
    ['another typed key', changed((_, properties) => { properties.properties.currency = { type: 'string' } })],
    ['another typed key, a number', changed((_, properties) => { properties.properties.quantity = { type: 'number' } })],
    ['a key that is typed no more', changed((_, properties) => { delete properties.properties.page })],
    ['page is a number', changed((_, properties) => { properties.properties.page = { type: 'number' } })],
    ['page may not be empty', changed((_, properties) => { properties.properties.page.minLength = 1 })],
    ['page has a longest length', changed((_, properties) => { properties.properties.page.maxLength = 100 })],
    ['page is one of a few', changed((_, properties) => { properties.properties.page.enum = ['/', '/home'] })],
    ['product_id is a number', changed((_, properties) => { properties.properties.product_id = { type: 'number' } })],
    ['amount is a string', changed((_, properties) => { properties.properties.amount = { type: 'string' } })],
    ['amount is above one', changed((_, properties) => { properties.properties.amount.minimum = 1 })],
    ['amount may be negative', changed((_, properties) => { properties.properties.amount.minimum = -1 })],
    ['properties are closed', changed((_, properties) => { properties.additionalProperties = false })],
    ['properties ask for a page', changed((_, properties) => { properties.required = ['page'] })],
    ['properties are an array', changed((event) => { event.properties.properties = { type: 'array', properties: {} } })],
    ['events are open', changed((event) => { event.additionalProperties = true })],
    ['properties are asked for', changed((event) => { event.required.push('properties') })],
    ...Event.required!.map((field): [string, Schema] => [`${field} is not asked for`, changed((event) => { event.required.splice(event.required.indexOf(field), 1) })]),
    ['another optional field', changed((event) => { event.properties.session_id = { type: 'string' } })],
    ['another field that is asked for', changed((event) => { event.properties.session_id = { type: 'string' }; event.required.push('session_id') })],
    ['a user id of two characters or more', changed((event) => { event.properties.user_id.minLength = 2 })],
    ['a user id of no characters', changed((event) => { event.properties.user_id.minLength = 0 })],
    ['a longer user id', changed((event) => { event.properties.user_id.maxLength! += 1 })],
    ['a shorter user id', changed((event) => { event.properties.user_id.maxLength! -= 1 })],
    ['an event id of any text', changed((event) => { delete event.properties.event_id.format })],
    ['a timestamp of any text', changed((event) => { delete event.properties.timestamp.format })],
    ['another type of event', changed((event) => { event.properties.event_type.enum!.push('refund') })],
    ...EVENT_TYPES.map((type): [string, Schema] => [`no events of type ${type}`, changed((event) => {
      event.properties.event_type.enum = event.properties.event_type.enum!.filter((other) => other !== type)
    })])
  ]
  for (const [name, schema] of changes) t.ok(disagreements(schema).length > 0, name)
})

t.test('at and just over each limit that is a constant', async (t) => {
  const withProperties = (text: string): string => `${JSON.stringify(CANONICAL).slice(0, -1)},"properties":${text}}`
  const both = (text: string): [boolean, boolean] => [isScanned(text), isTakenSlowly(text)]
  const edge = (name: string, at: string, over: string): void => {
    t.same(both(at), [true, true], `${name} at the limit`)
    t.same(both(over), [false, false], `${name} just over`)
  }
  for (const letter of ['x', 'é', '中', '😹']) {
    const user = (length: number): string => JSON.stringify({ ...CANONICAL, user_id: letter.repeat(length) })
    edge(`USER_ID_MAX_LENGTH of ${letter}`, user(USER_ID_MAX_LENGTH), user(USER_ID_MAX_LENGTH + 1))
  }

  const empty = withProperties('{"x":""}').length
  const large = (bytes: number): string => withProperties(`{"x":"${'x'.repeat(bytes - empty)}"}`)
  t.equal(large(EVENT_MAX_BYTES).length, EVENT_MAX_BYTES)
  edge('EVENT_MAX_BYTES', large(EVENT_MAX_BYTES), large(EVENT_MAX_BYTES + 1))

  for (const [open, close] of [['[', ']'], ['{"k":', '}']]) {
    const deep = (levels: number): string => withProperties(`{"k":${open.repeat(levels - 1)}1${close.repeat(levels - 1)}}`)
    edge(`PROPERTIES_MAX_DEPTH of ${open}`, deep(PROPERTIES_MAX_DEPTH), deep(PROPERTIES_MAX_DEPTH + 1))
  }

  const time = (ahead: number): string => JSON.stringify({ ...CANONICAL, timestamp: new Date(NOW + ahead).toISOString() })
  edge('FUTURE_TOLERANCE', time(FUTURE_TOLERANCE), time(FUTURE_TOLERANCE + 1))
})
