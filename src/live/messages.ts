/**
 * What a subscriber is told over Server-Sent Events (HTML standard, section 9.2): a message an event, so that a browser
 * that reconnects by itself goes on right behind the last one it has seen.
 */
import type { Page } from '../backends/backend.ts'
import type { Encoding, Gap } from './encoding.ts'

/** Milliseconds after which a reader reconnects, at least and at most, so that not all come back at once. */
const RETRY_MIN = 2000
const RETRY_MAX = 3000

const DATA = 'data: '
const MESSAGE_END = '\n\n'

/** See above. */
export const messageEncoding: Encoding = {
  name: 'messages',

  // The canonical JSON of an event has no line break. The id comes last: some libraries keep it as soon as its line ends,
  // and would not ask again for an event whose data was cut off after that.
  events(page: Page, count: number): Buffer {
    // After each event stand the end of its message and the head of the next one.
    const tails: string[] = []
    let length = DATA.length + page.offsets[count] - count
    for (let i = 0; i < count; i++) {
      const tail = `\nid: ${page.cursorOf(i)}${MESSAGE_END}${i === count - 1 ? '' : DATA}`
      tails.push(tail)
      length += tail.length
    }
    const bytes = Buffer.allocUnsafeSlow(length)
    let at = bytes.write(DATA, 0, 'latin1')
    for (let i = 0; i < count; i++) {
      at += page.bytes.copy(bytes, at, page.offsets[i], page.offsets[i + 1] - 1)
      at += bytes.write(tails[i], at, 'latin1')
    }
    page.release()
    return bytes
  },

  // Without data nothing is dispatched, but the browser remembers the id; after a comment it would not.
  silence(cursor: string): Buffer {
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
