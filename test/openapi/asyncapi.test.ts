import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { Parser } from '@asyncapi/parser'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { validate as isUuid } from 'uuid'
import { WebSocket } from 'ws'
import { EXAMPLES } from '../../schemas/examples.ts'
import { CLIENT_FRAMES, LiveQuery, SERVER_FRAMES } from '../../schemas/index.ts'
import { systemClock } from '../../src/backends/system-clock.ts'
import { parseTimestamp } from '../../src/ingest/timestamp.ts'
import { startServer } from '../harness.ts'

const text = readFileSync(new URL('../../openapi/asyncapi.json', import.meta.url), 'utf8')
const document = JSON.parse(text)

const typesOf = (frames: readonly { properties: { type: { const: string } } }[]) => frames.map((frame) => frame.properties.type.const).sort()

/** Whether the document has a faultless message for a frame. */
const ajv = new Ajv2020({ strict: false, formats: { int64: true, double: true, uuid: isUuid, 'date-time': (value: string) => !Number.isNaN(parseTimestamp(value)) } })
  .addSchema(document, 'asyncapi')

function faults({ type }: { type: string }, frame: unknown): unknown {
  const message = document.channels.live.messages[type].$ref.replace('#', '')
  const { payload } = document.components.messages[message.split('/').pop()]
  const validate = ajv.compile({ $ref: `asyncapi${payload.$ref}` })
  return validate(frame) ? [] : validate.errors
}

t.test('the document is valid AsyncAPI 3', async (t) => {
  const parser = new Parser()
  const { document: parsed, diagnostics } = await parser.parse(text)
  // severity 0 is an error, 1 a warning; that there is a newer AsyncAPI is neither
  t.same(diagnostics.filter(({ severity }) => severity <= 1), [])
  t.equal(parsed?.version(), '3.0.0')
  t.equal(parsed?.channels().get('live')?.address(), '/ws/events')
  const namesOf = (messages: { name(): string | undefined }[]) => messages.map((message) => message.name()!).sort()
  const operations = parsed!.operations().all()
  const sending = operations.filter((operation) => operation.action() === 'send')
  const receiving = operations.filter((operation) => operation.action() === 'receive')
  const sent = [...sending, ...receiving.map((operation) => operation.reply()!)].flatMap((operation) => namesOf(operation.messages().all()))
  t.same([...new Set(sent)].sort(), typesOf(SERVER_FRAMES), 'the service sends every frame, by itself or as a reply')
  t.same(receiving.flatMap((operation) => namesOf(operation.messages().all())).sort(), [...typesOf(CLIENT_FRAMES), 'batch', 'event'].sort())
  t.same(namesOf(parsed!.operations().get('receivePublish')!.reply()!.messages().all()), ['ack', 'error'])
})

t.test('every query parameter is in the binding', async (t) => {
  const { query } = document.channels.live.bindings.ws
  t.same(Object.keys(query.properties).sort(), Object.keys(LiveQuery.properties).sort())
  t.notMatch(text, /"\$id"|user-id|event-timestamp/, 'nothing in it is only known here')
})

t.test('every message shows an example that follows its schema', async (t) => {
  for (const message of Object.values<{ name: string, examples: { payload: { type: string } }[] }>(document.components.messages)) {
    t.equal(message.examples.length, 1)
    const [{ payload }] = message.examples
    if (message.name !== 'event' && message.name !== 'batch') t.equal(payload.type, message.name)
    t.same(faults({ type: message.name }, payload), [], message.name)
  }
})

t.test('the client frames that are shown are understood, and the answers are as documented', async (t) => {
  const now = Date.parse(EXAMPLES.Event.timestamp)
  const clock = { ...systemClock, wall: () => now }
  const { port } = await startServer(t, {}, { clock })
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/events?user_id=nobody`)
  t.teardown(() => socket.terminate())

  const frames: { type: string, id?: string | number, accepted?: number }[] = []
  socket.on('message', (data) => frames.push(JSON.parse(String(data))))
  async function receive(type: string) {
    while (frames.every((frame) => frame.type !== type)) await once(socket, 'message')
    return frames.find((frame) => frame.type === type)!
  }
  async function exchange(sent: { type: string, id?: string | number }, answer: string) {
    frames.length = 0
    socket.send(JSON.stringify(sent))
    const received = await receive(answer)
    t.match(received, answer === 'summary' ? {} : { id: sent.id }, `${sent.type} is answered with ${answer}`)
    for (const frame of frames) t.same(faults(frame, frame), [], frame.type)
    return received
  }

  await receive('welcome')
  t.match(await exchange(EXAMPLES.PublishFrame, 'ack'), { accepted: 4, duplicates: 0 })
  await exchange(EXAMPLES.SubscribeFrame, 'subscribed')
  t.match(frames, [{ type: 'subscribed', recovered: false }], 'the example\'s cursor is of another history')
  await exchange(EXAMPLES.WatchFrame, 'watching')
  await receive('summary')
  await exchange(EXAMPLES.UnwatchFrame, 'unwatched')
  await exchange(EXAMPLES.PingFrame, 'pong')
  await exchange(EXAMPLES.UnsubscribeFrame, 'subscribed')
  await exchange({ type: 'subscribe', id: 'x', after: '?' } as typeof EXAMPLES.SubscribeFrame, 'error')
})
