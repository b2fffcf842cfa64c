/**
 * The AsyncAPI 3 document of the live connection, made of the very schemas that its frames are typed by. Directions are
 * the service's own: it sends the server frames and receives the client frames.
 */
import type { TSchema } from '@sinclair/typebox'
import { Summary } from './analytics.ts'
import { Event, EventBatch } from './event.ts'
import { EXAMPLES } from './examples.ts'
import {
  AckFrame, CLIENT_FRAMES, ErrorFrame, LiveQuery, PingFrame, PongFrame, PublishFrame, SERVER_FRAMES, SubscribedFrame, SubscribeFrame, UnsubscribeFrame,
  UnwatchedFrame, UnwatchFrame, WatchFrame, WatchingFrame
} from './live.ts'
import { publish, publicName, publicRef, type Components, type PublicSchema } from './publish.ts'
import { EventError } from './receipt.ts'

/** The schemas that frames refer to, by the `$id` that they are referred to by. */
const REFERENCED = [Event, EventBatch, EventError, Summary]

const DESCRIPTION = `Events as they are accepted, over one WebSocket of JSON text frames.

A connection begins with \`welcome\`; then events come in order of arrival, each once. What cannot be delivered any more
is told with \`gap\`, never left out silently. Reconnect with the last \`cursor\` as \`after\` and nothing is missed or
repeated. In silence an \`events\` frame without events comes every 25 seconds. Clients ignore the types and fields that
they do not know.

Where keys are set, a connection needs a read key and \`publish\` a write key: as \`Authorization: Bearer\`, from a browser
as the subprotocols \`events.v1\` and \`bearer.<key>\`, or as \`?key=\`.

Close codes: 1001 the service stops, 1002 a protocol error, 1003 a binary frame, 1007 text that is not UTF-8, 1008 three bad
frames within ten seconds, 1009 a frame is too big, 1011 the service failed. Overload is a 503 before the upgrade.`

/** A schema as JSON. */
const json = (schema: TSchema): PublicSchema => JSON.parse(JSON.stringify(schema))

const idOf = (schema: TSchema) => schema.$id as keyof typeof EXAMPLES

/** `EventsFrame` is the message `events`; a bare event and array, which have no type, are `event` and `batch`. */
function messageName(schema: TSchema): string {
  if (schema === Event) return 'event'
  return schema === EventBatch ? 'batch' : schema.properties.type.const as string
}

/** `EventsFrame`, also where the schema has another name than its contract. */
const componentName = (schema: TSchema) => publicName(idOf(schema))

function message(schema: TSchema) {
  return {
    name: messageName(schema),
    title: componentName(schema),
    summary: schema.description,
    contentType: 'application/json',
    payload: publicRef(idOf(schema)),
    examples: [{ name: messageName(schema), payload: EXAMPLES[idOf(schema)] }]
  }
}

const channel = { $ref: '#/channels/live' }
const messagesOf = (schemas: readonly TSchema[]) => schemas.map((schema) => ({ $ref: `#/channels/live/messages/${messageName(schema)}` }))

/** What clients send, and what it is answered with beside an `error`. */
const REQUESTS: readonly { id: string, title: string, messages: readonly TSchema[], answer: TSchema }[] = [
  { id: 'receivePublish', title: 'Events to accept', messages: [PublishFrame, Event, EventBatch], answer: AckFrame },
  { id: 'receiveSubscribe', title: 'A filter, or none', messages: [SubscribeFrame, UnsubscribeFrame], answer: SubscribedFrame },
  { id: 'receiveWatch', title: 'A window to watch', messages: [WatchFrame], answer: WatchingFrame },
  { id: 'receiveUnwatch', title: 'A window no longer to watch', messages: [UnwatchFrame], answer: UnwatchedFrame },
  { id: 'receivePing', title: 'A sign of life', messages: [PingFrame], answer: PongFrame }
]

/** What the service sends without being asked each time. */
const SENT = SERVER_FRAMES.filter((frame) => frame === ErrorFrame || REQUESTS.every(({ answer }) => answer !== frame))

function receiving({ id, title, messages, answer }: (typeof REQUESTS)[number]) {
  const reply = { channel, messages: messagesOf([answer, ErrorFrame]) }
  return [id, { action: 'receive', channel, title, summary: title, description: 'Answered in the order in which frames come.', messages: messagesOf(messages), reply }]
}

/**
 * Makes the document. The same version gives the same document.
 * @param basePath the path under which a proxy serves the service; empty without one
 */
export function asyncApiDocument(version: string, basePath = ''): object {
  const carried = [...SERVER_FRAMES, ...CLIENT_FRAMES, Event, EventBatch]
  const schemas: Components = {}
  for (const schema of [...REFERENCED, ...SERVER_FRAMES, ...CLIENT_FRAMES]) publish(json(schema), schemas)
  const query = publish(json(LiveQuery), schemas)
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Event processing service, live',
      version,
      description: DESCRIPTION,
      contact: { name: 'event-processing-service' },
      license: { name: 'MIT' },
      tags: [{ name: 'live', description: 'Events as they are accepted.' }]
    },
    defaultContentType: 'application/json',
    servers: {
      local: {
        host: 'localhost:8080',
        ...basePath !== '' && { pathname: basePath },
        protocol: 'ws',
        description: 'The service where its README starts it.',
        security: [{ $ref: '#/components/securitySchemes/key' }]
      }
    },
    channels: {
      live: {
        address: '/ws/events',
        title: 'The live connection',
        description: 'One WebSocket for both directions.',
        servers: [{ $ref: '#/servers/local' }],
        messages: Object.fromEntries(carried.map((schema) => [messageName(schema), { $ref: `#/components/messages/${componentName(schema)}` }])),
        bindings: { ws: { method: 'GET', query, bindingVersion: '0.1.0' } }
      }
    },
    operations: {
      sendFrames: {
        action: 'send',
        channel,
        title: 'What the service sends',
        summary: 'Events, gaps, summaries and errors.',
        description: 'What comes without being asked for each time. Clients ignore the types and fields that they do not know.',
        messages: messagesOf(SENT)
      },
      ...Object.fromEntries(REQUESTS.map(receiving))
    },
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'Where keys are set: a read key, and to publish a write key.' }
      },
      messages: Object.fromEntries(carried.map((schema) => [componentName(schema), message(schema)])),
      schemas
    }
  }
}
