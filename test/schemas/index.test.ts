import { Type } from '@sinclair/typebox'
import t from 'tap'
import { EXAMPLES } from '../../schemas/examples.ts'
import {
  CLIENT_FRAMES, ClientFrame, Count, Event, EventError, EventPageQuery, HTTP_SCHEMAS, IngestQuery, LIVE_SCHEMAS, LiveQuery, REJECTION_CODES, ref, SERVER_FRAMES,
  ServerFrame, StreamQuery, StringEnum, SummaryQuery, TimeSeriesQuery, UNAVAILABLE_CODES, UsersQuery, type EventType
} from '../../schemas/index.ts'
import { compile, validatorOf } from './validators.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** A schema as it is written into documents. */
const written = (schema: object): Json => JSON.parse(JSON.stringify(schema)) as Json

/** Every object within a schema, the schema itself first. */
function * objectsOf(schema: Json): Generator<{ [key: string]: Json }> {
  if (typeof schema !== 'object' || schema === null) return
  if (!Array.isArray(schema)) yield schema
  for (const member of Object.values(schema)) yield * objectsOf(member)
}

const QUERIES = { EventPageQuery, IngestQuery, LiveQuery, StreamQuery, SummaryQuery, TimeSeriesQuery, UsersQuery }
const NAMED = [...HTTP_SCHEMAS, ...LIVE_SCHEMAS]

t.test('names', async (t) => {
  const ids = NAMED.map(({ $id }) => $id!)
  t.equal(new Set(ids).size, ids.length, 'no two schemas have the same')
  for (const schema of NAMED) {
    t.match(schema.$id, /^[A-Z][A-Za-z]+$/, `${schema.$id}`)
    t.equal(schema.title, schema.$id, `the title of ${schema.$id} is its name`)
  }
})

t.test('every reference leads to a schema that was registered before', async (t) => {
  const before = new Set<string>()
  let references = 0
  for (const schema of NAMED) {
    for (const { $ref } of objectsOf(written(schema))) {
      if ($ref === undefined) continue
      references++
      t.ok(typeof $ref === 'string' && $ref.endsWith('#') && before.has($ref.slice(0, -1)), `${$ref} in ${schema.$id}`)
    }
    before.add(schema.$id!)
  }
  t.ok(references > 20, `${references} references`)
  for (const [name, schema] of Object.entries(QUERIES)) {
    t.notOk([...objectsOf(written(schema))].some((part) => '$ref' in part || '$id' in part), `${name} has none`)
  }
})

t.test('every schema can be compiled, strictly', async (t) => {
  for (const { $id } of NAMED) t.doesNotThrow(() => validatorOf($id!), $id!)
  for (const [name, schema] of Object.entries(QUERIES)) t.doesNotThrow(() => compile(schema), name)
})

t.test('nothing that generators of clients stumble over', async (t) => {
  for (const schema of [...NAMED, ...Object.values(QUERIES)]) {
    for (const part of objectsOf(written(schema))) {
      const name = `${schema.$id ?? 'a query'}: ${JSON.stringify(part).slice(0, 60)}`
      if (Array.isArray(part.items) || part.prefixItems !== undefined) t.fail(`a tuple in ${name}`)
      if (part.discriminator !== undefined || part.allOf !== undefined || part.not !== undefined) t.fail(`an unusual keyword in ${name}`)
      if (Array.isArray(part.oneOf) && !part.oneOf.every((branch) => typeof (branch as { $ref?: string }).$ref === 'string')) t.fail(`oneOf without names in ${name}`)
      if (Array.isArray(part.enum) && part.type !== 'string') t.fail(`an enum that is not of strings in ${name}`)
    }
    t.pass(schema.$id ?? 'a query')
  }
})

