/**
 * Who sent a request, as `request.clientAddress`: the peer of the connection, unless that is a proxy named in TRUST_PROXY,
 * whose X-Forwarded headers then say who and where. Nobody else's count. [CORS-3]
 */
import { BlockList, isIP, type Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { AddressRange } from '../settings/proxy.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The address of the client, always an IP address; empty if the connection was gone before it was known. */
    clientAddress: string
    /** Whether a trusted proxy sent this request. */
    isProxied: boolean
  }
}

/** An IP address without its zone, of text that may carry a port, as some proxies write it; undefined for anything else. */
function readAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const bare = isIP(text) > 0 ? text : /^\[?(.*?)\]?(?::\d{1,5})?$/.exec(text)![1]
  const [address] = bare.split('%', 1)
  return isIP(address) > 0 ? address : undefined
}

/** Makes the test whether an address lies in one of the ranges. An IPv4 address written as IPv6 is the same address. */
export function addressTest(ranges: readonly AddressRange[]): (address: string | undefined) => boolean {
  const list = new BlockList()
  const familyOf = (address: string) => isIP(address) === 4 ? 'ipv4' : 'ipv6'
  for (const { address, prefix } of ranges) list.addSubnet(address, prefix, familyOf(address))
  return (text) => {
    const address = readAddress(text)
    return address !== undefined && list.check(address, familyOf(address))
  }
}

const address = Symbol('address')

/** The address of the peer of a connection, which stays the same. */
function peerOf(connection: Socket & { [address]?: string }): string {
  connection[address] ??= readAddress(connection.remoteAddress) ?? ''
  return connection[address]
}

/** Where a request came from. What a proxy passed on without looking, such as `unknown`, is no address; the proxy's own is taken then. */
function clientOf({ ip, socket }: FastifyRequest): string {
  return readAddress(ip) ?? peerOf(socket)
}

export default fp(async (app) => {
  const hasProxies = app.settings.TRUST_PROXY.length > 0
  const isTrusted = addressTest(app.settings.TRUST_PROXY)
  app.decorateRequest('clientAddress', '')
  app.decorateRequest('isProxied', false)

  // Now, because a connection that has gone has no address any more when the answer is logged.
  app.addHook('onRequest', (request, _reply, done) => {
    request.clientAddress = hasProxies ? clientOf(request) : peerOf(request.socket)
    request.isProxied = hasProxies && isTrusted(request.socket.remoteAddress)
    done()
  })
}, { name: 'proxies', dependencies: ['settings'] })
