/**
 * What HTTP asks of a request before anybody looks at what it is about, and Node lets pass: its version, its host, its
 * transfer coding, its form and its percent-encoding. (RFC 9110, 9112)
 */
import type { IncomingMessage } from 'node:http'
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'

/** `uri-host [ ":" port ]` (RFC 3986 section 3.2.2); a host may be empty. */
const HOST = /^(?:\[(?:[\da-f:.]+|v[\da-f]+\.[\w.~!$&'()*+,;=:-]+)\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::\d*)?$/i

/** Most header lines of a request; together they have MAX_HEADER_BYTES. */
export const MAX_HEADER_LINES = 1000

const refuse = (detail: string) => new ProblemError('bad_request', detail)

/** Node drops lines beyond its own bound without a word, and with them a key or an origin. */
function checkHeaderCount({ rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length > 2 * MAX_HEADER_LINES) throw new ProblemError('headers_too_large', `a request may have at most ${MAX_HEADER_LINES} header lines`)
}

/** The host that was found valid last: nearly every request has the same. */
let knownHost = 'localhost'

/** One Host line, and a valid one, in every request of HTTP/1.1 (RFC 9112 section 3.2). */
function checkHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  let host: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i].length !== 4 || rawHeaders[i].toLowerCase() !== 'host') continue
    if (host !== undefined) throw refuse('there are two host headers')
    host = rawHeaders[i + 1]
  }
  if (host === knownHost) return
  if (host === undefined) {
    if (httpVersion === '1.1') throw refuse('the host header is missing')
  } else {
    if (!HOST.test(host)) throw refuse('the host header is not valid')
    knownHost = host
  }
}

/** A body is chunked or has a length; other codings are not undone (RFC 9112 section 6.1). */
function checkTransferCoding({ 'transfer-encoding': coding }: IncomingMessage['headers']): void {
  if (coding === undefined || coding.toLowerCase() === 'chunked') return
  if (!/(?:^|,)\s*chunked\s*$/i.test(coding)) throw new ProblemError('bad_request', 'the last transfer-encoding must be chunked', { connection: 'close' })
  throw new ProblemError('not_implemented', 'transfer-encoding may only be chunked; compress with content-encoding', { connection: 'close' })
}

/** Every byte of a query string can be decoded, and means one text. */
function checkQuery(url: string): void {
  const start = url.indexOf('?')
  if (start < 0 || url.indexOf('%', start) < 0) return
  try {
    decodeURIComponent(url.slice(start))
  } catch {
    throw refuse('the query string has a percent-encoding that is not of UTF-8')
  }
}

export default fp(async (app) => {
  app.server.maxHeadersCount = MAX_HEADER_LINES + 1

  app.addHook('onRequest', ({ raw }, _reply, done) => {
    if (raw.httpVersion !== '1.1' && raw.httpVersion !== '1.0') throw new ProblemError('http_version_not_supported', 'speak HTTP/1.1 here', { connection: 'close' })
    checkHeaderCount(raw)
    checkHost(raw)
    checkTransferCoding(raw.headers)
    if (raw.url === '*' && raw.method !== 'OPTIONS') throw refuse('only OPTIONS may ask for `*`')
    checkQuery(raw.url!)
    done()
  })
}, { name: 'request-syntax', dependencies: ['headers', 'problems'] })
