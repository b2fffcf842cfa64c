/**
 * Reads the body of a request into one Buffer: within the limit on the wire and decompressed, whatever the encoding.
 * The parsers belong to the scope that registers this plugin; what the bytes mean is for others to say.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'
import { collectBody, type Done } from './arriving-body.ts'
import { BodyQuota, BodyShare, quotaBytes } from './body-quota.ts'
import { Decompression, isKnownEncoding, unknownEncoding } from './decompression.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What the bodies of this scope's requests take. */
    bodyQuota: BodyQuota
  }
  interface FastifyRequest {
    /** What the body takes of the quota, until the request is answered. */
    bodyShare: BodyShare | null
  }
}

/** What a body may be. */
export const MEDIA_TYPES = ['application/json', 'application/x-ndjson', 'text/plain']

/** Whether the content type names no character set but UTF-8. */
function isUtf8(contentType: string): boolean {
  if (!contentType.includes(';')) return true
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType)?.[1]
  return charset === undefined || /^utf-?8$/i.test(charset)
}

export default fp(async (app) => {
  const limit = app.settings.MAX_BODY_BYTES
  const quota = new BodyQuota(quotaBytes(limit))
  const decompression = new Decompression()

  app.decorate('bodyQuota', quota)
  app.decorateRequest('bodyShare', null)

  app.addHook('onSend', (request, _reply, payload, done) => {
    request.bodyShare?.close()
    done(null, payload)
  })

  app.addContentTypeParser(MEDIA_TYPES, (request: FastifyRequest, payload: IncomingMessage, done: Done) => {
    const { 'content-type': contentType, 'content-encoding': encoding, 'content-length': length } = payload.headers
    if (!isUtf8(contentType!)) {
      done(new ProblemError('unsupported_media_type', 'the character set must be utf-8'))
      return
    }
    const share = request.bodyShare = new BodyShare(quota)
    const collecting = { limit, share }
    const declared = length === undefined ? NaN : Number(length)
    const name = encoding?.trim().toLowerCase() ?? ''
    if (name === '' || name === 'identity') collectBody(payload, declared, collecting, done)
    else if (!isKnownEncoding(name)) done(unknownEncoding())
    else {
      collectBody(payload, declared, collecting, (error, body) => {
        if (error === null) decompression.decompress(name, body!, collecting, done)
        else done(error)
      })
    }
  })
}, { name: 'body', dependencies: ['settings', 'schemas'] })
