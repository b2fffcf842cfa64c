/**
 * The AsyncAPI 3 document of the live connection, made of the very schemas that its frames are typed by. Directions are
 * the service's own: it sends the server frames and receives the client frames.
 */
import type { TSchema } from '@sinclair/typebox'
import { Summary } from './analytics.ts'
import { Event } from './event.ts'
import { EXAMPLES } from './examples.ts'
import { publicFormat } from './formats.ts'
import { CLIENT_FRAMES, LiveQuery, SERVER_FRAMES } from './live.ts'
import { EventError } from './receipt.ts'

/** The schemas that frames refer to, by the `$id` that they are referred to by. */
const REFERENCED = [Event, EventError, Summary]

const DESCRIPTION = `Events as they are accepted, over one WebSocket of JSON text frames.

A connection begins with \`welcome\`; then events come in order of arrival, each once. What cannot be delivered any more
is told with \`gap\`, never left out silently. Reconnect with the last \`cursor\` as \`after\` and nothing is missed or
repeated. In silence an \`events\` frame without events comes every 25 seconds. Clients ignore the types and fields that
they do not know.

Where keys are set, a connection needs a read key and \`publish\` a write key: as \`Authorization: Bearer\`, from a browser
as the subprotocols \`events.v1\` and \`bearer.<key>\`, or as \`?key=\`.

Close codes: 1001 the service stops, 1002 a protocol error, 1003 a binary frame, 1007 text that is not UTF-8, 1008 three bad
frames within ten seconds, 1009 a frame is too big, 1011 the service failed. Overload is a 503 before the upgrade.`

/** A schema as the document holds it: without its `$id`, its references pointing into the document. */
function documented(schema: TSchema): object {
  return JSON.parse(JSON.stringify(schema, (key, value) => {
    if (key === '$id') return undefined
    if (key === '$ref') return `#/components/schemas/${value.replace('#', '')}`
    return key === 'format' ? publicFormat(value) : value
  }))
}

const idOf = (schema: TSchema) => schema.$id as keyof typeof EXAMPLES

/** `EventsFrame` is the message `events`. */
const messageName = (frame: TSchema) => frame.properties.type.const as string

function message(frame: TSchema) {
  return {
    name: messageName(frame),
    title: frame.title,
    summary: frame.description,
    contentType: 'application/json',
    payload: { $ref: `#/components/schemas/${idOf(frame)}` },
    examples: [{ name: messageName(frame), payload: EXAMPLES[idOf(frame)] }]
  }
}

const messagesOf = (frames: readonly TSchema[]) => frames.map((frame) => ({ $ref: `#/channels/live/messages/${messageName(frame)}` }))

/** Makes the document. The same version gives the same document. */
export function asyncApiDocument(version: string): object {
  const frames = [...SERVER_FRAMES, ...CLIENT_FRAMES]
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Event processing service, live',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT' },
      tags: [{ name: 'live', description: 'Events as they are accepted.' }]
    },
    defaultContentType: 'application/json',
    servers: {
      local: { host: 'localhost:8080', protocol: 'ws', description: 'The service where its README starts it.' }
    },
    channels: {
      live: {
        address: '/ws/events',
        title: 'The live connection',
        description: 'One WebSocket for both directions.',
        servers: [{ $ref: '#/servers/local' }],
        messages: Object.fromEntries(frames.map((frame) => [messageName(frame), { $ref: `#/components/messages/${idOf(frame)}` }])),
        bindings: { ws: { method: 'GET', query: documented(LiveQuery), bindingVersion: '0.1.0' } }
      }
    },
    operations: {
      sendFrames: {
        action: 'send',
        channel: { $ref: '#/channels/live' },
        title: 'What the service sends',
        summary: 'Events, gaps, answers and summaries.',
        messages: messagesOf(SERVER_FRAMES)
      },
      receiveFrames: {
        action: 'receive',
        channel: { $ref: '#/channels/live' },
        title: 'What the service takes',
        summary: 'Events to publish, filters and windows to watch.',
        messages: messagesOf(CLIENT_FRAMES)
      }
    },
    components: {
      messages: Object.fromEntries(frames.map((frame) => [idOf(frame), message(frame)])),
      schemas: Object.fromEntries([...REFERENCED, ...frames].map((schema) => [schema.$id, documented(schema)]))
    }
  }
}
