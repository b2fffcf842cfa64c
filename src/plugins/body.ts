/**
 * Reads the body of a request into one Buffer: within the limit on the wire and decompressed, whatever the encoding.
 * The parsers belong to the scope that registers this plugin; what the bytes mean is for others to say.
 */
import type { IncomingMessage } from 'node:http'
import { errorCodes, type FastifyRequest } from 'fastify'
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

/** The media types of events one a line: none of them is registered, and senders use all three. */
export const NDJSON_TYPES: readonly string[] = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']

/** What a body may be; one without a media type is JSON, since a beacon of a Blob without a type cannot say more. */
export const MEDIA_TYPES = ['application/json', 'text/plain', ...NDJSON_TYPES]

/** Whether the content type names no character set but UTF-8. */
function isUtf8(contentType: string | undefined): boolean {
  if (contentType === undefined || !contentType.includes(';')) return true
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

  function parse(request: FastifyRequest, payload: IncomingMessage, done: Done): void {
    const { 'content-type': contentType, 'content-encoding': encoding, 'content-length': length } = payload.headers
    if (!isUtf8(contentType)) {
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
  }

  app.addContentTypeParser(MEDIA_TYPES, parse)
  app.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage, done: Done) => {
    if (request.headers['content-type'] === undefined) parse(request, payload, done)
    else done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE())
  })
}, { name: 'body', dependencies: ['settings', 'schemas'] })
