/** One reader of Server-Sent Events: it only listens, and may leave at any time. */
import type { Filter } from '../backends/backend.ts'
import { CloseCode, type Outlet } from './connection.ts'
import type { Feed } from './feed.ts'
import { messageEncoding, openingMessage } from './messages.ts'
import { Outbox } from './outbox.ts'
import { findPosition } from './position.ts'
import { Subscriber } from './subscriber.ts'

/** See above. */
export class Stream {
  readonly #outlet: Outlet
  readonly #heartbeat: number
  readonly #subscriber: Subscriber

  /** @throws InvalidCursorError */
  constructor(feed: Feed, outlet: Outlet, heartbeat: number, filter: Filter, after: string | undefined) {
    const position = findPosition(feed.store, after)
    const outbox = new Outbox(outlet, feed.now)
    this.#outlet = outlet
    this.#heartbeat = heartbeat
    this.#subscriber = new Subscriber(feed, outlet, outbox, messageEncoding, position.cursor)
    this.#subscriber.subscribe(filter, position) // tells at once what is lost, and events only later
    outbox.send(openingMessage(position.cursor), () => {})
  }

  /** To be called every now and then. */
  tick(): void {
    this.#subscriber.breakSilence(this.#heartbeat)
  }

  /** Ends the stream; the reader comes back by itself. */
  stop(): void {
    this.#subscriber.unsubscribe()
    this.#outlet.close(CloseCode.Shutdown, 'the service is stopping')
  }

  /** The reader is gone. */
  close(): void {
    this.#subscriber.unsubscribe()
  }

  terminate(): void {
    this.#outlet.terminate()
  }
}
