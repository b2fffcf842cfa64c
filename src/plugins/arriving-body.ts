/** Collects the body of a request into one Buffer, within the limit of a body and the quota of all. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { ProblemError } from '../errors.ts'
import { BodyChunks } from './body-chunks.ts'
import type { BodyShare } from './body-quota.ts'
import { askForBody } from './continue.ts'

/** Is handed a body, or what is wrong with it. */
export type Done = (error: Error | null, body?: Buffer) => void

/** What a body is collected with. */
export interface Collecting {
  /** Most bytes of one body. */
  limit: number
  share: BodyShare
}

/** Ends the body that is arriving on a connection with an error. */
const failBody = Symbol('failBody')

type BodySocket = Socket & { [failBody]?: (error: ProblemError) => void }

/** Ends the body that is arriving on this connection, so that its request is answered; false if there is none. */
export function failArrivingBody(socket: BodySocket, error: ProblemError): boolean {
  if (socket[failBody] === undefined) return false
  socket[failBody](error)
  return true
}

/** Says that a body is larger than `limit` bytes. */
export function tooLarge(limit: number): ProblemError {
  return new ProblemError('body_too_large', `a body may have at most ${limit} bytes, as sent and decompressed; split the batch`)
}

/** Says that a body had to make room for others, or found none. */
export function overloaded(): ProblemError {
  return new ProblemError('overloaded', 'nothing was accepted; send the same request again', { 'retry-after': '1' })
}

/**
 * Collects the bytes of a request; `declared` is NaN where it did not say how many. The usual small body is the one chunk
 * that Node made for it, and is handed over without a copy; a larger one is copied once, or twice where it comes in small chunks.
 */
export function collectBody(payload: IncomingMessage, declared: number, { limit, share }: Collecting, done: Done): void {
  if (declared > limit) {
    done(tooLarge(limit))
    return
  }
  const socket: BodySocket = payload.socket
  const chunks = new BodyChunks()

  const finish: Done = (error, body) => {
    payload.off('data', onData)
    payload.off('end', onEnd)
    payload.off('error', onError)
    socket[failBody] = undefined
    share.arrived()
    if (error !== null) payload.resume() // the rest is read and dropped, so that the client gets to see the answer
    done(error, body)
  }
  const onData = (chunk: Buffer) => {
    if (chunks.length + chunk.length > limit) {
      finish(tooLarge(limit))
      return
    }
    if (chunks.count === 0 && chunk.length !== declared) share.arrives(() => finish(overloaded()))
    chunks.add(chunk)
    share.grow(chunk.length)
  }
  const onEnd = () => {
    if (declared !== chunks.length && !Number.isNaN(declared)) onError()
    else if (!share.fits) finish(overloaded())
    else finish(null, chunks.concat())
  }
  const onError = () => finish(new ProblemError('incomplete_body', `the body ended after ${chunks.length} bytes`, { connection: 'close' }))

  socket[failBody] = finish
  payload.on('data', onData)
  payload.on('end', onEnd)
  payload.on('error', onError)
  askForBody(payload)
}
