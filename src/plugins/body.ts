/**
 * Reads the body of a request into one Buffer: within the limit on the wire and decompressed, whatever the encoding.
 * The parsers belong to the scope that registers this plugin; what the bytes mean is for others to say.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ProblemError } from '../errors.ts'
import { BodyMemory } from '../ingest/body-memory.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Where the bodies of this scope's requests lie; a handler that is done with one releases it. */
    bodyMemory: BodyMemory
  }
}

/** What a body may be. */
export const MEDIA_TYPES = ['application/json', 'application/x-ndjson', 'text/plain']

type Done = (error: Error | null, body?: Buffer) => void

/** Ends the body that is arriving on a connection with an error. */
const failBody = Symbol('failBody')

type Connection = Socket & { [failBody]?: (error: ProblemError) => void }

/** Ends the body that is arriving on this connection, so that its request is answered; false if there is none. */
export function failArrivingBody(socket: Connection, error: ProblemError): boolean {
  if (socket[failBody] === undefined) return false
  socket[failBody](error)
  return true
}

const tooLarge = (limit: number) => new ProblemError('body_too_large', `a body may have at most ${limit} bytes, as sent and decompressed; split the batch`)

const overloaded = () => new ProblemError('overloaded', 'nothing was taken; send the same request again', { 'retry-after': '1' })

/** The least that bodies may take which arrive at the same time, in bytes; else as much as this many of the largest. */
const ARRIVING_MIN_BYTES = 64 * 1024 * 1024
const ARRIVING_MIN_BODIES = 16

/** How much memory the bodies take that are arriving, and how much they may, in bytes. */
interface Arrivals {
  bytes: number
  readonly limit: number
}

/**
 * Collects the bytes of a request. The usual small body is the one chunk that Node made for it, and is handed over
 * without a copy; a larger one is copied once.
 */
function collect(payload: IncomingMessage, declared: number, limit: number, arrivals: Arrivals, memory: BodyMemory, done: Done): void {
  if (declared > limit) {
    done(tooLarge(limit))
    return
  }
  const socket: Connection = payload.socket
  let first: Buffer | undefined
  let chunks: Buffer[] | undefined
  let received = 0

  const settle: Done = (error, body) => {
    payload.off('data', onData)
    payload.off('end', onEnd)
    payload.off('error', onError)
    socket[failBody] = undefined
    arrivals.bytes -= received
    done(error, body)
  }
  const onData = (chunk: Buffer) => {
    received += chunk.length
    arrivals.bytes += chunk.length
    if (received > limit || arrivals.bytes > arrivals.limit) {
      settle(received > limit ? tooLarge(limit) : overloaded())
      payload.resume() // the rest is read and dropped, so that the client gets to see the answer
    } else if (first === undefined) first = chunk
    else if (chunks === undefined) chunks = [first, chunk]
    else chunks.push(chunk)
  }
  const onEnd = () => {
    if (declared !== received && !Number.isNaN(declared)) onError()
    else settle(null, chunks === undefined ? first ?? Buffer.alloc(0) : memory.join(chunks, received))
  }
  const onError = () => settle(new ProblemError('incomplete_body', `the body ended after ${received} bytes`, { connection: 'close' }))

  socket[failBody] = settle
  payload.on('data', onData)
  payload.on('end', onEnd)
  payload.on('error', onError)
}

/** Decompresses asynchronously; what would be larger than `maxOutputLength` is given up before it is. */
type Decompress = (
  bytes: Buffer,
  options: { maxOutputLength: number, chunkSize: number, info: true },
  callback: (error: NodeJS.ErrnoException | null, result: { buffer: Buffer, engine: { bytesWritten: number } }) => void
) => void

/** RFC 9110 says that `deflate` is zlib's format; some senders leave out its two bytes of header. */
const inflateEither: Decompress = (bytes, options, callback) => {
  const zlib = bytes.length > 1 && (bytes[0] & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0
  const decompress = (zlib ? inflate : inflateRaw) as unknown as Decompress
  decompress(bytes, options, callback)
}

const DECOMPRESSORS = new Map<string, Decompress>([
  ['gzip', gunzip as unknown as Decompress],
  ['x-gzip', gunzip as unknown as Decompress],
  ['deflate', inflateEither],
  ['br', brotliDecompress as unknown as Decompress],
  ['zstd', zstdDecompress as unknown as Decompress]
])

const ACCEPTED_ENCODINGS = 'gzip, deflate, br, zstd, identity'

function decompressed(encoding: string, decompress: Decompress, limit: number, memory: BodyMemory, done: Done): Done {
  return (error, body) => {
    if (error !== null) {
      done(error)
      return
    }
    const bytes = body!
    decompress(bytes, { maxOutputLength: limit, chunkSize: 64 * 1024, info: true }, (failure, result) => {
      const { length } = bytes
      memory.release(bytes)
      if (failure?.code === 'ERR_BUFFER_TOO_LARGE') done(tooLarge(limit))
      else if (failure !== null) done(new ProblemError('invalid_encoding', `the body is not whole and valid ${encoding}`))
      else if (result.engine.bytesWritten !== length) done(new ProblemError('invalid_encoding', `there are bytes behind the end of the ${encoding} data`))
      else done(null, result.buffer)
    })
  }
}

/** Whether the content type names no character set but UTF-8. */
function isUtf8(contentType: string): boolean {
  if (!contentType.includes(';')) return true
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType)?.[1]
  return charset === undefined || /^utf-?8$/i.test(charset)
}

export default fp(async (app) => {
  const limit = app.settings.MAX_BODY_BYTES
  const arrivals: Arrivals = { bytes: 0, limit: Math.max(ARRIVING_MIN_BYTES, ARRIVING_MIN_BODIES * limit) }

  const memory = new BodyMemory()

  app.decorate('bodyMemory', memory)

  app.addContentTypeParser(MEDIA_TYPES, (_request: FastifyRequest, payload: IncomingMessage, done: Done) => {
    const { 'content-type': contentType, 'content-encoding': encoding, 'content-length': length } = payload.headers
    if (!isUtf8(contentType!)) {
      done(new ProblemError('unsupported_media_type', 'the character set must be utf-8'))
      return
    }
    const declared = length === undefined ? NaN : Number(length)
    const name = encoding?.trim().toLowerCase() ?? ''
    if (name === '' || name === 'identity') {
      collect(payload, declared, limit, arrivals, memory, done)
      return
    }
    const decompress = DECOMPRESSORS.get(name)
    if (decompress === undefined) {
      done(new ProblemError('unsupported_encoding', `content-encoding may be one of ${ACCEPTED_ENCODINGS}`, { 'accept-encoding': ACCEPTED_ENCODINGS }))
      return
    }
    collect(payload, declared, limit, arrivals, memory, decompressed(name, decompress, limit, memory, done))
  })
}, { name: 'body', dependencies: ['settings'] })
