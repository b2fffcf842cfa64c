/** An object whose only member is `events`, an array: what some senders put around a batch. */
import { JsonError, skipString, skipWhitespace } from './json.ts'
import { decodeKey } from './json-text.ts'

const QUOTE = 0x22
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b

/** Bytes of the key with every character escaped, and its quotes. */
const KEY_MAX_BYTES = 6 * 'events'.length + 2

/** Where the array begins if the object at `at` begins with `events` and an array; whether it is the only member shows at its end. */
export function wrappedArray(bytes: Buffer, at: number): number | undefined {
  const end = bytes.length
  if (bytes[at] !== OPEN_BRACE) return undefined
  const key = skipWhitespace(bytes, at + 1, end)
  const keyEnd = bytes[key] === QUOTE ? endOfKey(bytes, key) : undefined
  if (keyEnd === undefined || decodeKey(bytes.toString('utf8', key, keyEnd)) !== 'events') return undefined
  const colon = skipWhitespace(bytes, keyEnd, end)
  if (bytes[colon] !== COLON) return undefined
  const array = skipWhitespace(bytes, colon + 1, end)
  return bytes[array] === OPEN_BRACKET ? array : undefined
}

/** The end of a key that is short enough. */
function endOfKey(bytes: Buffer, at: number): number | undefined {
  try {
    return skipString(bytes, at, Math.min(bytes.length, at + KEY_MAX_BYTES))
  } catch (error) {
    if (error instanceof JsonError) return undefined
    throw error
  }
}
