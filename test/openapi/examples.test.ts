import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { validate as isUuid } from 'uuid'
import { EXAMPLES, bodyExamples } from '../../schemas/examples.ts'
import { HTTP_SCHEMAS, SERVER_FRAMES, CLIENT_FRAMES } from '../../schemas/index.ts'
import { publicName } from '../../schemas/publish.ts'
import { PROBLEMS, type ProblemCode } from '../../src/errors.ts'
import { parseTimestamp } from '../../src/ingest/timestamp.ts'
import { startApp } from '../harness.ts'
import { checkAll, checkTable, type Row } from '../table.ts'

interface Media { schema: { type?: string, $ref?: string }, example?: any, examples?: Record<string, { value: any }> }
interface Operation {
  operationId: string
  parameters?: { in: string, name: string, example?: string }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { content?: Record<string, Media> }>
}

const document = JSON.parse(readFileSync(new URL('../../openapi/openapi.json', import.meta.url), 'utf8'))
/** What a reference leads to. */
const resolve = <T extends object>(value: T & { $ref?: string }): T =>
  value.$ref === undefined ? value : value.$ref.slice(2).split('/').reduce((at, key) => at[key], document)

/** An operation with its shared parameters and responses in place. */
function resolved(operation: Operation): Operation {
  const responses = Object.fromEntries(Object.entries(operation.responses).map(([status, response]) => [status, resolve(response)]))
  return { ...operation, parameters: operation.parameters?.map(resolve), responses }
}

const operations = Object.entries<Record<string, Operation>>(document.paths)
  .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation: resolved(operation) })))

const ajv = new Ajv2020({
  strict: false,
  allErrors: true,
  formats: { int64: true, double: true, uuid: isUuid, 'date-time': (text: string) => !Number.isNaN(parseTimestamp(text)), 'uri-reference': (text: string) => URL.canParse(text, 'http://localhost') }
}).addSchema(document, 'openapi')

/** What is wrong with a value by a schema of the document; empty if nothing is. */
function faults(pointer: string, value: unknown): unknown {
  const validate = ajv.compile({ $ref: `openapi#${pointer}` })
  return validate(value) ? [] : validate.errors
}

const escape = (key: string) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))
const pointer = (...keys: string[]) => keys.map((key) => `/${escape(key)}`).join('')

const examplesOf = (media: Media) => [
  ...(media.example === undefined ? [] : [media.example]),
  ...Object.values(media.examples ?? {}).map(({ value }) => value)
]

t.test('every contract has an example', async (t) => {
  checkAll(t, [...HTTP_SCHEMAS, ...SERVER_FRAMES, ...CLIENT_FRAMES].map(({ $id }) => $id!), (id) => id in EXAMPLES, 'each has one')
})

t.test('every example of a schema follows it', async (t) => {
  const shown = HTTP_SCHEMAS.map(({ $id }) => publicName($id!))
  const schemas = document.components.schemas as Record<string, { examples?: unknown[] }>
  checkTable(t, shown.map((name) => [name, schemas[name].examples?.length, 1]), 'each shows one')
  checkTable(t, Object.entries(schemas).flatMap(([name, { examples = [] }]) =>
    examples.map((example): Row => [name, faults(pointer('components', 'schemas', name), example), []])), 'which follows it')
})

t.test('every example of a request or an answer follows its schema', async (t) => {
  const isShown: Row[] = []
  const follows: Row[] = []
  for (const { path, method, operation } of operations) {
    const at = ['paths', path, method]
    for (const [mediaType, media] of Object.entries(operation.requestBody?.content ?? {})) {
      isShown.push([`${operation.operationId}, ${mediaType}`, examplesOf(media).length > 0, true])
      for (const example of examplesOf(media)) {
        follows.push([`${operation.operationId}, ${mediaType}`, faults(pointer(...at, 'requestBody', 'content', mediaType, 'schema'), example), []])
      }
    }
    for (const [status, { content = {} }] of Object.entries(operation.responses)) {
      for (const media of Object.values(content)) {
        const examples = examplesOf(media)
        const { $ref } = media.schema
        isShown.push([`${operation.operationId} ${status}`, examples.length > 0 || $ref !== undefined, true])
        if ($ref === undefined) continue // a text
        for (const example of examples) follows.push([`${operation.operationId} ${status}`, faults($ref.slice(1), example), []])
      }
    }
  }
  checkTable(t, isShown, 'each has an example')
  checkTable(t, follows, 'which follows its schema')
})

