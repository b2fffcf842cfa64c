/**
 * `JSON.parse` for text that came from a client. The engine's own mistakes one key for another where an earlier text of
 * the same shape had a key that is spelled, in full, as the beginning of this key's escapes (nodejs/node issue 63785,
 * Node 24 and 26): whoever sends the first could change what others' events mean, and hide a `__proto__` from the check.
 */
import { decodeKey, JsonText } from './json-text.ts'

/** A key with an escape in it, or now and then something else with a backslash. Linear, as no two attempts read the same text. */
const ESCAPED_KEY = /\\.[^"\\]*"\s*:/

/** The value of a text that is known to be valid JSON and not too deep. O(length). */
export function parseJson(text: string): unknown {
  return ESCAPED_KEY.test(text) ? parseValue(new JsonText(text)) : JSON.parse(text)
}

function parseValue(text: JsonText): unknown {
  switch (text.peek()) {
    case '{': return parseObject(text)
    case '[': return parseArray(text)
    default: return JSON.parse(text.scalar())
  }
}

function parseObject(text: JsonText): object {
  const members: [string, unknown][] = []
  text.pass()
  while (!text.closes('}')) {
    const key = decodeKey(text.string())
    text.pass()
    members.push([key, parseValue(text)])
  }
  // Unlike an assignment, this makes of `__proto__` a key like any other.
  return Object.fromEntries(members)
}

function parseArray(text: JsonText): unknown[] {
  const items: unknown[] = []
  text.pass()
  while (!text.closes(']')) items.push(parseValue(text))
  return items
}
