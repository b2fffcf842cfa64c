/**
 * The settings: one schema, from the environment's variables to a typed object. Everything that is said about a
 * setting (its default, its bounds, its description, the lines of `--help`, the table in the README) comes from here.
 */
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Ajv, type ErrorObject } from 'ajv'
import { envSchema } from 'env-schema'
import { findNotDecimal, OWN_SCHEMAS, StringEnum } from '../schemas/index.ts'
import { MAX_DEDUP_CAPACITY } from './backends/core/dedup/dedup-index.ts'
import { MIN_LOG_BYTES } from './backends/core/log/event-log.ts'
import { MAX_USER_CAPACITY } from './backends/core/users/user-table.ts'
import { MAX_PARTITIONS } from './backends/redis/cursor.ts'
import { readKeys } from './settings/access-key.ts'
import type { ListReader } from './settings/list.ts'
import { readNodes } from './settings/node.ts'
import { readOrigins } from './settings/origin.ts'
import { readProxies } from './settings/proxy.ts'

const MIB = 1024 * 1024

/** A list of items separated by commas; unset, it has none. */
function List<T>(read: ListReader<T>, description: string) {
  return Type.Unsafe<T[]>({ default: [], list: read, description })
}

const Bytes = (bytes: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: bytes, minimum, maximum, description: `${description} In bytes.` })

/** Every setting, by the name of its environment variable. */
export const SettingsSchema = Type.Object({
  STORE: StringEnum(['memory', 'journal', 'redis'] as const, {
    default: 'memory',
    description: 'Where events are kept. `memory` forgets everything on restart; `journal` keeps it in DATA_DIR; `redis` in a Redis or Valkey Cluster.'
  }),
  DATA_DIR: Type.String({ default: './data', description: 'Folder of the journal; made if it does not exist.' }),
  JOURNAL_SYNC: StringEnum(['full', 'normal'] as const, { default: 'full', description: 'What acknowledged events survive in the journal: `full` power loss, `normal` only the end of the process.' }),
  REDIS_NODES: List(readNodes, 'Some nodes of the Redis or Valkey Cluster, or its one server: host:port, separated by commas.'),
  REDIS_PREFIX: Type.String({ default: 'events', pattern: '^[A-Za-z0-9._-]{1,32}$', expects: '1 to 32 letters, digits and ._-', description: 'What all keys in the engine begin with; letters, digits and ._-' }),
  REDIS_PARTITIONS: Type.Integer({ default: 16, minimum: 1, maximum: MAX_PARTITIONS, description: 'Partitions of users; fixed once there are data.' }),
  REDIS_USERNAME: Type.String({ default: '', description: 'User at the engine; empty: the default one.' }),
  REDIS_PASSWORD: Type.String({ default: '', description: 'Password at the engine.' }),
  REDIS_TLS: StringEnum(['off', 'on'] as const, { default: 'off', description: 'Whether connections to the engine use TLS.' }),
  REDIS_WAIT: Type.Integer({ default: 0, minimum: 0, maximum: 5, description: 'Replicas of a master that must have an event before it is acknowledged.' }),
  PORT: Type.Integer({ default: 8080, minimum: 0, maximum: 65535, description: 'Port to listen on; 0 takes any free one.' }),
  HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on; 0.0.0.0 for every one.' }),
  BASE_PATH: Type.String({
    default: '',
    pattern: '^(?:/[A-Za-z0-9._~-]+)*$',
    expects: 'a path such as /events-api, with no slash at its end',
    description: 'Path under which a proxy serves the service, such as /events-api; problems and the OpenAPI document name it. The proxy removes it before it passes a request on.'
  }),
  LOG_LEVEL: StringEnum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const, { default: 'info', description: 'Least severe log lines to write.' }),
  MAX_BODY_BYTES: Bytes(10 * MIB, 1024, 1024 * MIB, 'Largest body of one request, as sent and decompressed.'),
  MAX_EVENTS: Type.Integer({ default: 10_000, minimum: 1, maximum: 1_000_000, description: 'Most events of one request.' }),
  FAST_PATH: StringEnum(['on', 'off'] as const, { default: 'on', description: 'Whether events may be read on the fast path. `off` changes no verdict and no byte, and is several times slower.' }),
  DEDUP_CAPACITY: Type.Integer({ default: 20_000_000, minimum: 1, maximum: MAX_DEDUP_CAPACITY, description: 'Most event ids to remember; the oldest are forgotten first.' }),
  USER_CAPACITY: Type.Integer({ default: 5_000_000, minimum: 1, maximum: MAX_USER_CAPACITY, description: 'Most users to know; beyond, events of further users are unavailable.' }),
  EVENT_LOG_BYTES: Bytes(256 * MIB, MIN_LOG_BYTES, 64 * 1024 * MIB, 'How much of the newest events is kept for reading and resuming.'),
  MAX_SUBSCRIBERS: Type.Integer({ default: 10_000, minimum: 0, maximum: 1_000_000, description: 'Most live connections at a time.' }),
  SHUTDOWN_TIMEOUT: Type.Integer({ default: 8, minimum: 1, maximum: 600, description: 'Most seconds that a stop may take.' }),
  WRITE_KEYS: List(readKeys, 'Keys that may send events, separated by commas: `key` or `name:key`; unset: everybody may.'),
  READ_KEYS: List(readKeys, 'Keys that may read, in the same form; unset: everybody may.'),
  ALLOWED_ORIGINS: List(readOrigins, 'Origins of other sites whose pages may use the service, such as https://example.com, separated by commas, or `*`; unset: only the same origin.'),
  TRUST_PROXY: List(readProxies, 'Proxies whose X-Forwarded-Host, -Proto and -For count, separated by commas: addresses, ranges such as 10.0.0.0/8, `loopback`, `uniquelocal`; unset: nobody\'s.'),
  RATE_LIMIT: Type.Integer({ default: 0, minimum: 0, maximum: 1_000_000, description: 'Most requests and WebSocket publishes a second that one client may send events with; 0: any number.' })
}, { additionalProperties: false })

