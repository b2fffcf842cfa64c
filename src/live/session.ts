/**
 * One WebSocket: carries out what the client asks for and tells it what it is subscribed to. Answers come in the order
 * of the frames they answer.
 */
import type { SubscribeFrame, UnsubscribeFrame, UnwatchFrame, WatchFrame } from '../../schemas/index.ts'
import type { Static } from '@sinclair/typebox'
import type { Filter, Location } from '../backends/backend.ts'
import { makeFilter } from '../backends/filter.ts'
import type { Ingest } from '../ingest/ingest.ts'
import { TURNS } from '../ingest/turns.ts'
import { FrameError, asFrameError, readClientFrame, type ClientRequest, type FrameId, type Publish } from './client-frame.ts'
import { ackFrame, errorFrame, pongFrame, socketEncoding, subscribedFrame, watchFrame, welcomeFrame } from './frames.ts'
import { Inbox, type Step } from './inbox.ts'
import type { IncomingMessages } from './incoming-messages.ts'
import { CloseCode, Liveness, Outbox, type LivenessTimes, type PeerConnection } from './peer.ts'
import { Subscriber, type Delivery } from './subscriber.ts'
import type { Summaries } from './summaries.ts'
import { Watcher } from './watcher.ts'

/** So many bad frames within so many milliseconds end the connection. */
const MAX_BAD_FRAMES = 3
const BAD_FRAMES_TIME = 10_000

/** What all sessions share. */
export interface SessionContext {
  messages: IncomingMessages
  delivery: Delivery
  summaries: Summaries
  ingest: Ingest
  /** Silence after which a client is told that there is nothing new, in milliseconds. */
  heartbeat: number
  liveness: LivenessTimes
  /** Bytes of publishes under way from which on no more are read. */
  maxPublishBytes: number
}

/** What a client may do and asked for when it connected. */
export interface SessionOptions {
  canRead: boolean
  canWrite: boolean
  /** Takes what this client publishes, or says why not; without it the one that all share. */
  ingest?: Ingest
  /** Undefined for a client that asks for no events. */
  filter?: Filter
  /** Where it begins. */
  location: Location
}

/** One client over a WebSocket, from its welcome to its close. */
export class Session {
  readonly #context: SessionContext
  readonly #connection: PeerConnection
  readonly #outbox: Outbox
  readonly #subscriber: Subscriber
  readonly #watcher: Watcher
  readonly #liveness: Liveness
  readonly #canRead: boolean
  readonly #canWrite: boolean
  readonly #ingest: Ingest
  readonly #inbox: Inbox
  /** When the latest bad frames came, oldest first. */
  readonly #badFrames: number[] = []
  #isRefusing = false
  #isClosed = false

  constructor(context: SessionContext, connection: PeerConnection, { canRead, canWrite, ingest, filter, location }: SessionOptions) {
    const { delivery, messages, summaries, heartbeat, liveness, maxPublishBytes } = context
    this.#context = context
    this.#connection = connection
    this.#canRead = canRead
    this.#canWrite = canWrite
    this.#ingest = ingest ?? context.ingest
    this.#inbox = new Inbox(connection, messages, maxPublishBytes, (bytes, step) => this.#begin(bytes, step))
    this.#outbox = new Outbox(connection, delivery.now)
    this.#subscriber = new Subscriber(delivery, connection, this.#outbox, socketEncoding, location.cursor)
    this.#watcher = new Watcher(summaries, this.#subscriber, this.#outbox)
    this.#liveness = new Liveness(connection, this.#outbox, liveness, delivery.now())
    this.#answer(welcomeFrame(location, Math.ceil(heartbeat / 1000)))
    if (filter !== undefined) this.#subscriber.subscribe(filter, location)
  }

  /** Takes a text frame of the client. */
  receive(bytes: Buffer): void {
    if (!this.#isRefusing && !this.#inbox.push(bytes)) this.stop(CloseCode.Policy, 'too much is being sent at the same time')
  }

  /** To be called every now and then. */
  tick(now: number): void {
    this.#subscriber.sendHeartbeat(this.#context.heartbeat)
    if (this.#liveness.check(now, this.#inbox.isPaused)) return
    this.#context.delivery.stats.cuts++
    this.#connection.terminate()
  }

  /** Takes no more frames, answers those under way, and says goodbye. */
  stop(code: number, reason: string): void {
    this.#isRefusing = true
    this.#subscriber.unsubscribe()
    this.#watcher.close()
    this.#inbox.stop(() => {
      this.#connection.resume() // else the peer's own goodbye would not be read
      this.#connection.close(code, reason)
    })
  }

