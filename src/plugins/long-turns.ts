/**
 * Answers that take milliseconds to make are made one in each turn of the event loop, however many are asked for at a
 * time; what is quick goes on between them. Of the connections that wait to be accepted, a turn takes one (libuv), so turns are left to
 * them first: else who connects would wait for a long answer for each of those who came before. [LIMIT-3]
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The `preHandler` of a long answer: resolves in a turn of the event loop that is for it alone, in the order of the requests. */
    awaitLongTurn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined>
  }
}

/** Most turns that are left to new connections before the next long answer is made: some milliseconds. */
const MOST_LEFT = 64

/** Gives away turns, one after the other. */
export class LongTurns {
  readonly #inNextTurn: (callback: () => void) => void
  readonly #waiting: (() => void)[] = []
  #isTaken = false
  /** Whether this turn has taken a connection, and how many turns have been left to them since the last long answer. */
  #hasConnected = false
  #left = 0

  /** @param inNextTurn calls back in the next turn of the event loop; a test counts them itself */
  constructor(inNextTurn: (callback: () => void) => void = setImmediate) {
    this.#inNextTurn = inNextTurn
  }

  /** Resolves in a turn that nobody else is given: at once if this one is free, else in the order of the calls. */
  async next(): Promise<void> {
    if (this.#isTaken) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
      return
    }
    this.#isTaken = true
    this.#inNextTurn(this.#next)
  }

  /** A connection has been accepted. */
  noteConnection(): void {
    this.#hasConnected = true
  }

  readonly #next = (): void => {
    if (this.#hasConnected && this.#left < MOST_LEFT) {
      this.#hasConnected = false
      this.#left++
      this.#inNextTurn(this.#next)
      return
    }
    this.#hasConnected = false
    this.#left = 0
    const resolve = this.#waiting.shift()
    this.#isTaken = resolve !== undefined
    if (resolve === undefined) return
    resolve()
    this.#inNextTurn(this.#next)
  }
}

export default fp(async (app) => {
  const turns = new LongTurns()
  app.server.on('connection', () => turns.noteConnection())
  app.decorate('awaitLongTurn', async (_request: FastifyRequest, reply: FastifyReply) => {
    await turns.next()
    return reply.raw.destroyed ? reply.hijack() : undefined // who has gone needs no answer
  })
}, { name: 'long-turns' })
