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

/** A key of the settings, without what it is. */
interface KnownKey {
  readonly hash: Buffer
  /** Its name, else its list and its place there, such as `write#2`. */
  readonly label: string
  readonly scopes: Set<Scope>
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Passes requests whose key has this scope, and all of them while no key is set for it.
     * @throws ProblemError unauthorized (no key, or an unknown one), forbidden (a key of the other scope)
     */
    authorize(request: FastifyRequest, scope: Scope): void
  }
  interface FastifyInstance {
    /** What every key is known as. */
    keyLabels: readonly string[]
  }
  interface FastifyRequest {
    /** What the key of this request is known as, by its name or its place; undefined without a known one. Never the key. */
    readonly keyLabel: string | undefined
    /** Undefined until it is looked up, null if it is not known. */
    knownKey: KnownKey | null | undefined
  }
  interface FastifyContextConfig {
    /** The scope that a route asks for; routes without one are open. */
    scope?: Scope
  }
}

const SUBPROTOCOL_PREFIX = 'bearer.'

const hash = (key: string) => createHash('sha256').update(key).digest()

const BEARER = /^bearer +(\S+)$/i

/**
 * The key of a request: `Authorization: Bearer`, the WebSocket subprotocol `bearer.<key>` (offered beside another
 * one), or `?key=` where the route takes it. Empty for what cannot be one.
 */
function sentKey(request: FastifyRequest): string | undefined {
  const { authorization, 'sec-websocket-protocol': protocols } = request.headers
  if (authorization !== undefined) return BEARER.exec(authorization)?.[1] ?? ''
  const protocol = protocols?.split(',').map((name) => name.trim()).find((name) => name.startsWith(SUBPROTOCOL_PREFIX))
  if (protocol !== undefined) return protocol.slice(SUBPROTOCOL_PREFIX.length)
  const { key } = request.query as { key?: string | string[] }
  if (key === undefined || !takesQueryKey(request)) return undefined
  return Array.isArray(key) ? '' : key
}

/** Whether a route takes `?key=`: those for which a browser cannot set headers. */
function takesQueryKey({ routeOptions: { schema } }: FastifyRequest): boolean {
  const { properties = {} } = (schema?.querystring ?? {}) as { properties?: object }
  return 'key' in properties
}

/** How a missing key is sent. */
function howToSend(request: FastifyRequest): string {
  if (takesQueryKey(request)) return 'send it as `Authorization: Bearer <key>` or, where headers cannot be set, as `?key=<key>`'
  const { key } = request.query as { key?: unknown }
  return `send it as \`Authorization: Bearer <key>\`${key === undefined ? '' : '; `?key=` is taken by POST /events, GET /events/stream and GET /ws/events alone'}`
}

const challenge = (error?: string) => ({ 'www-authenticate': error === undefined ? 'Bearer' : `Bearer error="${error}"` })

export default fp(async (app) => {
  const { WRITE_KEYS, READ_KEYS } = app.settings
  const isNeeded = { write: WRITE_KEYS.length > 0, read: READ_KEYS.length > 0 }

  const byKey = new Map<string, KnownKey>()
  for (const [scope, keys] of [['write', WRITE_KEYS], ['read', READ_KEYS]] as const) {
    for (const [i, { name, key }] of keys.entries()) {
      const known = byKey.get(key)
      if (known === undefined) byKey.set(key, { hash: hash(key), label: name ?? `${scope}#${i + 1}`, scopes: new Set([scope]) })
      else known.scopes.add(scope)
    }
  }
  const knownKeys = [...byKey.values()]

  /** Finds a key; takes the same time whichever it is. */
  function find(key: string): KnownKey | null {
    const given = hash(key)
    let found: KnownKey | null = null
    for (const known of knownKeys) if (timingSafeEqual(known.hash, given)) found = known
    return found
  }

  function identify(request: FastifyRequest): KnownKey | null {
    if (request.knownKey !== undefined) return request.knownKey
    const key = knownKeys.length === 0 ? undefined : sentKey(request)
    return (request.knownKey = key === undefined ? null : find(key))
  }

  app.decorate('keyLabels', knownKeys.map(({ label }) => label))
  app.decorateRequest('knownKey', undefined)
  app.decorateRequest('keyLabel', { getter() { return identify(this)?.label } })

  app.decorate('authorize', (request: FastifyRequest, scope: Scope) => {
    if (!isNeeded[scope]) return
    const known = identify(request)
    if (known?.scopes.has(scope)) return
    if (known !== null) throw new ProblemError('forbidden', `this needs a ${scope} key, and this key is for something else`, challenge('insufficient_scope'))
    const { authorization } = request.headers
    if (authorization !== undefined && !BEARER.test(authorization)) { // which may hold the key itself, so nothing of it is repeated
      throw new ProblemError('unauthorized', 'the header must be `Authorization: Bearer <key>`; other schemes, such as Basic or Token, are not accepten', challenge('invalid_request'))
    }
    if (sentKey(request) === undefined) throw new ProblemError('unauthorized', `this needs a ${scope} key; ${howToSend(request)}`, challenge())
    throw new ProblemError('unauthorized', 'this key is not known', challenge('invalid_token'))
  })

  app.addHook('onRoute', (route) => {
    const scope = route.config?.scope
    if (scope === undefined || !isNeeded[scope]) return
    route.onRequest = [
      ...[route.onRequest ?? []].flat(),
      (request, _reply, done) => {
        app.authorize(request, scope)
        done()
      }
    ]
  })
}, { name: 'keys', dependencies: ['settings', 'problems'] })
