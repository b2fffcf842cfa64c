/**
 * What a browser may do with the pages of the service, as helmet's headers say it; for the scopes that serve pages,
 * since API answers need none of it. It must work over plain HTTP, too.
 */
import helmet from '@fastify/helmet'
import fp from 'fastify-plugin'

export interface SecurityHeadersOptions {
  /** Lets a page have styles of its own, in its elements. Without it, its scripts may write no HTML either. */
  inlineStyles?: boolean
}

export default fp(async (app, { inlineStyles = false }: SecurityHeadersOptions) => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false, // these would ask for HTTPS
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': inlineStyles ? ["'self'", "'unsafe-inline'"] : ["'self'"],
        'img-src': ["'self'", 'data:'],
        'connect-src': ["'self'"],
        'base-uri': ["'none'"],
        'form-action': ["'self'"],
        'frame-ancestors': ["'self'"],
        ...inlineStyles ? {} : { 'require-trusted-types-for': ["'script'"] }
      }
    },
    // Whoever speaks TLS in front of the service says these; over plain HTTP browsers complain about them.
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false
  })
}, { name: 'security-headers' })
