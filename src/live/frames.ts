/**
 * All that is written to a peer, as bytes: what a subscriber is told, on a WebSocket as JSON text frames, over Server-Sent
 * Events as messages (HTML standard, section 9.2), and the answers to a client's frames. Events are the very bytes that the
 * log keeps.
 */
import type { GAP_REASONS, Receipt, ServerFrame, Summary, TimeWindow } from '../../schemas/index.ts'
import type { Location, Page } from '../backends/backend.ts'
import type { FrameError, FrameId } from './client-frame.ts'
import type { FrameMemory, FramePool } from './frame-pool.ts'

/** Why events were not delivered. */
export type GapReason = (typeof GAP_REASONS)[number]

/** Events that were not delivered: those between two cursors. */
export interface Gap {
  reason: GapReason
  after: string
  cursor: string
}

/** The bytes of a frame, and where they lie, with one reference, the receiver's. */
export interface FrameBytes {
  bytes: Buffer
  memory: FrameMemory
}

/** How a transport writes down what a subscriber is told. Each method makes the bytes of one or more whole frames. */
export interface Encoding {
  /** Names the encoding. */
  readonly name: string
  /**
   * The first `count` events of a page, at least one; `cursor` is the one after them.
   * @param memory where the page lies
   */
  events(page: Page, count: number, cursor: string, memory: FrameMemory, pool: FramePool): FrameBytes
  /** Nothing new up to this cursor. */
  heartbeat(cursor: string): Buffer
  gap(gap: Gap): Buffer
}

function encode(frame: ServerFrame): Buffer {
  return Buffer.from(JSON.stringify(frame))
}

/** What a subscriber on a WebSocket is told. */
export const socketEncoding: Encoding = {
  name: 'frames',

  events(page: Page, count: number, cursor: string, memory: FrameMemory): FrameBytes {
    const bytes = memory.enclose(`{"type":"events","cursor":${JSON.stringify(cursor)},"events":[`, page.offsets[count] - 1, ']}')
    return { bytes, memory: memory.retain() }
  },

  heartbeat(cursor: string): Buffer {
    return encode({ type: 'events', cursor, events: [] })
  },

  gap(gap: Gap): Buffer {
    return encode({ type: 'gap', ...gap })
  }
}

/** Milliseconds after which a reader reconnects, at least and at most, so that not all come back at once. */
const RETRY_MIN = 2000
const RETRY_MAX = 3000

const DATA = 'data: '
const MESSAGE_END = '\n\n'

/** What a subscriber is told over Server-Sent Events: a message an event, so that a browser goes on right after the last one it has seen. */
export const messageEncoding: Encoding = {
  name: 'messages',

  // The canonical JSON of an event has no line break. The id comes last: some libraries keep it as soon as its line ends,
  // and would not ask again for an event whose data was cut off after that.
  events(page: Page, count: number, _cursor: string, _memory: FrameMemory, pool: FramePool): FrameBytes {
    // After each event stand the end of its message and the head of the next one.
    const tails: string[] = []
    let length = DATA.length + page.offsets[count] - count
    for (let i = 0; i < count; i++) {
      const tail = `\nid: ${page.cursorOf(i)}${MESSAGE_END}${i === count - 1 ? '' : DATA}`
      tails.push(tail)
      length += tail.length
    }
    const memory = pool.acquire(length)
    const bytes = memory.events(length)
    let at = bytes.write(DATA, 0, 'latin1')
    for (let i = 0; i < count; i++) {
      at += page.bytes.copy(bytes, at, page.offsets[i], page.offsets[i + 1] - 1)
      at += bytes.write(tails[i], at, 'latin1')
    }
    return { bytes, memory }
  },

  // Without data nothing is dispatched, but the browser remembers the id; after a comment it would not.
  heartbeat(cursor: string): Buffer {
    return Buffer.from(`id: ${cursor}${MESSAGE_END}`)
  },

  gap(gap: Gap): Buffer {
    return Buffer.from(`event: gap\ndata: ${JSON.stringify({ type: 'gap', ...gap })}\nid: ${gap.cursor}${MESSAGE_END}`)
  }
}

/** What a reader has when its stream begins: nothing, a cursor, or a cursor and perhaps lines of the message that was cut off. */
export type ReaderState = 'new' | 'has cursor' | 'has lines'

/**
 * The beginning of a stream. A reader without a cursor is given one, so that even a stream that breaks off before its first
 * event can be resumed; others are not, because some libraries hand over a message without data as an empty one. One that
 * may still have lines of the message that was cut off, and would join them with the next message, gets an end for them under
 * a name that nobody listens to.
 * @param random from 0 to 1
 */
export function openingMessage(random: number, state: ReaderState, cursor: string): Buffer {
  const retry = `retry: ${Math.round(RETRY_MIN + random * (RETRY_MAX - RETRY_MIN))}\n`
  const rest = { new: `id: ${cursor}${MESSAGE_END}`, 'has cursor': '', 'has lines': `event: resumed${MESSAGE_END}` }[state]
  return Buffer.from(retry + rest)
}

/** The first frame of a connection. */
export function welcomeFrame({ cursor, recovered }: Location, heartbeatSeconds: number): Buffer {
  return encode({ type: 'welcome', cursor, recovered, heartbeat_seconds: heartbeatSeconds })
}

/** The answer to `subscribe` and `unsubscribe`. */
export function subscribedFrame(id: FrameId | undefined, { cursor, recovered }: Location): Buffer {
  return encode({ type: 'subscribed', id, cursor, recovered })
}

/** The answer to `publish`. */
export function ackFrame(id: FrameId | undefined, receipt: Receipt): Buffer {
  return encode({ type: 'ack', id, ...receipt })
}

/** A summary, for all who watch its window. */
export function summaryFrame(summary: Summary): Buffer {
  return encode({ type: 'summary', summary })
}

/** The answer to `watch` and `unwatch`. */
export function watchFrame(type: 'watching' | 'unwatched', id: FrameId | undefined, window: TimeWindow): Buffer {
  return encode({ type, id, time_window: window })
}

/** The answer to `ping`. */
export function pongFrame(id: FrameId | undefined): Buffer {
  return encode({ type: 'pong', id })
}

/** The answer to a frame that could not be carried out. */
export function errorFrame({ code, message, id }: FrameError): Buffer {
  return encode({ type: 'error', id, code, detail: message })
}
