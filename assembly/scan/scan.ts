/**
 * The scan: reads one event after the other out of a stretch of a body, in one go, into columns. It stops before the first
 * event that it is not sure of, and the host takes that one the plain way. Compiled to WebAssembly, where sixteen
 * bytes are looked at in one step.
 */
import { COMMA, NEWLINE, RETURN, skipSpace, SPACE, TAB } from './bytes'
import { readEvent } from './event'
import { forgetLoweredIds, loweredIds } from './event-id'
import { eventMaxBytes } from './limits'
import { INDICES, MOST_EVENTS } from './memory'
import { closeUp, spacedEnd } from './spaces'
import { KEPT_BYTES, timestampEnd, timestampStart } from './timestamp'
import { beginTranscript, transcribe } from './transcript'

export { setLimits } from './limits'
export * from './memory'
export { transcriptBytes } from './transcript'

/** Events are the items of an array, or one a line. */
const LINES: u32 = 1

/** Where the last run ended. */
let end: usize = 0
/** Whether an event begins there that was not read; else it is behind an event that was, and in lines behind its line. */
let atEvent: bool = false
/** Whether bytes before it were altered, which the host has to copy back. */
let altered: bool = false

export function runEnd(): usize {
  return end
}

export function isAtEvent(): bool {
  return atEvent
}

export function hasAltered(): bool {
  return altered
}

/**
 * Reads at most `room` events, the first of which begins at `at`, and returns how many.
 * @param stop the end of the stretch
 * @param isLast whether nothing of the body is behind the stretch
 * @param layout 0 for items of an array, 1 for lines
 * @param latest latest timestamp that is allowed, in milliseconds since 1970
 * @param index number of the first event in its request
 * @param shift what makes an address the offset that the host knows
 * @param transcriptShift the same for events that are written anew
 */
export function run(
  at: usize, stop: usize, isLast: bool, layout: u32, latest: f64, index: u32, shift: i32, transcriptShift: i32, room: u32
): u32 {
  const most = min(room, MOST_EVENTS)
  beginTranscript()
  altered = false
  atEvent = true
  end = at
  for (let count: u32 = 0; ; count++) {
    if (count === most) return count
    forgetLoweredIds()
    let behind = readEvent(end, count, latest, shift)
    if (behind === 0) {
      const tight = closeUp(end, eventMaxBytes)
      if (tight === 0 || readEvent(end, count, latest, shift) !== tight) return count
      behind = spacedEnd
      altered = true
    }
    let i = layout === LINES ? lineEnd(behind, stop, isLast) : skipSpace(behind)
    if (i === 0) return count
    if (loweredIds) altered = true
    if (timestampEnd - timestampStart !== KEPT_BYTES) transcribe(count, shift, transcriptShift)
    store<u32>(INDICES + 4 * count, index + count)
    if (layout === LINES) {
      end = skipSpace(i)
      if (end < stop) continue
    } else if (load<u8>(i) === COMMA) {
      i = skipSpace(i + 1)
      if (i < stop) {
        end = i
        continue
      }
    }
    end = behind
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
