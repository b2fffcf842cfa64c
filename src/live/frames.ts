/** The server's frames on a WebSocket, as bytes. Events are the very bytes that the log keeps. */
import type { Receipt, ServerFrame, Summary, TimeWindow } from '../../schemas/index.ts'
import type { Page } from '../backends/backend.ts'
import type { Encoding, Gap } from './encoding.ts'
import type { FrameError, FrameId } from './frame-error.ts'
import type { Location } from '../backends/backend.ts'

function encode(frame: ServerFrame): Buffer {
  return Buffer.from(JSON.stringify(frame))
}

/** What a subscriber on a WebSocket is told. */
export const socketEncoding: Encoding = {
  name: 'frames',

  events(page: Page, count: number, cursor: string): Buffer {
    return page.enclose(count, `{"type":"events","cursor":${JSON.stringify(cursor)},"events":[`, ']}')
  },

  silence(cursor: string): Buffer {
    return encode({ type: 'events', cursor, events: [] })
  },

  gap(gap: Gap): Buffer {
    return encode({ type: 'gap', ...gap })
  }
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
