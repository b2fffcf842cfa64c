/** A peer that is as slow, as silent and as gone as a test wants it. */
import type { ServerFrame } from '../../schemas/index.ts'
import { REUSED_BYTES } from '../../src/live/frame-pool.ts'
import type { PeerConnection } from '../../src/live/peer.ts'

/** It takes nothing until it drains, unless it is `eager`. */
export class FakePeer implements PeerConnection {
  received = 0
  isPaused = false
  pings = 0
  pauses = 0
  closed: { code: number, reason: string } | undefined
  isTerminated = false
  /** All that it was sent, also what it has not taken. */
  readonly sent: Buffer[] = []
  /** Most bytes that ever waited for it. */
  mostBuffered = 0
  #waiting: { length: number, sent: () => void }[] = []
  #eager: boolean

  constructor({ eager = true } = {}) {
    this.#eager = eager
  }

  get buffered(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0)
  }

  send(bytes: Buffer, sent: () => void): void {
    const place = this.sent.push(bytes) - 1
    const taken = (): void => {
      if (bytes.length >= REUSED_BYTES) this.sent[place] = Buffer.from(bytes) // its memory is used again
      sent()
    }
    if (this.#eager) {
      process.nextTick(taken)
      return
    }
    this.#waiting.push({ length: bytes.length, sent: taken })
    this.mostBuffered = Math.max(this.mostBuffered, this.buffered)
  }

  /** Takes what was sent, or the first few frames of it. */
  drain(frames = Infinity): void {
    for (const { sent } of this.#waiting.splice(0, frames)) sent()
  }

  /** From now on takes everything at once. */
  wakeUp(): void {
    this.#eager = true
    this.drain()
  }

  /** From now on takes nothing. */
  fallAsleep(): void {
    this.#eager = false
  }

  pause(): void {
    this.isPaused = true
    this.pauses++
  }

  resume(): void {
    this.isPaused = false
  }

  ping(): void {
    this.pings++
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason }
  }

  terminate(): void {
    this.isTerminated = true
  }

  /** Whether the last frame has this text somewhere. */
  has(bytes: Buffer | string): boolean {
    return this.sent.at(-1)?.includes(bytes) === true
  }

  /** Everything sent so far, as frames. */
  get frames(): ServerFrame[] {
    return this.sent.map((bytes) => JSON.parse(bytes.toString()) as ServerFrame)
  }

  /** The frames of one type. */
  framesOf<T extends ServerFrame['type']>(type: T): Extract<ServerFrame, { type: T }>[] {
    return this.frames.filter((frame) => frame.type === type) as Extract<ServerFrame, { type: T }>[]
  }

  /** The ids of all events sent, in order. */
  get eventIds(): string[] {
    return this.framesOf('events').flatMap(({ events }) => events.map((event) => event.event_id))
  }
}

/** Lets what is due in this process happen until something holds; gives up after many turns. */
export async function passTurnsUntil(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !holds(); turn++) await passTurns(1)
}

/** Lets everything that is due in this process happen. */
export async function passTurns(turns = 6): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
}
