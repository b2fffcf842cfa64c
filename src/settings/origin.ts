/** Origins as ALLOWED_ORIGINS lists them, and as browsers send them. [CORS-2] */
import { ItemMistake, listReader } from './list.ts'

/** Stands for every origin. */
export const ANY_ORIGIN = '*'

/**
 * The origin that a browser sends for this text: in lower case, without the scheme's own port, a name beyond ASCII as Punycode.
 * Apps and extensions have schemes of their own, such as `capacitor://localhost`.
 * @throws ItemMistake for what no browser ever sends
 */
export function normalizeOrigin(text: string): string {
  const refuse = (why: string): never => { throw new ItemMistake(`${JSON.stringify(text)} ${why}`) }

  if (text === ANY_ORIGIN) return text
  if (text === 'null') refuse('is what browsers send for pages of any provenance; name the origins, or say * for all of them')
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) refuse('is no origin; it begins with a scheme, as in https://example.com')
  if (/[\s\\]/.test(text) || !URL.canParse(text)) refuse('cannot be read as an origin, such as https://example.com')
  const { protocol, host, username, password, pathname, search, hash } = new URL(text)
  if (protocol === 'file:') refuse('has no origin of its own: browsers send null for files')
  if (protocol === 'ws:' || protocol === 'wss:') refuse('is an address of a WebSocket; write the origin of the page, with http or https')
  if (username !== '' || password !== '') throw new ItemMistake(`the origin with the host ${host} has a user in it, which no origin has`)
  if (host.includes('*')) refuse('has a wildcard in it; name each origin, or say * for all of them')
  if (pathname.length > 1 || search !== '' || hash !== '') refuse('has something after the host; an origin is only scheme, host and port')
  if (host === '') refuse('has no host')
  return `${protocol}//${host.toLowerCase()}`
}

/** Reads ALLOWED_ORIGINS. */
export const readOrigins = listReader(normalizeOrigin)
