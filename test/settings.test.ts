import { Ajv } from 'ajv'
import t from 'tap'
import { describeSettings, helpText, loadSettings, SettingsError, SettingsSchema } from '../src/settings.ts'

const NAMES = Object.keys(SettingsSchema.properties)

function mistakes(env: Record<string, string>): readonly string[] {
  try {
    loadSettings(env)
    return []
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    return error.mistakes
  }
}

t.test('the schema is one', async (t) => {
  const ajv = new Ajv()
  t.ok(ajv.validateSchema(SettingsSchema), ajv.errorsText())
})

t.test('the defaults', async (t) => {
  t.same(loadSettings({}), {
    STORE: 'memory',
    DATA_DIR: './data',
    JOURNAL_SYNC: 'full',
    REDIS_NODES: [],
    REDIS_PREFIX: 'events',
    REDIS_PARTITIONS: 16,
    REDIS_USERNAME: '',
    REDIS_PASSWORD: '',
    REDIS_TLS: 'off',
    REDIS_WAIT: 0,
    PORT: 8080,
    HOST: '127.0.0.1',
    BASE_PATH: '',
    LOG_LEVEL: 'info',
    MAX_BODY_BYTES: 10_485_760,
    MAX_EVENTS: 10_000,
    FAST_PATH: 'on',
    DEDUP_CAPACITY: 20_000_000,
    USER_CAPACITY: 5_000_000,
    EVENT_LOG_BYTES: 268_435_456,
    MAX_SUBSCRIBERS: 10_000,
    SHUTDOWN_TIMEOUT: 8,
    WRITE_KEYS: [],
    READ_KEYS: [],
    ALLOWED_ORIGINS: [],
    TRUST_PROXY: [],
    RATE_LIMIT: 0
  })
  const optional = NAMES.filter((name) => !/_KEYS$/.test(name))
  t.same(loadSettings(Object.fromEntries(optional.map((name) => [name, '']))), loadSettings({}), 'an empty variable is not set')
  t.same(loadSettings({ PATH: '/bin', HOME: '/', __proto__: 'x' }), loadSettings({}), 'other variables do not matter')
})

t.test('what is set', async (t) => {
  t.match(loadSettings({
    PORT: '0',
    HOST: '0.0.0.0',
    LOG_LEVEL: 'debug',
    MAX_EVENTS: '5',
    RATE_LIMIT: '100',
    WRITE_KEYS: ' a , shop:b,,c ',
    READ_KEYS: 'x.y~z_-',
    ALLOWED_ORIGINS: 'https://a.example,http://localhost:3000',
    TRUST_PROXY: '10.0.0.1, fd00::/8'
  }), {
    PORT: 0,
    HOST: '0.0.0.0',
    LOG_LEVEL: 'debug',
    MAX_EVENTS: 5,
    RATE_LIMIT: 100,
    WRITE_KEYS: [{ key: 'a' }, { name: 'shop', key: 'b' }, { key: 'c' }],
    READ_KEYS: [{ key: 'x.y~z_-' }],
    ALLOWED_ORIGINS: ['https://a.example', 'http://localhost:3000'],
    TRUST_PROXY: [{ address: '10.0.0.1', prefix: 32 }, { address: 'fd00::', prefix: 8 }]
  })
  t.same(loadSettings({ ALLOWED_ORIGINS: '*' }).ALLOWED_ORIGINS, ['*'])
})

t.test('one mistake at a time', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['STORE', 'postgres', /STORE must be one of memory, journal, redis, not "postgres"/],
    ['STORE', 'redis', /REDIS_NODES must name a node/],
    ['REDIS_NODES', 'localhost', /REDIS_NODES: "localhost" is no node/],
    ['REDIS_PREFIX', 'a b', /REDIS_PREFIX must be 1 to 32 letters/],
    ['BASE_PATH', '/events-api/', /BASE_PATH must be a path such as \/events-api, with no slash at its end/],
    ['BASE_PATH', 'events', /BASE_PATH must be a path/],
    ['PORT', 'http', /PORT must be a whole number from 0 to 65535, not "http"/],
    ['PORT', '65536', /65535/],
    ['PORT', '-1', /PORT/],
    ['PORT', '80.5', /PORT/],
    ['PORT', 'NaN', /PORT/],
    ['PORT', 'Infinity', /PORT/],
    ['LOG_LEVEL', 'loud', /LOG_LEVEL must be one of fatal, error/],
    ['MAX_BODY_BYTES', '10MiB', /MAX_BODY_BYTES/],
    ['DEDUP_CAPACITY', '2000000001', /2000000000/],
    ['USER_CAPACITY', '60000001', /60000000/],
    ['EVENT_LOG_BYTES', '1048575', /1048576/],
    ['SHUTDOWN_TIMEOUT', '0', /from 1 to/],
    ['RATE_LIMIT', '-5', /RATE_LIMIT/],
    ['ALLOWED_ORIGINS', 'shop.example', /^ALLOWED_ORIGINS: "shop.example" is no origin/],
    ['TRUST_PROXY', '1', /^TRUST_PROXY: "1" is no address/]
  ]
  for (const [name, value, message] of cases) {
    const found = mistakes({ [name]: value })
    t.equal(found.length, 1, `${name}=${value}`)
    t.match(found[0], message)
  }
})

t.test('every mistake at once', async (t) => {
  const found = mistakes({ STORE: 'x', PORT: 'x', HOST: 'fine', MAX_EVENTS: '0', SHUTDOWN_TIMEOUT: 'x', WRITE_KEYS: 'top secret', ALLOWED_ORIGINS: 'x' })
  t.same(found.map((line) => line.split(/:? /)[0]).sort(), ['ALLOWED_ORIGINS', 'MAX_EVENTS', 'PORT', 'SHUTDOWN_TIMEOUT', 'STORE', 'WRITE_KEYS'])
})

t.test('help and table come from the schema', async (t) => {
  const rows = describeSettings()
  t.same(rows.map((row) => row.name), NAMES)
  for (const { name, default: byDefault, description } of rows) {
    t.ok(description.length > 10, name)
    t.match(helpText(), new RegExp(`^  ${name} .*${description.replace(/[^a-zA-Z ]/g, '.')}`, 'm'))
    if (byDefault !== '') t.match(helpText(), `(default ${byDefault})`)
  }
})