t.test('what is sent to the service is closed', async (t) => {
  t.notOk(validatorOf('Event')({ ...EXAMPLES.Event, other: 1 }), 'Event')
  for (const frame of CLIENT_FRAMES) {
    const example = EXAMPLES[frame.$id as 'WatchFrame']
    t.ok(validatorOf(frame.$id!)(example), frame.$id!)
    t.notOk(validatorOf(frame.$id!)({ ...example, other: 1 }), `${frame.$id} with another field`)
  }
  for (const [name, schema] of Object.entries(QUERIES)) {
    t.ok(compile(schema)({}), `${name} asks for nothing`)
    t.notOk(compile(schema)({ other: 'x' }), `${name} with another parameter`)
    for (const part of Object.values(schema.properties) as { default?: unknown }[]) {
      if (part.default !== undefined) t.ok(compile(part)(part.default), `the default ${String(part.default)} of ${name}`)
    }
  }
})

t.test('what the service answers may gain fields', async (t) => {
  const sent = new Set<string>(['Event', 'EventBatch', ...CLIENT_FRAMES.map(({ $id }) => $id!)])
  for (const [name, example] of Object.entries(EXAMPLES)) {
    if (!sent.has(name)) t.ok(validatorOf(name)({ ...example, other: 1 }), name)
  }
})

t.test('each frame is of one kind', async (t) => {
  for (const [union, frames] of [[ServerFrame, SERVER_FRAMES], [ClientFrame, CLIENT_FRAMES]] as const) {
    const types = frames.map(({ properties }) => properties.type.const)
    t.equal(new Set(types).size, types.length)
    const validate = validatorOf(union.$id!)
    for (const { $id } of frames) {
      const example = EXAMPLES[$id as 'WatchFrame']
      t.ok(validate(example), `${$id} is a ${union.$id}`)
      t.same(frames.filter((other) => validatorOf(other.$id!)(example)).map((other) => other.$id), [$id])
      t.notOk(validate({ ...example, type: 'other' }), `${$id} of another type`)
    }
    t.notOk(validate({}), 'no type')
  }
})

t.test('the codes of single events', async (t) => {
  t.same(EventError.properties.code.enum, [...REJECTION_CODES, ...UNAVAILABLE_CODES])
  t.equal(new Set([...REJECTION_CODES, ...UNAVAILABLE_CODES]).size, REJECTION_CODES.length + UNAVAILABLE_CODES.length)
})

t.test('building blocks', async (t) => {
  t.same(written(StringEnum(['a', 'b'], { description: 'x' })), { type: 'string', enum: ['a', 'b'], description: 'x' })
  t.same(written(Count('x')), { type: 'integer', minimum: 0, description: 'x' })
  t.same(written(ref(Event)), { $ref: 'Event#' })
  t.throws(() => ref(Type.String()), TypeError, 'what has no name cannot be referred to')
  const isInstant = validatorOf('UserCount')
  t.ok(isInstant({ user_id: 'x', total_events: 0, last_seen: null }))
  t.notOk(isInstant({ user_id: 'x', total_events: -1, last_seen: null }), 'a count is never negative')
  t.notOk(isInstant({ user_id: 'x', total_events: 0.5, last_seen: null }), 'nor a fraction')
  t.notOk(isInstant({ user_id: 'x', total_events: 0, last_seen: 'yesterday' }))
})

t.test('the types follow the schemas', async (t) => {
  // Held by `tsc`; a comment that expects an error is itself an error where there is none.
  const type: EventType = 'click'
  const event: Event = { event_id: 'x', user_id: 'x', event_type: type, timestamp: 'x', properties: { page: 'x', amount: 1, product_id: 'x', more: [] } as Event['properties'] }
  // @ts-expect-error not one of the types
  const unknown: EventType = 'refund'
  // @ts-expect-error without a user
  const incomplete: Event = { event_id: 'x', event_type: 'click', timestamp: 'x' }
  // @ts-expect-error an amount is a number
  const wrong: Event = { ...event, properties: { amount: '1' } }
  t.notOk(validatorOf('Event')({ ...event, event_type: unknown }))
  t.notOk(validatorOf('Event')(incomplete))
  t.notOk(validatorOf('Event')(wrong))
})
