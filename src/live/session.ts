/**
 * One WebSocket: carries out what the client asks for and tells it what it is subscribed to. Answers come in the order
 * of the frames they answer; publishes run side by side, a few of them, and beyond that the client's own socket is
 * paused, so that nothing piles up here.
 */
import type { SubscribeFrame, UnsubscribeFrame, UnwatchFrame, WatchFrame } from '../../schemas/index.ts'
import type { Static } from '@sinclair/typebox'
import type { EventStore, Filter, Location } from '../backends/backend.ts'
import type { Ingest } from '../ingest/ingest.ts'
import { TURNS } from '../ingest/turns.ts'
import { readClientFrame, type ClientRequest, type Publish } from './client-frame.ts'
import { CloseCode, type Connection } from './connection.ts'
import type { Feed } from './feed.ts'
import { makeFilter } from './filter.ts'
import { FrameError, asFrameError, type FrameId } from './frame-error.ts'
import { ackFrame, errorFrame, pongFrame, socketEncoding, subscribedFrame, watchFrame, welcomeFrame } from './frames.ts'
import { Liveness, type LivenessTimes } from './liveness.ts'
import { Outbox } from './outbox.ts'
import { Subscriber } from './subscriber.ts'
import type { Summaries } from './summaries.ts'
import { Watcher } from './watcher.ts'

/** Most frames of a client under way: being carried out, or answered and the answer not yet taken. */
const MAX_UNDER_WAY = 8

/** So many bad frames within so many milliseconds end the connection. */
const MAX_BAD_FRAMES = 3
const BAD_FRAMES_TIME = 10_000

/** What all sessions share. */
export interface SessionContext {
  store: EventStore
  feed: Feed
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

/** Something that is done when everything before it is; undefined while it is not known yet. */
interface Step {
  run: (() => void | Promise<void>) | undefined
}

/** See above. */
export class Session {
  readonly #context: SessionContext
  readonly #connection: Connection
  readonly #outbox: Outbox
  readonly #subscriber: Subscriber
  readonly #watcher: Watcher
  readonly #liveness: Liveness
  readonly #canRead: boolean
  readonly #canWrite: boolean
  readonly #ingest: Ingest
  readonly #inbox: Buffer[] = []
  readonly #steps: Step[] = []
  #unsentAnswers = 0
  #publishBytes = 0
  /** Frames that are being read: one, but that the read of what it publishes begins before its own has ended. */
  #reading = 0
  /** When the latest bad frames came, oldest first. */
  readonly #badFrames: number[] = []
  #isAsking = false
  #isPaused = false
  #isRefusing = false
  #isClosed = false
  #whenIdle: (() => void) | undefined

  constructor(context: SessionContext, connection: Connection, { canRead, canWrite, ingest, filter, location }: SessionOptions) {
    const { feed, summaries, heartbeat, liveness } = context
    this.#context = context
    this.#connection = connection
    this.#canRead = canRead
    this.#canWrite = canWrite
    this.#ingest = ingest ?? context.ingest
    this.#outbox = new Outbox(connection, feed.now)
    this.#subscriber = new Subscriber(feed, connection, this.#outbox, socketEncoding, location.cursor)
    this.#watcher = new Watcher(summaries, this.#subscriber, this.#outbox)
    this.#liveness = new Liveness(connection, this.#outbox, liveness, feed.now())
    this.#answer(welcomeFrame(location, Math.ceil(heartbeat / 1000)))
    if (filter !== undefined) this.#subscriber.subscribe(filter, location)
  }

