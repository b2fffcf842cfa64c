/**
 * On a loopback HOST only this machine is meant. A name of somebody else's that leads here (DNS rebinding) would make a page of
 * theirs "the same origin", so a Host that is not this machine's is refused. [CORS-4]
 */
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'
import { ANY_ORIGIN } from '../settings/origin.ts'
import { readProxies } from '../settings/proxy.ts'
import { addressTest } from './proxies.ts'

const isLoopbackAddress = addressTest(readProxies('loopback').items)

/** Whether a name or an address can only be this machine (RFC 6761, section 6.3). */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || isLoopbackAddress(host)
}

/** The name of a Host header: without its port, in lower case, without the dot of the root. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

const REFUSAL = 'this service is for its own machine alone, and the Host header names another one; ' +
  'name its origin in ALLOWED_ORIGINS, or the proxy that sends it in TRUST_PROXY'

export default fp(async (app) => {
  const { HOST, ALLOWED_ORIGINS } = app.settings
  if (!isLoopback(HOST.toLowerCase()) || ALLOWED_ORIGINS.includes(ANY_ORIGIN)) return
  const allowed = new Set(ALLOWED_ORIGINS.map((origin) => nameOf(origin.slice(origin.indexOf('://') + 3))))

  /** The header that was found right last: nearly every request has the same. */
  let known: string | undefined

  app.addHook('onRequest', (request, _reply, done) => {
    const { host } = request.raw.headers
    if (host === known || host === undefined || request.isProxied) return done()
    const name = nameOf(host)
    if (!isLoopback(name) && !allowed.has(name)) return done(new ProblemError('host_not_allowed', REFUSAL))
    known = host
    done()
  })
  // live, because it ends the connection of a handshake that is refused after it
}, { name: 'hosts', dependencies: ['settings', 'headers', 'problems', 'proxies', 'live'] })