  /** The connection is gone. Events that came in before are taken all the same. */
  close(): void {
    this.#isClosed = true
    this.#subscriber.unsubscribe()
    this.#watcher.close()
    this.#inbox.close()
  }

  /** See `Subscriber`. */
  get waitsSince(): number | undefined {
    return this.#subscriber.waitsSince
  }

  terminate(): void {
    this.#connection.terminate()
  }

  #begin(bytes: Buffer, step: Step): void {
    this.#inbox.read((done) => TURNS.run(readClientFrame(bytes), (outcome) => {
      try {
        const request = outcome()
        if (request.type === 'publish') this.#publish(request, step)
        else step.run = () => this.#carryOut(request)
      } catch (error) {
        step.run = () => this.#refuse(asFrameError(error, undefined))
      }
      this.#inbox.proceed()
      done()
    }))
  }

  #publish({ id, body }: Publish, step: Step): void {
    if (!this.#canWrite) throw new FrameError('forbidden', 'this needs a write key', id)
    const end = this.#inbox.holdPublish(body.length, step)
    this.#inbox.read((done) => this.#ingest(body, 'json', { onRead: done }).then(
      (receipt) => () => this.#answer(ackFrame(id, receipt)),
      (error) => () => this.#refuse(this.#describe(error, id))
    ).then((run) => {
      done()
      end(run)
    }))
  }

  #carryOut(request: Exclude<ClientRequest, Publish>): void | Promise<void> {
    if (this.#isClosed || this.#isRefusing) return
    try {
      if (request.type === 'ping') return this.#answer(pongFrame(request.id))
      if (!this.#canRead) throw new FrameError('forbidden', 'this needs a read key', request.id)
      if (request.type === 'subscribe') return this.#subscribe(request)
      if (request.type === 'unsubscribe') this.#unsubscribe(request)
      else if (request.type === 'watch') this.#watch(request)
      else this.#unwatch(request)
    } catch (error) {
      this.#refuse(this.#describe(error, request.id))
    }
  }

  /** Nothing of the old filter is told after `subscribed`, and nothing of the new one before. */
  async #subscribe({ id, event_types: types, user_ids: users, after }: Static<typeof SubscribeFrame>): Promise<void> {
    try {
      const location = after === undefined && this.#subscriber.isSubscribed ? undefined : await this.#context.delivery.store.locate(after)
      if (this.#isClosed || this.#isRefusing) return
      const from = location ?? { cursor: this.#subscriber.cursor }
      this.#answer(subscribedFrame(id, from))
      this.#subscriber.subscribe(makeFilter(types, users), from)
    } catch (error) {
      this.#refuse(this.#describe(error, id))
    }
  }

  #unsubscribe({ id }: Static<typeof UnsubscribeFrame>): void {
    this.#subscriber.unsubscribe()
    this.#answer(subscribedFrame(id, { cursor: this.#subscriber.cursor }))
  }

  #watch({ id, time_window: window }: Static<typeof WatchFrame>): void {
    this.#answer(watchFrame('watching', id, window))
    this.#watcher.watch(window)
  }

  #unwatch({ id, time_window: window }: Static<typeof UnwatchFrame>): void {
    this.#watcher.unwatch(window)
    this.#answer(watchFrame('unwatched', id, window))
  }

  #describe(error: unknown, id: FrameId | undefined): FrameError {
    const described = asFrameError(error, id)
    if (described.code === 'internal_error') this.#context.delivery.onError(error)
    return described
  }

  #refuse(error: FrameError): void {
    this.#answer(errorFrame(error))
    if (!error.isBadFrame) return
    const now = this.#context.delivery.now()
    const latest = this.#badFrames
    if (latest.push(now) < MAX_BAD_FRAMES) return
    if (now - latest.shift()! < BAD_FRAMES_TIME) this.stop(CloseCode.Policy, `${MAX_BAD_FRAMES} bad frames within ten seconds`)
  }

  #answer(bytes: Buffer): void {
    if (this.#isClosed) return
    this.#inbox.answering()
    this.#outbox.send(bytes, this.#inbox.answered)
  }
}
