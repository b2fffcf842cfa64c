/** One reader of Server-Sent Events: it only listens, and may leave at any time. */
import type { Filter, Location } from '../backends/backend.ts'
import { messageEncoding, openingMessage, type ReaderState } from './frames.ts'
import { CloseCode, Outbox, type Outlet } from './peer.ts'
import { Subscriber, type Delivery } from './subscriber.ts'

/** One reader, from the opening of its stream to its end. */
export class Stream {
  readonly #outlet: Outlet
  readonly #heartbeat: number
  readonly #subscriber: Subscriber

  /** @param random from 0 to 1 */
  constructor(delivery: Delivery, outlet: Outlet, heartbeat: number, filter: Filter, location: Location, state: ReaderState, random: number) {
    const outbox = new Outbox(outlet, delivery.now)
    this.#outlet = outlet
    this.#heartbeat = heartbeat
    this.#subscriber = new Subscriber(delivery, outlet, outbox, messageEncoding, location.cursor)
    outbox.send(openingMessage(random, state, location.cursor), () => {})
    this.#subscriber.subscribe(filter, location)
  }

  /** To be called every now and then. */
  tick(): void {
    this.#subscriber.sendHeartbeat(this.#heartbeat)
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

  /** See `Subscriber`. */
  get waitsSince(): number | undefined {
    return this.#subscriber.waitsSince
  }

  terminate(): void {
    this.#outlet.terminate()
  }
}
