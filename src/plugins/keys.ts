/**
 * Who may write and who may read: keys, compared by their hashes in constant time. A route says `config: { scope }`;
 * without keys in the settings nothing is added to it.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'

/** What a key allows. */
export type Scope = 'write' | 'read'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Passes requests whose key has this scope, and all of them while no key is set for it.
     * @throws ProblemError unauthorized (no key, or an unknown one), forbidden (a key of the other scope)
     */
    authorize(request: FastifyRequest, scope: Scope): void
  }
  interface FastifyContextConfig {
    /** The scope that a route asks for; routes without one are open. */
    scope?: Scope
  }
}

const hash = (key: string) => createHash('sha256').update(key).digest()

/** Whether a key is one of these; takes the same time whichever it is. */
function includes(hashes: readonly Buffer[], key: string): boolean {
  const given = hash(key)
  let found = false
  for (const known of hashes) found = timingSafeEqual(known, given) || found
  return found
}

/**
 * The key of a request: `Authorization: Bearer`, the WebSocket subprotocol `bearer.<key>` (offered beside another
 * one), or `?key=`, where the route's query knows it.
 */
export function keyOf({ headers, query }: FastifyRequest): string | undefined {
  const bearer = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (headers.authorization !== undefined) return bearer ?? ''
  const protocol = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()).find((name) => name.startsWith('bearer.'))
  if (protocol !== undefined) return protocol.slice('bearer.'.length)
  const { key } = query as { key?: string | string[] }
  return Array.isArray(key) ? '' : key
}

const challenge = (error?: string) => ({ 'www-authenticate': error === undefined ? 'Bearer' : `Bearer error="${error}"` })

export default fp(async (app) => {
  const known = {
    write: app.settings.WRITE_KEYS.map(hash),
    read: app.settings.READ_KEYS.map(hash)
  }

  app.decorate('authorize', (request: FastifyRequest, scope: Scope) => {
    if (known[scope].length === 0) return
    const key = keyOf(request)
    if (key === undefined) throw new ProblemError('unauthorized', `this needs a ${scope} key`, challenge())
    if (includes(known[scope], key)) return
    if (includes(known[scope === 'write' ? 'read' : 'write'], key)) {
      throw new ProblemError('forbidden', `this needs a ${scope} key, and this key is for something else`, challenge('insufficient_scope'))
    }
    throw new ProblemError('unauthorized', 'this key is not known', challenge('invalid_token'))
  })

  app.addHook('onRoute', (route) => {
    const scope = route.config?.scope
    if (scope === undefined || known[scope].length === 0) return
    route.onRequest = [
      ...[route.onRequest ?? []].flat(),
      (request, _reply, done) => {
        app.authorize(request, scope)
        done()
      }
    ]
  })
}, { name: 'keys', dependencies: ['settings'] })
