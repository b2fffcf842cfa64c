/**
 * What a compressed body becomes, whatever the encoding. A few bodies are decompressed at a time and the others wait, as
 * 27 bytes can become 10 MiB; what has come out counts against the quota of bodies at once. [LIMIT-1]
 */
import {
  constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress, type Zlib
} from 'node:zlib'
import type { Transform } from 'node:stream'
import { ProblemError } from '../errors.ts'
import { overloaded, tooLarge, type Collecting, type Done } from './arriving-body.ts'

/** Most bodies that are decompressed at a time: as many as there are threads for it by default. */
const MAX_DECOMPRESSING = 4

/** Bytes that come out at a time. */
const CHUNK_BYTES = 64 * 1024

/** A larger window need not be read (RFC 9659), and each takes its size in memory. */
const ZSTD_WINDOW_LOG = 23

type Decompressor = Transform & Zlib

/** RFC 9110 says that `deflate` is zlib's format; some senders leave out its two bytes of header. */
function inflateEither(body: Buffer): Decompressor {
  const isZlib = body.length > 1 && (body[0] & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0
  return isZlib ? createInflate(OPTIONS) : createInflateRaw(OPTIONS)
}

const OPTIONS = { chunkSize: CHUNK_BYTES }

const DECOMPRESSORS = new Map<string, (body: Buffer) => Decompressor>([
  ['gzip', () => createGunzip(OPTIONS)],
  ['x-gzip', () => createGunzip(OPTIONS)],
  ['deflate', inflateEither],
  ['br', () => createBrotliDecompress(OPTIONS)],
  ['zstd', () => createZstdDecompress({ ...OPTIONS, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } })]
])

const ACCEPTED_ENCODINGS = 'gzip, deflate, br, zstd, identity'

/** Whether bodies of this encoding can be decompressed. */
export function isKnownEncoding(encoding: string): boolean {
  return DECOMPRESSORS.has(encoding)
}

/** Says which encodings there are. */
export function unknownEncoding(): ProblemError {
  return new ProblemError('unsupported_encoding', `content-encoding may be one of ${ACCEPTED_ENCODINGS}`, { 'accept-encoding': ACCEPTED_ENCODINGS })
}

/** Begins with the first ones that wait, a few at a time. */
export class Decompression {
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** Bodies that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Decompresses a body that has arrived, in its turn. What comes out takes the place of the body in its share of the quota. */
  decompress(encoding: string, body: Buffer, collecting: Collecting, done: Done): void {
    const begin = () => {
      this.#running++
      run(encoding, body, collecting, (error, result) => {
        this.#running--
        this.#waiting.shift()?.()
        done(error, result)
      })
    }
    if (this.#running < MAX_DECOMPRESSING) begin()
    else this.#waiting.push(begin)
  }
}

function run(encoding: string, body: Buffer, { limit, share }: Collecting, done: Done): void {
  const stream = DECOMPRESSORS.get(encoding)!(body)
  const chunks: Buffer[] = []
  let length = 0
  let isFinished = false

  const finish: Done = (error, result) => {
    if (isFinished) return
    isFinished = true
    share.arrived()
    stream.destroy()
    share.shrink(body.length)
    done(error, result)
  }
  share.arrives(() => finish(overloaded()))
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > limit) {
      finish(tooLarge(limit))
      return
    }
    chunks.push(chunk)
    share.grow(chunk.length)
  })
  stream.on('error', () => finish(new ProblemError('invalid_encoding', `the body is not whole and valid ${encoding}`)))
  stream.on('end', () => {
    if (stream.bytesWritten !== body.length) finish(new ProblemError('invalid_encoding', `there are bytes after the end of the ${encoding} data`))
    else finish(null, Buffer.concat(chunks, length))
  })
  stream.end(body)
}