/** The settings of one process. */
export type Settings = Static<typeof SettingsSchema>

/** The name of a setting. */
export type SettingName = keyof Settings

const NAMES = Object.keys(SettingsSchema.properties) as SettingName[]

/** Lists of keys. */
const KEY_LISTS: ReadonlySet<string> = new Set<SettingName>(['WRITE_KEYS', 'READ_KEYS'])

/** What is wrong with the environment: one line a mistake. */
export class SettingsError extends Error {
  override name = 'SettingsError'
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'))
    this.mistakes = mistakes
  }
}

// Without strictNumbers a bound also holds for Infinity.
const ajv = new Ajv({ ...OWN_SCHEMAS, allErrors: true, removeAdditional: true, useDefaults: true, coerceTypes: true, strictNumbers: false })
  .addKeyword('expects')
  .addKeyword({
    keyword: 'list',
    modifying: true,
    errors: false,
    compile: (read: ListReader<unknown>) => (text: unknown, at) => {
      if (typeof text !== 'string') return true // the default
      const { items, mistakes } = read(text)
      if (at !== undefined) at.parentData[at.parentDataProperty] = items
      return mistakes.length === 0
    }
  })

/**
 * Reads the settings. An empty variable counts as one that is not set, but for keys, whose absence lets in everybody.
 * @throws SettingsError with every mistake at once
 */
export function loadSettings(env: NodeJS.ProcessEnv): Settings {
  const data: Record<string, string> = {}
  for (const name of NAMES) if (env[name] || (env[name] === '' && KEY_LISTS.has(name))) data[name] = env[name]
  const notDecimal = findNotDecimal(SettingsSchema, data).map((name) => describeMistake(name, env))
  try {
    const settings = envSchema<Settings>({ schema: SettingsSchema, data, env: false, ajv })
    if (notDecimal.length > 0) throw new SettingsError(notDecimal)
    if (settings.STORE === 'redis' && settings.REDIS_NODES.length === 0) throw new SettingsError(['REDIS_NODES must name a node, as STORE is redis: host:port'])
    return settings
  } catch (error) {
    if (error instanceof SettingsError) throw error
    const { errors } = error as { errors?: ErrorObject[] }
    if (errors === undefined) throw error
    throw new SettingsError([...new Set([...notDecimal, ...errors.map(({ instancePath }) => describeMistake(instancePath.slice(1), env))])])
  }
}

function describeMistake(name: string, env: NodeJS.ProcessEnv): string {
  const schema: TSchema = SettingsSchema.properties[name as SettingName]
  if (schema.list !== undefined) return `${name}: ${schema.list(env[name]).mistakes.join('; ')}`
  return `${name} must be ${expectation(schema)}, not ${JSON.stringify(env[name])}`
}

/** What a value must be; text may be anything. */
function expectation(schema: TSchema): string {
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`
  if (schema.expects !== undefined) return schema.expects
  return `a whole number from ${schema.minimum} to ${schema.maximum}`
}

/** One setting as people read it. */
export interface SettingDescription {
  name: string
  /** Empty if there is none. */
  default: string
  description: string
}

/** All settings as people read them, in order: for `--help` and for the table in the README. */
export function describeSettings(): SettingDescription[] {
  return NAMES.map((name) => {
    const schema: TSchema = SettingsSchema.properties[name]
    const choices = schema.enum === undefined ? '' : ` One of ${schema.enum.join(', ')}.`
    return { name, default: String(schema.default), description: `${schema.description}${choices}` }
  })
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = describeSettings()
  const width = Math.max(...rows.map((row) => row.name.length))
  const lines = rows.map((row) => {
    const byDefault = row.default === '' ? '' : ` (default ${row.default})`
    return `  ${row.name.padEnd(width)}  ${row.description}${byDefault}`
  })
  return ['Usage: npm start', '', 'Settings are environment variables:', '', ...lines, ''].join('\n')
}
