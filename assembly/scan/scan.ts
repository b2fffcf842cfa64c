/**
 * The scan: reads one event after the other out of a chunk of a body, in one go, and writes them into columns and, the way they
 * are kept, into the output. It stops before the first event that it is not sure of, and the host takes that one the slow
 * path. Compiled to WebAssembly, where sixteen bytes are looked at in one step.
 */
import { COMMA, NEWLINE, RETURN, SPACE, TAB } from './bytes'
import { readEvent } from './event'
import { INDICES, MOST_EVENTS, OUTPUT } from './memory'
import { out, writeByte, writeFrom } from './output'
import { keepToLine, skipLines } from './whitespace'

export { setLimits } from './limits'
export * from './memory'

/** Events are the items of an array, or one a line. */
const LINES: u32 = 1

/** Where the last run ended. */
let end: usize = 0
/** Whether an event begins there that was not read; else it is after an event that was, and in lines after its line. */
let atEvent: bool = false

export function runEnd(): usize {
  return end
}

export function isAtEvent(): bool {
  return atEvent
}

/** Bytes that the last run wrote. */
export function outputBytes(): u32 {
  return <u32>(out - OUTPUT)
}

/**
 * Reads at most `room` events, the first of which begins at `at`, and returns how many.
 * @param stop the end of the chunk
 * @param isLast whether nothing of the body is after the chunk
 * @param layout 0 for items of an array, 1 for lines
 * @param latest latest timestamp that is allowed, in milliseconds since 1970
 * @param index number of the first event in its request
 * @param shift what makes an address in the output the offset that the host knows
 */
export function run(at: usize, stop: usize, isLast: bool, layout: u32, latest: f64, index: u32, shift: i32, room: u32): u32 {
  const most = min(room, MOST_EVENTS)
  keepToLine(layout === LINES)
  atEvent = true
  end = at
  let written = OUTPUT
  for (let count: u32 = 0; ; count++) {
    writeFrom(written)
    if (count === most) return count
    const eventEnd = readEvent(end, count, latest, shift)
    let next: usize = 0
    if (eventEnd !== 0) next = layout === LINES ? lineEnd(eventEnd, stop, isLast) : skipLines(eventEnd)
    if (next === 0) {
      writeFrom(written)
      return count
    }
    writeByte(COMMA)
    written = out
    store<u32>(INDICES + 4 * count, index + count)
    if (layout === LINES) {
      end = skipLines(next)
      if (end < stop) continue
    } else if (load<u8>(next) === COMMA) {
      const item = skipLines(next + 1)
      if (item < stop) {
        end = item
        continue
      }
    }
    end = eventEnd
    atEvent = false
    return count + 1
  }
}

/** The end of the line whose event ends at `at`; 0 where there is something else in it, or its end is not known. */
function lineEnd(at: usize, stop: usize, isLast: bool): usize {
  let i = at
  let byte = load<u8>(i)
  while (byte === SPACE || byte === TAB || byte === RETURN) byte = load<u8>(++i)
  return byte === NEWLINE || (i === stop && isLast) ? i : 0
}