t.test('every problem that is shown is one of the table, of the status at which it is shown', async (t) => {
  const shown: Row[] = []
  for (const { operation } of operations) {
    for (const [status, { content = {} }] of Object.entries(operation.responses)) {
      const media = content['application/problem+json']
      if (media === undefined) continue
      const { example } = media
      shown.push([
        `${operation.operationId} ${status}`,
        { type: example.type, title: example.title, status: example.status, isReceipt: 'accepted' in example },
        {
          type: `/problems/${example.code}`,
          title: PROBLEMS[example.code as ProblemCode].title,
          status: Number(status),
          isReceipt: /\/(Receipt|Unavailable)Problem$/.test(media.schema.$ref!)
        }
      ])
    }
  }
  checkTable(t, shown)
  t.ok(shown.length > 40)
})

t.test('every operation says what it is, what it answers and how it fails', async (t) => {
  const tags = document.tags.map(({ name }: { name: string }) => name)
  const all = operations.map(({ operation }) => operation as Operation & Record<'summary' | 'description', string> & { tags: string[] })
  const name = ({ operationId }: Operation): string => operationId
  checkAll(t, all, ({ summary, description, tags: own }) => summary !== '' && description !== '' && own.every((tag) => tags.includes(tag)), 'what it is', name)
  checkAll(t, all, ({ responses }) => ['400', '500', '503'].every((status) => status in responses), 'its problems', name)
  t.equal(new Set(all.map(name)).size, operations.length, 'no operationId twice')
})

t.test('the figures of the examples agree with each other [WIN-4]', async (t) => {
  const { Summary, TimeSeries, Receipt, ReceiptProblem } = EXAMPLES
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0)
  t.equal(sum(Object.values(Summary.events_by_type)), Summary.total_events)
  t.equal(sum(Summary.events_per_hour.map(({ count }) => count)), Summary.total_events)
  t.equal(sum(TimeSeries.series.map((step) => step.total_events)), Summary.total_events)
  for (const step of TimeSeries.series) t.equal(sum(Object.values(step.events_by_type)), step.total_events)
  for (const receipt of [Receipt, ReceiptProblem]) t.equal(receipt.errors.length, receipt.rejected + receipt.unavailable)
})

/** Posts every example of POST /events, each to a service of its own, as its media type says. */
async function postAll(t: Parameters<typeof startApp>[0], examples: Record<string, Media['examples']>, now?: number) {
  const clock = now === undefined ? undefined : { wall: () => now, monotonic: () => 0, uptime: () => 0 }
  for (const [mediaType, named] of Object.entries(examples)) {
    for (const [name, { value }] of Object.entries(named!)) {
      const app = await startApp(t, {}, { clock })
      const payload = typeof value === 'string' ? value : JSON.stringify(value)
      const answer = await app.inject({ method: 'POST', url: '/events', headers: { 'content-type': mediaType }, payload })
      const events = payload.split('"event_id"').length - 1
      t.equal(answer.statusCode, 200, `${mediaType} ${name}`)
      t.match(answer.json(), { accepted: events, duplicates: 0, rejected: 0, late: 0 })
      const summary = await app.inject('/analytics/summary?window=1h')
      t.equal(summary.json().total_events, events, 'and counted')
    }
  }
}

const postedExamples = (paths: any): Record<string, Media['examples']> =>
  Object.fromEntries(Object.entries<Media>(paths['/events'].post.requestBody.content).map(([mediaType, { examples }]) => [mediaType, examples]))

t.test('the bodies that are shown are accepted at the time that they name', async (t) => {
  await postAll(t, postedExamples(document.paths), Date.parse(EXAMPLES.Event.timestamp))
})

t.test('the bodies that Swagger UI shows are accepted now, and after every load anew', async (t) => {
  const app = await startApp(t)
  const load = async () => postedExamples((await app.inject('/docs/json')).json().paths)
  const first = await load()
  await postAll(t, first)

  const idsIn = (examples: object) => JSON.stringify(examples).match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g)!
  const ids = [...idsIn(first), ...idsIn(await load())]
  t.equal(new Set(ids).size, ids.length, 'no id is shown twice')
  t.equal(ids.length, 2 * idsIn(bodyExamples()).length)
  t.same((await app.inject('/openapi.json')).json(), document, 'the document itself stays as it is')
})

t.test('what can be tried out without filling anything in answers 200', async (t) => {
  const app = await startApp(t)
  const tried = []
  for (const { path, method, operation } of operations) {
    if (method !== 'get' || operation.responses[200].content!['text/event-stream'] !== undefined) continue
    const url = path.replaceAll(/\{(\w+)\}/g, (_, name) => operation.parameters!.find((parameter) => parameter.name === name)!.example!)
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 200, url)
    const [mediaType] = Object.keys(operation.responses[200].content!)
    t.ok(String(answer.headers['content-type']).startsWith(mediaType), `${url} is ${mediaType}`)
    if (mediaType === 'application/json') {
      t.same(faults(operation.responses[200].content![mediaType].schema.$ref!.slice(1), answer.json()), [], `${url} answers as documented`)
    }
    tried.push(url)
  }
  t.equal(tried.length, operations.length - 2, 'all but the POST and the stream')
})
