/** White space between tokens (RFC 8259 section 2), which is skipped and never written. */
import { NEWLINE, RETURN, SPACE, TAB } from './bytes'

/** A line feed, where white space within an event may be one; where each event has a line of its own, a space once more. */
let lineFeed: u8 = NEWLINE

/** Says whether an event must be on one line. */
export function keepToLine(oneLine: bool): void {
  lineFeed = oneLine ? SPACE : NEWLINE
}

/** The first byte from `at` on that is not white space within an event. */
export function skipWhitespace(at: usize): usize {
  return load<u8>(at) > SPACE ? at : skip(at, lineFeed)
}

/** The first byte from `at` on that is not white space, line feeds included. */
export function skipLines(at: usize): usize {
  return load<u8>(at) > SPACE ? at : skip(at, NEWLINE)
}

function skip(at: usize, newline: u8): usize {
  let i = at
  for (let byte = load<u8>(i); byte === SPACE || byte === TAB || byte === RETURN || byte === newline; byte = load<u8>(i)) i++
  return i
}
