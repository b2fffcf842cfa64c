/**
 * What a subscriber is told over Server-Sent Events (HTML standard, section 9.2): a message an event, so that a browser
 * that reconnects by itself goes on right behind the last one it has seen.
 */
import type { Page } from '../backends/backend.ts'
import type { Encoding, Gap } from './encoding.ts'

/** Milliseconds after which a browser reconnects. */
const RETRY = 2000

const MESSAGE_END = '\n\n'

/** See above. */
export const messageEncoding: Encoding = {
  name: 'messages',

  // The canonical JSON of an event has no line break.
  events(page: Page, count: number): Buffer {
    // Between two events stand the end of one message and the head of the next.
    const heads: string[] = []
    let length = page.offsets[count] - count + MESSAGE_END.length
    for (let i = 0; i < count; i++) {
      const head = `${i === 0 ? '' : MESSAGE_END}id: ${page.cursorOf(i)}\ndata: `
      heads.push(head)
      length += head.length
    }
    const bytes = Buffer.allocUnsafeSlow(length)
    let at = 0
    for (let i = 0; i < count; i++) {
      at += bytes.write(heads[i], at, 'latin1')
      at += page.bytes.copy(bytes, at, page.offsets[i], page.offsets[i + 1] - 1)
    }
    bytes.write(MESSAGE_END, at, 'latin1')
    page.release()
    return bytes
  },

  // Without data nothing is dispatched, but the browser remembers the id; after a comment it would not.
  silence(cursor: string): Buffer {
    return Buffer.from(`id: ${cursor}${MESSAGE_END}`)
  },

  gap(gap: Gap): Buffer {
    return Buffer.from(`event: gap\nid: ${gap.cursor}\ndata: ${JSON.stringify({ type: 'gap', ...gap })}${MESSAGE_END}`)
  }
}

/** The beginning of a stream, from which on even one that breaks off before its first event can be resumed. */
export function openingMessage(cursor: string): Buffer {
  return Buffer.from(`retry: ${RETRY}\nid: ${cursor}${MESSAGE_END}`)
}
