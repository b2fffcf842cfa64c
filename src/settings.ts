/**
 * The settings: one schema, from the environment's variables to a typed object. Everything that is said about a
 * setting (its default, its bounds, its description, the lines of `--help`, the table in the README) comes from here.
 */
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Ajv, type ErrorObject } from 'ajv'
import { envSchema } from 'env-schema'
import { StringEnum } from '../schemas/index.ts'

const MIB = 1024 * 1024

/** Characters that may go into `Authorization: Bearer` (RFC 6750, section 2.1). */
const KEY_PATTERN = '^[A-Za-z0-9._~+/-]+=*$'

/** A comma-separated list of items; white space around an item and empty items do not count. */
function List(item: { pattern: string, expected: string }, description: string) {
  return Type.Unsafe<string[]>({ type: 'string', default: '', list: item, description })
}

const Bytes = (bytes: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: bytes, minimum, maximum, description: `${description} In bytes.` })

/** Every setting, by the name of its environment variable. */
export const SettingsSchema = Type.Object({
  STORE: StringEnum(['memory', 'journal'] as const, { default: 'memory', description: 'Where events are kept. `memory` forgets everything on restart; `journal` keeps it in DATA_DIR.' }),
  DATA_DIR: Type.String({ default: './data', description: 'Folder of the journal; made if it does not exist.' }),
  JOURNAL_SYNC: StringEnum(['full', 'normal'] as const, { default: 'full', description: 'What acknowledged events survive in the journal: `full` power loss, `normal` only the end of the process.' }),
  PORT: Type.Integer({ default: 8080, minimum: 0, maximum: 65535, description: 'Port to listen on; 0 takes any free one.' }),
  HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on; 0.0.0.0 for every one.' }),
  LOG_LEVEL: StringEnum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const, { default: 'info', description: 'Least severe log lines to write.' }),
  MAX_BODY_BYTES: Bytes(10 * MIB, 1024, 1024 * MIB, 'Largest body of one request, as sent and decompressed.'),
  MAX_EVENTS: Type.Integer({ default: 10_000, minimum: 1, maximum: 1_000_000, description: 'Most events of one request.' }),
  DEDUP_CAPACITY: Type.Integer({ default: 20_000_000, minimum: 1, maximum: 67_000_000, description: 'Most event ids to remember; the oldest are forgotten first.' }),
  USER_CAPACITY: Type.Integer({ default: 5_000_000, minimum: 1, maximum: 60_000_000, description: 'Most users to know; beyond, events of further users are unavailable.' }),
  EVENT_LOG_BYTES: Bytes(256 * MIB, MIB, 64 * 1024 * MIB, 'How much of the newest events is kept for reading and resuming.'),
  MAX_SUBSCRIBERS: Type.Integer({ default: 10_000, minimum: 0, maximum: 1_000_000, description: 'Most live connections at a time.' }),
  SHUTDOWN_TIMEOUT: Type.Integer({ default: 8, minimum: 1, maximum: 600, description: 'Most seconds that a stop may take.' }),
  WRITE_KEYS: List({ pattern: KEY_PATTERN, expected: 'keys of letters, digits and -._~+/' }, 'Keys that may send events, separated by commas; unset: everybody may.'),
  READ_KEYS: List({ pattern: KEY_PATTERN, expected: 'keys of letters, digits and -._~+/' }, 'Keys that may read, separated by commas; unset: everybody may.'),
  ALLOWED_ORIGINS: List({ pattern: '^(https?://[^/?#\\s]+|\\*)$', expected: 'origins such as https://example.com, or *' }, 'Origins of other sites whose pages may use the service, separated by commas; unset: only the same origin.'),
  RATE_LIMIT: Type.Integer({ default: 0, minimum: 0, maximum: 1_000_000, description: 'Most requests a second that one client may send to POST /events; 0: any number.' })
}, { additionalProperties: false })

/** The settings of one process. */
export type Settings = Static<typeof SettingsSchema>

/** The name of a setting. */
export type SettingName = keyof Settings

const NAMES = Object.keys(SettingsSchema.properties) as SettingName[]

/** Settings whose values are never printed. */
const SECRETS: ReadonlySet<string> = new Set<SettingName>(['WRITE_KEYS', 'READ_KEYS'])

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
const ajv = new Ajv({ allErrors: true, removeAdditional: true, useDefaults: true, coerceTypes: true, strictNumbers: false })
  .addKeyword({
    keyword: 'list',
    type: 'string',
    modifying: true,
    errors: false,
    compile: ({ pattern }: { pattern: string }) => (text: string, at) => {
      const items = text.split(',').map((item) => item.trim()).filter((item) => item !== '')
      if (at !== undefined) at.parentData[at.parentDataProperty] = items
      return items.every((item) => new RegExp(pattern).test(item))
    }
  })

/**
 * Reads the settings. An empty variable counts as one that is not set.
 * @throws SettingsError with every mistake at once
 */
export function loadSettings(env: NodeJS.ProcessEnv): Settings {
  const data: Record<string, string> = {}
  for (const name of NAMES) if (env[name]) data[name] = env[name]
  try {
    return envSchema<Settings>({ schema: SettingsSchema, data, env: false, ajv })
  } catch (error) {
    const { errors } = error as { errors?: ErrorObject[] }
    if (errors === undefined) throw error
    throw new SettingsError(errors.map((mistake) => describeMistake(mistake, env)))
  }
}

function describeMistake({ instancePath }: ErrorObject, env: NodeJS.ProcessEnv): string {
  const name = instancePath.slice(1) as SettingName
  const given = SECRETS.has(name) ? '' : `, not ${JSON.stringify(env[name])}`
  return `${name} must be ${expectation(SettingsSchema.properties[name])}${given}`
}

/** What a value must be; text may be anything. */
function expectation(schema: TSchema): string {
  if (schema.list !== undefined) return schema.list.expected
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`
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
