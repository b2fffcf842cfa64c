/**
 * Takes the white space out of an event where it lies, for senders that put a space behind each comma and colon (as Python
 * does it). Nothing is known of the bytes yet: what comes of them is scanned afterwards.
 */
import { BACKSLASH, CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET, plainEnd, QUOTE, SPACE, TAB } from './bytes'

/** Where the event ended that was closed up last, with the spaces that are behind it now. */
export let spacedEnd: usize = 0

/** Whether a token may begin or end here whatever stands beside it. [RFC 8259 section 2] */
function isStructural(byte: u8): bool {
  return byte === COMMA || byte === COLON || byte === OPEN_BRACE || byte === CLOSE_BRACE || byte === OPEN_BRACKET || byte === CLOSE_BRACKET
}

/**
 * Moves the tokens of the object at `at` together, and what was between them behind it, as spaces; returns its end, or 0 where
 * there is none, or it has no white space, or does not end within `most` bytes and on its line, or a space keeps two tokens
 * apart. So the object is JSON if and only if it was before. Its bytes may have been altered where it returns 0. O(length).
 */
export function closeUp(at: usize, most: u32): usize {
  if (load<u8>(at) !== OPEN_BRACE) return 0
  let to = at
  let depth = 0
  let before: u8 = COMMA
  for (let from = at; from < at + most;) {
    let byte = load<u8>(from)
    if (byte === SPACE || byte === TAB) {
      do byte = load<u8>(++from); while (byte === SPACE || byte === TAB)
      if (!isStructural(before) && !isStructural(byte)) return 0
    }
    if (byte < SPACE) return 0
    before = byte
    if (byte === QUOTE) {
      const behind = stringEnd(from)
      if (behind === 0) return 0
      memory.copy(to, from, behind - from)
      to += behind - from
      from = behind
      continue
    }
    store<u8>(to++, byte)
    from++
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) {
      if (to === from) return 0
      memory.fill(to, SPACE, from - to)
      spacedEnd = from
      return to
    }
  }
  return 0
}

/** The address behind the string whose opening quote is at `at`, or 0. */
function stringEnd(at: usize): usize {
  let i = plainEnd(at + 1)
  while (load<u8>(i) === BACKSLASH) i = load<u8>(i, 1) < SPACE ? i + 1 : plainEnd(i + 2)
  return load<u8>(i) === QUOTE ? i + 1 : 0
}
