/** Proxies as TRUST_PROXY lists them: addresses, ranges of addresses, and two names for ranges. [CORS-3] */
import { isIP } from 'node:net'
import { ItemMistake, listReader } from './list.ts'

/** The addresses whose first `prefix` bits are those of `address`. */
export interface AddressRange {
  address: string
  prefix: number
}

const NAMED: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']]
])

function readRange(item: string): AddressRange {
  const [address, prefix, ...rest] = item.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || rest.length > 0) {
    const why = /^(true|\d+)$/.test(item) ? ', and would let everybody say who they are' : ''
    throw new ItemMistake(`${JSON.stringify(item)} is no address, no range such as 10.0.0.0/8, and neither loopback nor uniquelocal${why}`)
  }
  const bits = version === 4 ? 32 : 128
  if (prefix === undefined) return { address, prefix: bits }
  if (!/^[1-9]\d{0,2}$/.test(prefix) || Number(prefix) > bits) throw new ItemMistake(`${JSON.stringify(item)} must have a prefix of 1 to ${bits} bits`)
  return { address, prefix: Number(prefix) }
}

const readItems = listReader((item) => (NAMED.get(item) ?? [item]).map(readRange))

/** Reads TRUST_PROXY. */
export function readProxies(text: string): { items: AddressRange[], mistakes: string[] } {
  const { items, mistakes } = readItems(text)
  return { items: items.flat(), mistakes }
}
