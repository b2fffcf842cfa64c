/**
 * How schemas are published: the one step between the schemas that requests are judged by and those that OpenAPI and
 * AsyncAPI show. Validators know neither `int64` nor `x-` keywords and refuse what senders must not add; generators of
 * clients need the former, and of the latter make clients that cannot read an answer that has gained something.
 */

/** A schema, or a part of one, as JSON. */
export interface PublicSchema {
  [keyword: string]: unknown
}

/** Published schemas by their names. */
export type Components = Record<string, PublicSchema>

/**
 * What a format that only this service knows is published as. Patterns mean the same in ECMAScript, RE2, Java and Python.
 * A format that clients make a type of has no pattern beside it: some would match the pattern with that type, and fail.
 */
const FORMATS: Readonly<Record<string, PublicSchema>> = {
  'event-timestamp': { format: 'date-time' },
  'user-id': { pattern: '^[^\\x00-\\x1F\\x7F-\\x9F]+$' }
}

/** Widths of numbers; without them some generators take 32 bits. */
const NUMBERS: Readonly<Record<string, PublicSchema>> = {
  integer: { format: 'int64' },
  number: { format: 'double' }
}

/** Names that would collide with one that every browser has. */
const NAMES: Readonly<Record<string, string>> = { Event: 'ActivityEvent' }

/** Sets of strings that may grow: published as strings whose known values are listed. */
const OPEN_ENUMS: readonly string[] = ['EventErrorCode', 'FrameErrorCode', 'GapReason', 'HealthStatus', 'LivenessStatus', 'StoreKind']

/** Names of variables for values that are none. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = { TimeWindow: ['ONE_HOUR', 'ONE_DAY', 'SEVEN_DAYS'] }

/** The name under which a schema is published. */
export function publicName(name: string): string {
  return NAMES[name] ?? name
}

/** A reference to a published schema. */
export function publicRef(name: string): { $ref: string } {
  return { $ref: `#/components/schemas/${publicName(name)}` }
}

/** The name in a reference, be it of the schemas (`Event#`) or of a document (`#/components/schemas/Event`). */
const referred = (ref: string) => ref.replace(/#$/, '').split('/').at(-1)!

const mapValues = (object: object, map: (value: PublicSchema) => PublicSchema) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]))

/** The keywords of an enum. */
function publishEnum(name: string, values: unknown): PublicSchema {
  if (OPEN_ENUMS.includes(name)) return { 'x-extensible-enum': values }
  return { enum: values, ...(name in VARIABLES && { 'x-enum-varnames': VARIABLES[name] }) }
}

/** A schema without its name, its parts published. */
function publishBody(schema: PublicSchema, components: Components): PublicSchema {
  const { $id, additionalProperties, format, enum: values, default: preset, ...body } = schema
  if (preset !== undefined && values === undefined) body.default = preset
  if (values !== undefined) Object.assign(body, publishEnum(String(schema.title), values))
  if (typeof format === 'string') Object.assign(body, FORMATS[format] ?? { format })
  if (typeof body.type === 'string') Object.assign(body, NUMBERS[body.type])
  if (additionalProperties !== undefined && additionalProperties !== false) body.additionalProperties = additionalProperties

  const part = (inner: PublicSchema) => publish(inner, components)
  if (body.title !== undefined) body.title = publicName(String(body.title))
  if (body.properties !== undefined) body.properties = mapValues(body.properties as object, part)
  if (body.items !== undefined) body.items = part(body.items as PublicSchema)
  for (const keyword of ['anyOf', 'oneOf']) {
    if (Array.isArray(body[keyword])) body[keyword] = body[keyword].map(part)
  }
  return simplifyNullable(body)
}

/** `anyOf` of one plain type and null, said with `type`, which more generators understand. */
function simplifyNullable({ anyOf, ...body }: PublicSchema): PublicSchema {
  if (!Array.isArray(anyOf)) return body
  const [other, nothing, ...more] = anyOf as PublicSchema[]
  if (nothing?.type !== 'null' || typeof other.type !== 'string' || more.length > 0) return { ...body, anyOf }
  return { ...other, ...body, type: [other.type, 'null'] }
}

/**
 * Publishes a schema: what has a title becomes a component of that name, to which a reference is given back.
 * @param schema as it is registered, as JSON; it stays as it is
 * @param components takes the named schemas
 */
export function publish(schema: PublicSchema, components: Components): PublicSchema {
  if (typeof schema.$ref === 'string') return publicRef(referred(schema.$ref))
  if (schema.title === undefined) return publishBody(schema, components)
  const name = publicName(String(schema.title))
  components[name] ??= publishBody(schema, components)
  return publicRef(name)
}
