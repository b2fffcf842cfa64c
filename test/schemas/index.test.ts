import { Type } from '@sinclair/typebox'
import t from 'tap'
import { EXAMPLES } from '../../schemas/examples.ts'
import {
  CLIENT_FRAMES, ClientFrame, Count, Event, EventError, EventPageQuery, HTTP_SCHEMAS, IngestQuery, LIVE_SCHEMAS, LiveQuery, REJECTION_CODES, ref, SERVER_FRAMES,
  ServerFrame, StreamQuery, StringEnum, SummaryQuery, TimeSeriesQuery, UNAVAILABLE_CODES, UsersQuery, type EventType
} from '../../schemas/index.ts'
import { checkAll, checkTable } from '../table.ts'
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

t.test('every schema has a name of its own, which is its title', async (t) => {
  const ids = NAMED.map(({ $id }) => $id!)
  t.equal(new Set(ids).size, ids.length, 'no two schemas have the same')
  checkAll(t, ids, (id) => /^[A-Z][A-Za-z]+$/.test(id), 'each is a word')
  checkTable(t, NAMED.map(({ $id, title }) => [$id!, title, $id]), 'each is the title')
})

t.test('every reference leads to a schema that was registered before', async (t) => {
  const before = new Set<string>()
  const wrong: string[] = []
  let references = 0
  for (const schema of NAMED) {
    for (const { $ref } of objectsOf(written(schema))) {
      if ($ref === undefined) continue
      references++
      if (!(typeof $ref === 'string' && $ref.endsWith('#') && before.has($ref.slice(0, -1)))) wrong.push(`${String($ref)} in ${schema.$id}`)
    }
    before.add(schema.$id!)
  }
  t.same(wrong, [])
  t.ok(references > 20, `${references} references`)
  checkAll(t, Object.entries(QUERIES), ([, schema]) => ![...objectsOf(written(schema))].some((part) => '$ref' in part || '$id' in part), 'queries have none', ([name]) => name)
})

t.test('every schema can be compiled, strictly', async (t) => {
  checkAll(t, NAMED, ({ $id }) => typeof validatorOf($id!) === 'function', 'those with a name', ({ $id }) => $id!)
  checkAll(t, Object.values(QUERIES), (schema) => typeof compile(schema) === 'function', 'those of queries')
})

t.test('no schema has what generators of clients stumble over', async (t) => {
  const found: string[] = []
  for (const schema of [...NAMED, ...Object.values(QUERIES)]) {
    for (const part of objectsOf(written(schema))) {
      const name = `${schema.$id ?? 'a query'}: ${JSON.stringify(part).slice(0, 60)}`
      if (Array.isArray(part.items) || part.prefixItems !== undefined) found.push(`a tuple in ${name}`)
      if (part.discriminator !== undefined || part.allOf !== undefined || part.not !== undefined) found.push(`an unusual keyword in ${name}`)
      if (Array.isArray(part.oneOf) && !part.oneOf.every((branch) => typeof (branch as { $ref?: string }).$ref === 'string')) found.push(`oneOf without names in ${name}`)
      if (Array.isArray(part.enum) && part.type !== 'string') found.push(`an enum that is not of strings in ${name}`)
    }
  }
  t.same(found, [])
})

t.test('what is sent to the service is closed', async (t) => {
  t.notOk(validatorOf('Event')({ ...EXAMPLES.Event, other: 1 }), 'Event')
  const frames = CLIENT_FRAMES.map(({ $id }) => $id!)
  checkAll(t, frames, (id) => validatorOf(id)(EXAMPLES[id as 'WatchFrame']), 'frames')
  checkAll(t, frames, (id) => !validatorOf(id)({ ...EXAMPLES[id as 'WatchFrame'], other: 1 }), 'frames with another field')
  const queries = Object.entries(QUERIES)
  const name = ([name]: readonly [string, object]): string => name
  checkAll(t, queries, ([, schema]) => compile(schema)({}), 'queries ask for nothing', name)
  checkAll(t, queries, ([, schema]) => !compile(schema)({ other: 'x' }), 'queries with another parameter', name)
  const parameters = queries.flatMap(([, { properties }]) => Object.values<{ default?: unknown }>(properties)).filter((part) => part.default !== undefined)
  checkAll(t, parameters, (part) => compile(part)(part.default), 'defaults', (part) => JSON.stringify(part))
})

t.test('what the service answers may gain fields', async (t) => {
  const sent = new Set<string>(['Event', 'EventBatch', ...CLIENT_FRAMES.map(({ $id }) => $id!)])
  const answered = Object.entries(EXAMPLES).filter(([name]) => !sent.has(name))
  checkAll(t, answered, ([name, example]) => validatorOf(name)({ ...example, other: 1 }), 'each with another field', ([name]) => name)
})

t.test('each frame is of one kind', async (t) => {
  for (const [union, frames] of [[ServerFrame, SERVER_FRAMES], [ClientFrame, CLIENT_FRAMES]] as const) {
    const types = frames.map(({ properties }) => properties.type.const)
    t.equal(new Set(types).size, types.length)
    const validate = validatorOf(union.$id!)
    const ids = frames.map(({ $id }) => $id!)
    const exampleOf = (id: string): object => EXAMPLES[id as 'WatchFrame']
    checkAll(t, ids, (id) => validate(exampleOf(id)), `each is a ${union.$id}`)
    checkTable(t, ids.map((id) => [id, ids.filter((other) => validatorOf(other)(exampleOf(id))), [id]]), 'and of no other kind')
    checkAll(t, ids, (id) => !validate({ ...exampleOf(id), type: 'other' }), 'not of another type')
    t.notOk(validate({}), 'no type')
  }
})

t.test('every code of a single event is listed once', async (t) => {
  t.same(EventError.properties.code.enum, [...REJECTION_CODES, ...UNAVAILABLE_CODES])
  t.equal(new Set([...REJECTION_CODES, ...UNAVAILABLE_CODES]).size, REJECTION_CODES.length + UNAVAILABLE_CODES.length)
})

t.test('building blocks make the schemas that they name', async (t) => {
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