  /** Takes a text frame of the client. */
  receive(bytes: Buffer): void {
    if (this.#isRefusing) return
    this.#inbox.push(bytes)
    this.#work()
  }

  /** To be called every now and then. */
  tick(now: number): void {
    this.#subscriber.breakSilence(this.#context.heartbeat)
    if (this.#liveness.check(now, this.#isPaused)) return
    this.#context.feed.stats.cuts++
    this.#connection.terminate()
  }

  /** Takes no more frames, answers those under way, and says goodbye. */
  stop(code: number, reason: string): void {
    this.#isRefusing = true
    this.#inbox.length = 0
    this.#subscriber.unsubscribe()
    this.#watcher.close()
    this.#whenIdle = () => {
      this.#connection.resume() // else the peer's own goodbye would not be read
      this.#connection.close(code, reason)
    }
    this.#work()
  }

  /** The connection is gone. Events that came in before are taken all the same. */
  close(): void {
    this.#isClosed = true
    this.#unsentAnswers = 0
    this.#subscriber.unsubscribe()
    this.#watcher.close()
    this.#work()
  }

  terminate(): void {
    this.#connection.terminate()
  }

  /** Begins with as many frames as may be under way, and lets the client send more or not. */
  #work(): void {
    let taken = 0
    while (taken < this.#inbox.length && this.#reading === 0 && !this.#isBusy) this.#take(this.#inbox[taken++])
    this.#inbox.splice(0, taken)
    const isPaused = this.#inbox.length > 0 || this.#isBusy
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

  get #isBusy(): boolean {
    return this.#steps.length + this.#unsentAnswers >= MAX_UNDER_WAY || this.#publishBytes >= this.#context.maxPublishBytes
  }

  #take(bytes: Buffer): void {
    const step: Step = { run: undefined }
    this.#steps.push(step)
    this.#read((done) => TURNS.run(readClientFrame(bytes), (outcome) => {
      try {
        const request = outcome()
        if (request.type === 'publish') this.#publish(request, step)
        else step.run = () => this.#carryOut(request)
      } catch (error) {
        step.run = () => this.#refuse(asFrameError(error, undefined))
      }
      this.#proceed()
      done()
    }))
  }

  /** Takes no frame while one is being read, so that all are in order; a short one is done with before this returns. */
  #read(begin: (done: () => void) => void): void {
    let isNow = true
    let isDone = false
    this.#reading++
    begin(() => {
      if (isDone) return
      isDone = true
      this.#reading--
      if (!isNow) queueMicrotask(() => this.#work())
    })
    isNow = false
  }

  /** Does what is known and due, in order: a step that asks the store holds up those after it. */
  #proceed(): void {
    while (!this.#isAsking && this.#steps.length > 0 && this.#steps[0].run !== undefined) {
      const asking = this.#steps[0].run()
      if (asking === undefined) this.#steps.shift()
      else this.#await(asking)
    }
  }

  #await(asking: Promise<void>): void {
    this.#isAsking = true
    asking.then(() => {
      this.#isAsking = false
      this.#steps.shift()
      this.#proceed()
      this.#work()
    })
  }

  #publish({ id, body }: Publish, step: Step): void {
    if (!this.#canWrite) throw new FrameError('forbidden', 'this needs a write key', id)
    const size = body.length
    this.#publishBytes += size
    this.#read((done) => this.#ingest(body, 'json', { onRead: done }).then(
      (receipt) => () => this.#answer(ackFrame(id, receipt)),
      (error) => () => this.#refuse(this.#describe(error, id))
    ).then((run) => {
      done()
      this.#publishBytes -= size
      step.run = run
      this.#proceed()
      this.#work()
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
      const location = after === undefined && this.#subscriber.isSubscribed ? undefined : await this.#context.store.locate(after)
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
    if (described.code === 'internal_error') this.#context.feed.onError(error)
    return described
  }

  #refuse(error: FrameError): void {
    this.#answer(errorFrame(error))
    if (!error.isBadFrame) return
    const now = this.#context.feed.now()
    const latest = this.#badFrames
    if (latest.push(now) < MAX_BAD_FRAMES) return
    if (now - latest.shift()! < BAD_FRAMES_TIME) this.stop(CloseCode.Policy, `${MAX_BAD_FRAMES} bad frames within ten seconds`)
  }

  #answer(bytes: Buffer): void {
    if (this.#isClosed) return
    this.#unsentAnswers++
    this.#outbox.send(bytes, this.#answered)
  }

  readonly #answered = (): void => {
    this.#unsentAnswers--
    this.#work()
  }
}
