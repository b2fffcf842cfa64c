/** Keys as the settings list them: `key`, or `name:key`, of characters that every way of sending a key can carry. */
import { KEY_MAX_LENGTH } from '../../schemas/index.ts'
import { ItemMistake, listReader } from './list.ts'

/** One key, with the name that logs and metrics know it by. */
export interface AccessKey {
  name?: string
  key: string
}

/**
 * What a bearer token (RFC 6750, section 2.1), a WebSocket subprotocol (a token of RFC 9110, section 5.6.2) and a query string
 * can all carry as it stands: `/` and `=` are no characters of a token, and `+` is a space in a query.
 */
const KEY = new RegExp(`^[A-Za-z0-9._~-]{1,${KEY_MAX_LENGTH}}$`)

const NAME = /^[A-Za-z0-9._-]{1,64}$/

/** A mistake names the key by its place and never says what it is. */
function readKey(item: string, place: number): AccessKey {
  const colon = item.indexOf(':')
  const key = item.slice(colon + 1)
  if (!KEY.test(key)) {
    throw new ItemMistake(`key ${place} must have 1 to ${KEY_MAX_LENGTH} characters out of letters, digits and -._~, which header, query and subprotocol can all carry`)
  }
  if (colon < 0) return { key }
  const name = item.slice(0, colon)
  if (!NAME.test(name)) throw new ItemMistake(`the name of key ${place} must have 1 to 64 characters out of letters, digits and -._`)
  return { name, key }
}

/** Reads WRITE_KEYS or READ_KEYS. A list without a key is a mistake, because it would let in everybody. */
export const readKeys = listReader(readKey, 'there is no key in it; name at least one, or unset it to need none')
