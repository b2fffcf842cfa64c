/**
 * Writes an event the way it is kept: without white space, keys in the sender's order and without needless escapes, of a
 * repeated key the last value in the first one's place, numbers and strings letter for letter as they were sent.
 * `JSON.stringify` of the parsed event would reorder integer-like keys and round long numbers.
 */
import { decodeKey, JsonText } from './json-text.ts'

/** The canonical text of an event whose text is valid JSON; two of its fields are given. O(length). */
export function minifyEvent(text: string, eventId: string, timestamp: string): string {
  const members = minifyMembers(new JsonText(text))
  members.set('event_id', `"event_id":"${eventId}"`)
  members.set('timestamp', `"timestamp":"${timestamp}"`)
  return joined(members)
}

function minifyValue(text: JsonText): string {
  switch (text.peek()) {
    case '{': return joined(minifyMembers(text))
    case '[': return minifyArray(text)
    default: return text.scalar()
  }
}

/** Each member as `key:value`, by what its key means, in order of first appearance. */
function minifyMembers(text: JsonText): Map<string, string> {
  const members = new Map<string, string>()
  text.pass()
  while (!text.closes('}')) {
    const spelled = text.string()
    const name = decodeKey(spelled)
    // Readers may mistake one escaped key for another (see json-value.ts); an escape is always longer than what it means.
    const key = name.length === spelled.length - 2 ? spelled : JSON.stringify(name)
    text.pass()
    members.set(name, `${key}:${minifyValue(text)}`)
  }
  return members
}

function minifyArray(text: JsonText): string {
  const items: string[] = []
  text.pass()
  while (!text.closes(']')) items.push(minifyValue(text))
  return `[${items.join(',')}]`
}

function joined(members: Map<string, string>): string {
  return `{${[...members.values()].join(',')}}`
}
