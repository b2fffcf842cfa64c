/**
 * The frames of one client, from arrival to answer: read one at a time and carried out in order, with publishes side by side,
 * a few of them. Beyond that the client's own socket is paused, so that nothing piles up here.
 */
import type { IncomingMessages } from './incoming-messages.ts'
import type { PeerConnection } from './peer.ts'

/** Most frames of a client under way: being carried out, or answered and the answer not yet sent. */
const MAX_UNDER_WAY = 8

/** Something that is done when everything before it is; undefined while it is not known yet. */
export interface Step {
  /** Bytes of the frame that it came with. */
  readonly bytes: number
  run: (() => void | Promise<void>) | undefined
}

/** The frames of one client. */
export class Inbox {
  readonly #connection: PeerConnection
  readonly #messages: IncomingMessages
  readonly #maxPublishBytes: number
  readonly #begin: (bytes: Buffer, step: Step) => void
  readonly #frames: Buffer[] = []
  readonly #steps: Step[] = []
  #unsentAnswers = 0
  #publishBytes = 0
  /** Frames that are being read: one, but that the read of what it publishes begins before its own has ended. */
  #readsUnderWay = 0
  #isWaiting = false
  #isPaused = false
  #whenIdle: (() => void) | undefined

  /**
   * @param messages where the frames of all clients count until they are carried out
   * @param maxPublishBytes bytes of publishes under way from which on no more are read
   * @param begin begins to read a frame with `read`, and sets what its step runs
   */
  constructor(connection: PeerConnection, messages: IncomingMessages, maxPublishBytes: number, begin: (bytes: Buffer, step: Step) => void) {
    this.#connection = connection
    this.#messages = messages
    this.#maxPublishBytes = maxPublishBytes
    this.#begin = begin
  }

  /** Whether the client is not read from now. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** A frame has come; false if there is no room for it. */
  push(bytes: Buffer): boolean {
    if (!this.#messages.reserve(bytes.length)) return false
    this.#frames.push(bytes)
    this.#beginFrames()
    return true
  }

  /** Reads nothing while this is being read, so that all are in order; a short frame is read before this returns. */
  read(begin: (done: () => void) => void): void {
    let isNow = true
    let isDone = false
    this.#readsUnderWay++
    begin(() => {
      if (isDone) return
      isDone = true
      this.#readsUnderWay--
      if (!isNow) queueMicrotask(() => this.#beginFrames())
    })
    isNow = false
  }

  /** Does what is known and due, in order: a step that waits holds up those after it. */
  proceed(): void {
    while (!this.#isWaiting && this.#steps.length > 0 && this.#steps[0].run !== undefined) {
      const running = this.#steps[0].run()
      if (running === undefined) this.#endStep()
      else this.#await(running)
    }
  }

  /** A publish of so many bytes is under way. Returns what ends it, with what its step is to run. */
  holdPublish(bytes: number, step: Step): (run: () => void) => void {
    this.#publishBytes += bytes
    return (run) => {
      this.#publishBytes -= bytes
      step.run = run
      this.proceed()
      this.#beginFrames()
    }
  }

  /** An answer is on its way. */
  answering(): void {
    this.#unsentAnswers++
  }

  /** An answer has left. */
  readonly answered = (): void => {
    this.#unsentAnswers--
    this.#beginFrames()
  }

  /** Forgets the frames that were not begun with, and calls back once all others are carried out. */
  stop(whenIdle: () => void): void {
    for (const { length } of this.#frames.splice(0)) this.#messages.release(length)
    this.#whenIdle = whenIdle
    this.#beginFrames()
  }

  /** The connection is gone, and no answer is awaited any more. */
  close(): void {
    this.#unsentAnswers = 0
    this.#beginFrames()
  }

  /** Begins with as many frames as may be under way, and lets the client send more or not. */
  #beginFrames(): void {
    let begun = 0
    while (begun < this.#frames.length && this.#readsUnderWay === 0 && !this.#isBusy) {
      const frame = this.#frames[begun++]
      const step: Step = { bytes: frame.length, run: undefined }
      this.#steps.push(step)
      this.#begin(frame, step)
    }
    this.#frames.splice(0, begun)
    const isPaused = this.#frames.length > 0 || this.#isBusy
    if (isPaused !== this.#isPaused) {
      this.#isPaused = isPaused
      if (isPaused) this.#connection.pause()
      else this.#connection.resume()
    }
    if (this.#steps.length > 0 || this.#whenIdle === undefined) return
    const whenIdle = this.#whenIdle
    this.#whenIdle = undefined
    whenIdle()
  }

  #endStep(): void {
    this.#messages.release(this.#steps.shift()!.bytes)
  }

  get #isBusy(): boolean {
    return this.#steps.length + this.#unsentAnswers >= MAX_UNDER_WAY || this.#publishBytes >= this.#maxPublishBytes
  }

  #await(running: Promise<void>): void {
    this.#isWaiting = true
    running.then(() => {
      this.#isWaiting = false
      this.#endStep()
      this.proceed()
      this.#beginFrames()
    })
  }
}
